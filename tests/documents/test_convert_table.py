"""The table in docs/convert.md says of each runtime what its kind says."""

import pytest

from nemocli.runtimes.kinds import list_folder_kinds
from nemocli.runtimes.system import System
from scripts.make_docs import ROOT

KINDS = list_folder_kinds()
PAGE = (ROOT / "docs" / "convert.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_row_is_what_the_kind_says(kind):
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{kind.name}` |"))
    _, _, systems, precisions, units, _ = row.split("|")
    assert tuple(precisions.strip().split(", ")) == kind.offered_precisions
    assert ("--compute-units" in units) == bool(kind.compute_units)
    needs = kind.find_missing_for_auto(System("darwin", "1.0")) or ""
    assert needs.partition(" or later")[0] in systems
