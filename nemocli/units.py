"""What sound and encoder frames are counted in, everywhere."""

#: Samples per second of all sound that reaches the model.
SAMPLE_RATE = 16_000

#: Seconds of an encoder frame: eight mel rows of 10 ms.
FRAME_SECONDS = 0.08
