"""A chunk of sound must not cost more operations than the stored counts.

`python scripts/count_operations.py` stores them anew.
"""

import json
import platform

import onnxruntime
import pytest

from tests.bench.operations import MODELS, count_operations, surroundings

RENEW = "If that is meant: python scripts/count_operations.py"

#: Counts that must not grow, for a chunk of silence and for a call of each graph. Bytes may grow
#: a little: they depend on how many frames the joint gets at once.
COUNTS = ("kernels", "kernels that only move", "allocations")
BYTES = ("bytes moved", "array bytes")


#: Models and precisions; the English one's layers are those of the other.
CASES = [("demo", "fp32"), ("demo", "int8"), ("english", "fp32")]
SLOW = [("english", "int8")]


@pytest.fixture(
    scope="module",
    params=[*CASES, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)],
    ids="-".join,
)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def stored(case):
    return json.loads(MODELS[case[0]].stored.read_text())


@pytest.fixture(scope="module")
def both(case, stored, tmp_path_factory):
    """The stored counts, and those of the present code."""
    model, precision = case
    folder = tmp_path_factory.mktemp("profiles")
    return stored[precision], count_operations(MODELS[model], precision, folder)


def same_surroundings(stored):
    if stored["made with"] != surroundings():
        pytest.skip(
            f"onnxruntime {onnxruntime.__version__} on {platform.machine()} optimizes in its own"
            f" way; the counts are of {stored['made with']}"
        )


def grown(before, now, names, allowance=1.0):
    return [
        f"{name}: {now[name]}, was {before[name]}"
        for name in names
        if name in before and now[name] > before[name] * allowance
    ]


def test_graphs_are_not_written_larger(both):
    before, now = both
    assert set(now["graphs"]) <= set(before["graphs"]), RENEW
    for graph, counts in now["graphs"].items():
        assert not grown(before["graphs"][graph], counts, ["nodes written"]), f"{graph}. {RENEW}"


def test_a_stream_does_not_call_more(both):
    before, now = both
    # On another processor int8 may give other tokens, and more of them need more calls.
    same_tokens = now["clip"]["tokens"] == before["clip"]["tokens"]
    for part in ("chunk of silence", "clip") if same_tokens else ("chunk of silence",):
        calls = before[part]["calls"]
        more = grown(calls, dict.fromkeys(calls, 0) | now[part]["calls"], calls)
        assert not more, f"calls for a {part}: {more}. {RENEW}"
        assert set(now[part]["calls"]) <= set(calls), RENEW


def test_a_chunk_does_not_run_more_kernels(both, stored):
    same_surroundings(stored)
    before, now = (one["chunk of silence"] for one in both)
    more = grown(before, now, COUNTS) + grown(before, now, BYTES, 1.02)
    assert not more, f"{more}; {explained(*both)}. {RENEW}"


def test_no_graph_runs_more_kernels(both, stored):
    same_surroundings(stored)
    before, now = both
    for graph, counts in now["graphs"].items():
        more = grown(before["graphs"][graph], counts, COUNTS)
        assert not more, f"{graph}: {more}; {explained(*both)}. {RENEW}"


def explained(before, now):
    """List the types of kernels that there are more of, to help find the reason."""
    lines = []
    for graph, counts in now["graphs"].items():
        old = before["graphs"].get(graph, {}).get("by type", {})
        for kind, count in counts["by type"].items():
            if count > old.get(kind, 0):
                lines.append(f"{graph} {kind} {count:g} (was {old.get(kind, 0):g})")
    return ", ".join(lines)


def test_the_guard_sees_an_operation_more(stored):
    """Otherwise the tests above could not fail."""
    before = stored["fp32"]["graphs"]["conformer_block"]
    assert grown(before, before | {"kernels": before["kernels"] + 1}, COUNTS)
    assert not grown(before, before, COUNTS)
