"""Transcribing on other machines: a Ray cluster, and its workers in place of a local model."""
