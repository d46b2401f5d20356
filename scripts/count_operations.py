#!/usr/bin/env python
"""Store the numbers of operations that tests/bench/test_operations.py compares with.

    python scripts/count_operations.py

Run it after a change that costs operations on purpose, or saves some, and look at the difference
of tests/bench/operations.json and operations-english.json in git before you commit it.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.bench.operations import MODELS, count_operations, surroundings


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    for model in MODELS.values():
        counts = {"made with": surroundings()}
        for precision in ("fp32", "int8"):
            with tempfile.TemporaryDirectory() as folder:
                counts[precision] = count_operations(model, precision, Path(folder))
            for what, count in counts[precision]["chunk of silence"].items():
                print(f"{model.name} {precision}, a chunk of silence: {what}: {count}")
        model.stored.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
