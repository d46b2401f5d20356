"""A stream that runs for hours: segments closed as they end, its health watched, its lag told."""
