"""The version of nemocli, for its package and for what it writes."""

__version__ = "0.1.0"
