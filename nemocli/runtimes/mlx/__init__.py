"""MLX: the network's operations on its lazy arrays, the file of weights, and the runtime."""

import os

# On GPUs that could, MLX multiplies float32 matrices with fewer bits, unless this is set before it
# is imported.
os.environ.setdefault("MLX_ENABLE_TF32", "0")
