"""Who executes the graphs: numpy, the readable reference, and onnxruntime."""
