"""What comes out: tokens, the words made of them, segments of words, and the written formats."""
