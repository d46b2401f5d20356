"""What executes the graphs: numpy, onnxruntime, Core ML and Core AI."""
