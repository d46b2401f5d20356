"""Many files as jobs: finding them, skipping what is done, writing outputs, recording results."""
