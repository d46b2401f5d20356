"""What turns a stream of samples into tokens: mel front end, encoder, greedy decoder, session."""
