"""The server: one loaded model for many programs, by protocols that they already speak."""
