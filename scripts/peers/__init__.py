"""The parts of scripts/compare_peers.py: one module a subject."""
