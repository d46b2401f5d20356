"""A stream that runs for hours: segments closed as they end, health watched, lag measured."""
