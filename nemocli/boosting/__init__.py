"""Phrases that the decoder prefers: lists, their matcher, and the choice of a token."""
