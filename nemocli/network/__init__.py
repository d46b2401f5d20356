"""The network, defined once against a small set of operations, and its weights."""
