"""Many files: which, transcribed together, written, and continued where a run ended."""
