"""One thread that calls a loaded model for all its streams: live ones first, files in slices."""
