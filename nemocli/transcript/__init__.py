"""The transcript: tokens, words made of tokens, segments of words, and the written formats."""
