"""Where sound comes from: any sound or video file, as packets of 16 kHz mono float32."""
