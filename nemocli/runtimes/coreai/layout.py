"""The name of the layout in which bundles of Core AI graphs are published."""

LAYOUT = "coreaikit"
