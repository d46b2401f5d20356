"""ONNX: the network's operations as graph nodes, the model folder's files, and onnxruntime."""

import os

# From its version 1.29 on, onnxruntime keeps a record of its use in the cache folder and sends it
# to its makers; it reads this when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
