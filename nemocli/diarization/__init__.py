"""Who speaks when: the steps of a stream, and what it remembers; turns, and speakers of words."""
