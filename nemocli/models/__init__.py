"""Which model, where it lies, and how a checkpoint becomes a folder that a runtime can run."""

import os

# huggingface_hub would ask the hub for a list of programs, by which it finds out which of them
# started it, and say so in every request. It reads this variable when it is imported.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
