"""numpy: the network's operations, each computed as it is called, for any checkpoint."""
