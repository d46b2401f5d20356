"""Measurement of a model on this machine: speed, accuracy, and exactness in every variant."""
