"""Core AI: the network's operations in Apple's format, the packages, and the runtime."""
