"""Everything that is per stream: mel front end, encoder caches, greedy decoder, session."""
