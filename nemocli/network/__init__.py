"""The network, defined once against a small set of operations, and the weights it is made of."""
