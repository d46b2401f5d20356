"""Everything that is per stream: mel front end, encoder, greedy decoder, session."""
