"""Environment variables that are not those of an option."""

#: Name, what it does.
VARIABLES = [
    ("NEMOCLI_MODELS_DIR", "Where `nemocli convert` writes models, and where they are looked for."),
    (
        "NEMOCLI_CACHE_DIR",
        "Where what can be made again is kept, such as conversions of a checkpoint named by"
        " --model.",
    ),
    ("NEMOCLI_DEBUG", "Set to 1, something unexpected is shown with its traceback."),
    (
        "HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE",
        "Of the Hugging Face hub: where its models are kept, and whether it is asked at all.",
    ),
    ("OMP_NUM_THREADS", "Threads that onnxruntime computes with; by default one for each core."),
    ("TMPDIR", "Where a sound file that comes on stdin is kept while it is transcribed."),
    ("NO_COLOR", "Set to anything, a terminal is written to without colours."),
]
