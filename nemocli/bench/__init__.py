"""What a machine can do with a model: speed, accuracy, and exactness in every variant."""
