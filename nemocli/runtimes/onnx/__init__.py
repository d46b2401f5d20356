"""ONNX: the network's operations as graph nodes, the model folder's files, and onnxruntime."""
