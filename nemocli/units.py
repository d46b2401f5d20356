"""Units of time: the sampling rate, and the length of an encoder frame."""

#: Samples per second of the sound that the model takes.
SAMPLE_RATE = 16_000

#: Length of an encoder frame: eight mel rows of 10 ms.
FRAME_SECONDS = 0.08
