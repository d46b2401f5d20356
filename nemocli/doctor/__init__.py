"""What this machine has for nemocli, and how to get what is missing."""
