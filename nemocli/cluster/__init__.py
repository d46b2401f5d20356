"""Other machines: a Ray cluster, and workers on it that stand where the model was."""
