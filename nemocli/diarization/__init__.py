"""Who speaks when: the diarization model's streams, their turns, and the speakers of words."""
