"""Core ML: the network as ML Programs, the packages, and the runtime on macOS."""
