"""Environment variables that do not belong to an option."""

#: Name and effect.
VARIABLES = [
    (
        "NEMOCLI_MODELS_DIR",
        "Folder to which `nemocli convert` writes models.",
    ),
    (
        "NEMOCLI_CACHE_DIR",
        "Folder for files that can be made again, such as conversions of a checkpoint given by"
        " --model.",
    ),
    ("NEMOCLI_DATA_DIR", "Folder in which `nemocli bench --choose` remembers what it found."),
    ("NEMOCLI_CONFIG", "Config file to use instead of the platform's; /dev/null is an empty one."),
    ("NEMOCLI_DEBUG", "If set to 1, unexpected errors are shown with their traceback."),
    (
        "HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE",
        "Variables of the Hugging Face hub: folders of its models, and 1 to stay offline.",
    ),
    ("OMP_NUM_THREADS", "Number of onnxruntime's threads; by default one for each core."),
    ("TMPDIR", "Folder for a sound file that comes on stdin, while it is transcribed."),
    ("NO_COLOR", "If set to anything, nothing is coloured on a terminal."),
]
