"""A model on a server: its streams and files as if it were here, by OpenAI's interfaces."""
