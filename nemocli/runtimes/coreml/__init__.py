"""Core ML: the network as ML Programs, the packages of a model folder, and the runtime on macOS."""
