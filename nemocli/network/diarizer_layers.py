"""The layers of the diarization model, each a function of operations, parameters and values.

A transformer encoder with rotary positions (arXiv:2104.09864) whose frames all see each other, and
a head that gives the activity of each speaker for every mel row. In shapes,

- B is the number of streams in the call,
- T the number of frames of each: those of speaker cache, FIFO, chunk and lookahead,
- D the hidden size, h that of the head, S that of an attention head, H the number of heads.
"""

from nemocli.network.diarizer_parameters import SILENCE, TOWER, DiarizerParameters
from nemocli.network.operations import Operations, T


def embed_rows(ops: Operations[T], p: DiarizerParameters, mel: T, silent: T) -> T:
    """Embed mel [B, T, 8 mels], eight rows a frame, as [B, T, D].

    `silent` [B, T, 1] is 1 where a frame is to be the learned embedding of silence, and mel is 0
    there; everywhere else it is 0.
    """
    sound = ops.linear(mel, p[TOWER + "embedder.projection.weight"])
    return ops.add(sound, ops.mul(silent, ops.constant(p[SILENCE])))


def apply_encoder_layer(
    ops: Operations[T], p: DiarizerParameters, layer: int, x: T, mask: T, cos: T, sin: T
) -> T:
    """Apply attention and a feed forward to x [B, T, D]; for the other values see `attend`."""
    prefix = f"{TOWER}layers.{layer}."
    x = ops.add(
        x, attend(ops, p, layer, normalize(ops, p, prefix + "layer_norm1.", x), mask, cos, sin)
    )
    hidden = normalize(ops, p, prefix + "layer_norm2.", x)
    hidden = ops.linear(hidden, p[prefix + "mlp.fc1.weight"], p[prefix + "mlp.fc1.bias"])
    hidden = ops.gelu(hidden)
    return ops.add(x, ops.linear(hidden, p[prefix + "mlp.fc2.weight"], p[prefix + "mlp.fc2.bias"]))


def normalize(ops: Operations[T], p: DiarizerParameters, prefix: str, x: T) -> T:
    """Normalize over the last axis, with the weights under a prefix."""
    return ops.layer_norm(x, p[prefix + "weight"], p[prefix + "bias"])


def attend(
    ops: Operations[T], p: DiarizerParameters, layer: int, x: T, mask: T, cos: T, sin: T
) -> T:
    """Attend with several heads from every frame of x [B, T, D] to every frame.

    `mask` [B, 1, 1, T] is added to the scores of each key; `cos` and `sin` [T, S] are those of
    `compute_rotation`.
    """
    heads, size = p.config.num_heads, p.config.head_size
    qkv = ops.reshape(ops.linear(x, p.qkv(layer)), (0, -1, 3 * heads, size))  # [B, T, 3 H, S]
    qkv = ops.transpose(qkv, (0, 2, 1, 3))  # [B, 3 H, T, S]
    turned = rotate(ops, p, ops.slice(qkv, 1, 0, 2 * heads), cos, sin)  # [B, 2 H, T, S]
    q, k = ops.slice(turned, 1, 0, heads), ops.slice(turned, 1, heads, 2 * heads)
    v = ops.slice(qkv, 1, 2 * heads, 3 * heads)  # [B, H, T, S]
    scores = ops.add(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))), mask)  # [B, H, T, T]
    mixed = ops.matmul(ops.softmax(scores), v)  # [B, H, T, S]
    mixed = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (0, -1, heads * size))  # [B, T, D]
    prefix = f"{TOWER}layers.{layer}.self_attn.o_proj."
    return ops.linear(mixed, p[prefix + "weight"], p[prefix + "bias"])


def rotate(ops: Operations[T], p: DiarizerParameters, x: T, cos: T, sin: T) -> T:
    """Turn each dimension of the first half of x [B, heads, T, S] with its partner of the second.

    Dimensions from the rotary size on stay as they are.
    """
    size = p.config.rotary_size
    partners = [ops.slice(x, 3, size // 2, size), ops.slice(x, 3, 0, size // 2)]
    if size < p.config.head_size:
        partners.append(ops.slice(x, 3, size, None))
    return ops.add(ops.mul(x, cos), ops.mul(ops.concat(partners, 3), sin))


def classify(ops: Operations[T], p: DiarizerParameters, x: T, keep: T) -> T:
    """Compute logits [B, 8 T, speakers] of the encoder's output [B, T, D].

    `keep` [B, T, 1] is 0 for frames that are only there to fill a shape, and 1 for all others: the
    convolution would read them from their neighbours.
    """
    size = p.config.head_hidden_size
    x = ops.mul(ops.linear(x, p["model.proj.weight"], p["model.proj.bias"]), keep)  # [B, T, h]
    x = ops.pad(ops.reshape(x, (0, 1, -1, size)), {2: (1, 1)})  # [B, 1, T + 2, h]
    three = [ops.slice(x, 2, 0, -2), ops.slice(x, 2, 1, -1), ops.slice(x, 2, 2, None)]
    x = ops.linear(ops.concat(three, 3), p.upsampling_matrix(), p["model.upsampler.conv.bias"])
    x = ops.relu(ops.reshape(x, (0, -1, size)))  # [B, 8 T, h]
    dense = "classifier.dense."
    x = ops.relu(ops.linear(x, p[dense + "weight"], p[dense + "bias"]))
    out = "classifier.out_proj."
    return ops.linear(x, p[out + "weight"], p[out + "bias"])
