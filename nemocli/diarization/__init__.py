"""Who speaks when: per stream, the modes of latency, the speaker cache, and the steps."""
