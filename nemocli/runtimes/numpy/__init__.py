"""numpy: the network's operations computed as they are called, on a checkpoint as it is."""
