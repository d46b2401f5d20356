"""Functions that keep a stream's caches in Core ML, as states, instead of taking and giving them.

The halves of the conformer have two functions for each lookahead over the same weights: one whose
caches are inputs and outputs, and this one. Core ML has states in float16 only.
"""

from nemocli.runtimes.packages import function_name

#: The graphs whose caches can be states. Those of the others are small.
STATE_GRAPHS = ("conformer_a", "conformer_b")

#: The caches that are states, by the names of the graph's inputs.
STATES = ("k_cache", "v_cache", "conv_cache")


def has_states(graph: str, encoder_dtype: str) -> bool:
    """Tell whether a graph also has functions with states, in packages of a data type."""
    return graph in STATE_GRAPHS and encoder_dtype == "float16"


def state_function_name(graph: str, lookahead: int) -> str:
    """Return the name of a package's function with states."""
    return f"{function_name(graph, lookahead)}_states"
