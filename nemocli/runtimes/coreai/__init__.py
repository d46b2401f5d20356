"""Core AI: the network's operations authored for Apple's format, its packages, and its runtime."""
