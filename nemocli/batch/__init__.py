"""Transcribing many files together: read ahead, with many streams in one call of the model."""
