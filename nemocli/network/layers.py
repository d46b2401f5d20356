"""The layers of the network, each a function of operations, parameters and values.

FastConformer (arXiv:2305.05084) made cache-aware for streaming (arXiv:2312.17279), followed by
prompt fusion and an RNN transducer (arXiv:1211.3711). In shapes,

- B is the number of streams in the call,
- F the number of encoder frames (of 80 ms) of each stream in the call,
- C the number of frames of a chunk,
- N the number of chunks of each stream: F = N C,
- L the number of frames of left context,
- D the hidden size.

A call takes one chunk, or a block of chunks. In a block, each chunk attends to itself and to the L
frames before it, as if it were the only one. With one chunk, a layer's cache is that of the stream.
In a block, it has the frames of all streams of the model, each in a slot, wherever there was room:
so nothing is moved but new frames, which are put into slots that no stream needs any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from nemocli.network.operations import Operations, T
from nemocli.network.parameters import Parameters

#: Zeros that each 3x3 convolution of stride 2 gets before and after the mel axis.
MEL_PADDING = (2, 1)


def subsample(
    ops: Operations[T],
    p: Parameters,
    mel: T,
    caches: Sequence[T] | None,
    row_masks: Sequence[T] | None = None,
) -> tuple[T, list[T]]:
    """Make one encoder frame of eight mel rows, by three causal 3x3 convolutions of stride 2.

    `mel` is [B, 1, rows, mels]. `caches` holds each stage's last padded input row; it is None at
    the start of a stream, where two rows of zeros precede the first. `row_masks` ([B, 1, rows, 1]
    for each stage) zero the rows outside the sound. Returns the embeddings [B, F, D] and the new
    caches.
    """
    channels, mels = p.config.subsampling_channels, p.config.subsampled_mels
    sizes = [p.config.features.num_mels, *mels]
    x, new_caches = mel, []
    for stage in range(3):
        padding = {3: MEL_PADDING} if caches is not None else {2: (2, 0), 3: MEL_PADDING}
        x = ops.pad(x, padding)
        new_caches.append(ops.slice(x, 2, -1, None))
        if caches is not None:
            x = ops.concat([caches[stage], x], 2)
        x = _apply_stage(ops, p, stage, x)
        if row_masks is not None:
            x = ops.mul(x, row_masks[stage])
        x = ops.relu(x)
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (0, -1, channels * sizes[3]))
    stem = "encoder.subsampling.linear."
    return ops.linear(x, p[stem + "weight"], p[stem + "bias"]), new_caches


def _apply_stage(ops: Operations[T], p: Parameters, stage: int, x: T) -> T:
    prefix = "encoder.subsampling."
    if stage == 0:
        conv = prefix + "conv_in."
        return ops.conv2d(x, p[conv + "weight"], p[conv + "bias"], stride=2, groups=1)
    depthwise = f"{prefix}layers.{stage - 1}.depthwise_conv."
    pointwise = f"{prefix}layers.{stage - 1}.pointwise_conv."
    channels = p.config.subsampling_channels
    x = ops.conv2d(x, p[depthwise + "weight"], p[depthwise + "bias"], stride=2, groups=channels)
    return ops.conv2d(x, p[pointwise + "weight"], p[pointwise + "bias"], stride=1, groups=1)


@dataclass
class LayerCache(Generic[T]):
    """What a layer remembers of frames.

    For one chunk, keys and values are [B, heads, L, head size] and conv is [B, D, kernel - 1].
    For a block, they are [slots, heads, head size] and [slots, D].
    """

    keys: T
    values: T
    conv: T


@dataclass
class Slots(Generic[T]):
    """Where the frames of a block are in its caches, in int32.

    `new` [B F] has the slots of the new frames, stream after stream. `keys` [B, heads, N, L + C]
    has, for each chunk, the rows of its keys and values in caches of the shape [slots * heads, head
    size]: slot * heads + head. `conv` [B, kernel - 1 + F] has the slots that the convolution reads.
    """

    new: T
    keys: T
    conv: T


def apply_conformer_layer(
    ops: Operations[T],
    p: Parameters,
    layer: int,
    x: T,
    mask: T,
    cache: LayerCache[T],
    frames: int,
    slots: Slots[T] | None,
) -> tuple[T, LayerCache[T]]:
    """Apply half a feed forward, attention, convolution, half a feed forward to x [B, F, D].

    `frames` is C, the frames of a chunk; for `mask` and `slots` see `attend`. Returns the output
    [B, F, D] and the new cache.
    """
    prefix = f"encoder.layers.{layer}."

    def norm(value: T, name: str) -> T:
        return ops.layer_norm(value, p[f"{prefix}{name}.weight"], p[f"{prefix}{name}.bias"])

    x = ops.add(x, feed_forward(ops, p, prefix + "feed_forward1.", norm(x, "norm_feed_forward1")))
    attended, keys, values = attend(
        ops, p, layer, norm(x, "norm_self_att"), mask, cache, frames, slots
    )
    x = ops.add(x, attended)
    convolved, conv = convolve(ops, p, prefix, norm(x, "norm_conv"), cache.conv, slots)
    x = ops.add(x, convolved)
    x = ops.add(x, feed_forward(ops, p, prefix + "feed_forward2.", norm(x, "norm_feed_forward2")))
    return norm(x, "norm_out"), LayerCache(keys, values, conv)


def feed_forward(ops: Operations[T], p: Parameters, prefix: str, x: T) -> T:
    """Compute 0.5 * linear2(silu(linear1(x))), with the factor folded into the second matrix."""
    hidden = ops.silu(ops.linear(x, p[prefix + "linear1.weight"]))
    return ops.linear(hidden, p.half(prefix + "linear2.weight"))


def attend(
    ops: Operations[T],
    p: Parameters,
    layer: int,
    x: T,
    mask: T,
    cache: LayerCache[T],
    frames: int,
    slots: Slots[T] | None,
) -> tuple[T, T, T]:
    """Attend, with several heads, to the cached and the present frames at relative positions.

    score(i, j) = ((q_i + u) . k_j + (q_i + v) . r_(L + i - j)) / sqrt(head size) + mask(i, j)
    (arXiv:1901.02860, equation 5), with H heads of the size S. For one chunk, `mask` is
    [1, 1, C, L + C] and `slots` is None. For a block, `mask` is [B, 1, N, 1, L + C]. Returns the
    output [B, F, D] and the new caches of keys and values.
    """
    heads, size, left = p.config.num_heads, p.config.head_size, p.config.left_context
    qkv = ops.reshape(ops.linear(x, p.qkv(layer)), (0, -1, 3 * heads, size))  # [B, F, 3 H, S]
    if slots is None:
        q, keys, values = _append_to_cache(ops, qkv, cache, heads)
        chunk_keys, chunk_values = keys, values  # [B, H, L + C, S]
        new_keys, new_values = (ops.slice(x, 2, -left, None) for x in (keys, values))
    else:
        q, new_keys, new_values = _put_into_slots(ops, qkv, cache, heads, size, slots.new)
        chunk_keys, chunk_values = (
            ops.take(ops.reshape(x, (-1, size)), slots.keys) for x in (new_keys, new_values)
        )  # [B, H, N, L + C, S]

    q_u = ops.add(q, ops.constant(p.query_bias(layer, "u")))  # [B, H, F, S]
    q_v = ops.add(q, ops.constant(p.query_bias(layer, "v")))  # [B, H, F, S]
    relative_keys = ops.constant(p.relative_keys(layer, frames))  # [H, S, L + 2 C - 1]
    # In a block, the axis of chunks comes between that of heads and that of a chunk's frames.
    chunks = () if slots is None else (-1,)
    if chunks and frames == 1:
        # A product of one row is rounded in another way than one of several rows. A chunk of one
        # frame has one row if it comes alone, and so must have one here.
        q_v = ops.reshape(q_v, (0, heads, -1, 1, size))  # [B, H, N, 1, S]
        relative_keys = ops.reshape(relative_keys, (heads, 1, size, -1))  # [H, 1, S, L + 1]
    position = ops.matmul(q_v, relative_keys)  # [B, H, F, L + 2 C - 1], or [B, H, N, 1, L + 1]
    position = shift_to_keys(
        ops, position, (0, heads, *chunks), frames, left + frames
    )  # [B, H, C, L + C], in a block [B, H, N, C, L + C]

    keys_last: tuple[int, ...] = (0, 1, 3, 2)
    if slots is not None:
        q_u = ops.reshape(q_u, (0, heads, -1, frames, size))  # [B, H, N, C, S]
        keys_last = (0, 1, 2, 4, 3)
    content = ops.matmul(q_u, ops.transpose(chunk_keys, keys_last))  # as position
    weights = ops.softmax(ops.add(ops.add(content, position), mask))  # as position
    mixed = ops.matmul(weights, chunk_values)  # [B, H, C, S], in a block [B, H, N, C, S]
    if slots is not None:
        mixed = ops.reshape(mixed, (0, heads, -1, size))  # [B, H, F, S]
    mixed = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (0, -1, heads * size))  # [B, F, D]
    output = ops.linear(mixed, p[f"encoder.layers.{layer}.self_attn.o_proj.weight"])  # [B, F, D]
    return output, new_keys, new_values


def _append_to_cache(
    ops: Operations[T], qkv: T, cache: LayerCache[T], heads: int
) -> tuple[T, T, T]:
    """Append a chunk to a stream's cache; return q [B, H, C, S], keys and values [B, H, L + C, S].

    `qkv` is [B, C, 3 H, S].
    """
    qkv = ops.transpose(qkv, (0, 2, 1, 3))  # [B, 3 H, C, S]
    q, k, v = (ops.slice(qkv, 1, n * heads, (n + 1) * heads) for n in range(3))  # [B, H, C, S]
    return q, ops.concat([cache.keys, k], 2), ops.concat([cache.values, v], 2)


def _put_into_slots(
    ops: Operations[T], qkv: T, cache: LayerCache[T], heads: int, size: int, new: T
) -> tuple[T, T, T]:
    """Put a block's frames into their slots; return q [B, H, F, S], keys, values [slots, H, S].

    `qkv` is [B, F, 3 H, S].
    """
    q, k, v = (ops.slice(qkv, 2, n * heads, (n + 1) * heads) for n in range(3))  # [B, F, H, S]
    keys = ops.put(cache.keys, new, ops.reshape(k, (-1, heads, size)))
    values = ops.put(cache.values, new, ops.reshape(v, (-1, heads, size)))
    return ops.transpose(q, (0, 2, 1, 3)), keys, values


def shift_to_keys(ops: Operations[T], x: T, before: tuple[int, ...], frames: int, keys: int) -> T:
    """Turn scores by distance [B, heads, F, keys + C - 1] into scores by key [*before, C, keys].

    With chunks of one frame the two are the same: x is [*before, 1, keys] and is returned.

    The score of query i and key j is in column (C - 1 - i) + j. Read row after row, that is element
    i * (width - 1) + (C - 1) + j: drop the first C - 1 elements, make the rows one shorter, and
    keep the first columns. This takes only reshapes and static slices, which every device has.
    """
    width = keys + frames - 1
    if frames > 1:
        x = ops.reshape(x, (*before[:2], -1, frames * width))
        x = ops.slice(x, 3, frames - 1, frames - 1 + frames * (width - 1))
        x = ops.reshape(x, (*before, frames, width - 1))
        return ops.slice(x, len(before) + 1, 0, keys)
    return x


def convolve(
    ops: Operations[T], p: Parameters, prefix: str, x: T, cache: T, slots: Slots[T] | None
) -> tuple[T, T]:
    """Apply a gate, a causal depthwise convolution, a norm and SiLU to x [B, F, D].

    The cache holds values after the gate. Returns the output [B, F, D] and the new cache.
    """
    hidden, past = p.config.hidden_size, p.config.conv_kernel - 1
    kernel = p[prefix + "conv.depthwise_conv.weight"]
    both = ops.linear(x, p.matrix(prefix + "conv.pointwise_conv1.weight"))
    gate = ops.sigmoid(ops.slice(both, 2, hidden, 2 * hidden))
    gated = ops.mul(ops.slice(both, 2, 0, hidden), gate)  # [B, F, D]
    if slots is None:
        window = ops.concat([cache, ops.transpose(gated, (0, 2, 1))], 2)  # [B, D, K - 1 + C]
        cache = ops.slice(window, 2, -past, None)
        x = ops.transpose(ops.depthwise_conv1d(window, kernel), (0, 2, 1))  # [B, C, D]
    else:
        cache = ops.put(cache, slots.new, ops.reshape(gated, (-1, hidden)))
        x = ops.depthwise_conv1d_channels_last(ops.take(cache, slots.conv), kernel)  # [B, F, D]
    x = ops.layer_norm(x, p[prefix + "conv.norm.weight"], p[prefix + "conv.norm.bias"])
    x = ops.linear(ops.silu(x), p.matrix(prefix + "conv.pointwise_conv2.weight"))
    return x, cache


def fuse_prompt(ops: Operations[T], p: Parameters, x: T, one_hot: T) -> T:
    """Add the language to every frame: linear_2(relu(linear_1([x, one_hot]))); x is [B, F, D].

    `one_hot` is [1, prompts], or [B, 1, prompts] where each stream has a language of its own.
    """
    prefix = "prompt_projector."
    from_encoder = ops.linear(x, p.prompt_columns("encoder"), p[prefix + "linear_1.bias"])
    from_prompt = ops.linear(one_hot, p.prompt_columns("prompt"))
    hidden = ops.relu(ops.add(from_encoder, from_prompt))
    return ops.linear(hidden, p[prefix + "linear_2.weight"], p[prefix + "linear_2.bias"])


def step_lstm_layer(ops: Operations[T], p: Parameters, layer: int, x: T, h: T, c: T) -> tuple[T, T]:
    """Step one LSTM layer: x, h, c and the returned new h, c are [1, B, decoder size]."""
    size = p.config.decoder_size
    gates = ops.linear(ops.concat([x, h], 2), p.lstm_weight(layer), p.lstm_bias(layer))
    i, f, g, o = (ops.slice(gates, 2, n * size, (n + 1) * size) for n in range(4))
    kept = ops.mul(ops.sigmoid(f), c)
    c = ops.add(kept, ops.mul(ops.sigmoid(i), ops.tanh(g)))
    return ops.mul(ops.sigmoid(o), ops.tanh(c)), c
