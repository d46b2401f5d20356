"""ONNX: the network's operations as graph nodes, the model folder's files, and onnxruntime."""

import os

# From version 1.29 on, onnxruntime records its use in the cache folder and sends the record to its
# makers. It reads this variable when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
