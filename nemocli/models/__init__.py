"""Which model, where it lies, and how a checkpoint becomes a folder that a runtime can run."""
