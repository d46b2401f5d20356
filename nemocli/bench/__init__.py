"""What a machine can do: every runtime on it, for its exactness and its speed."""
