"""The model in plain numpy and float64, in one pass over a whole sound: the engine's reference.

It is written from the model's formulas, and shares only the names of weights and sizes with
nemocli. It has no chunks, caches or blocks: a lookahead only changes the chunk-limited mask.
tests/oracle compares with transformers; this needs no torch.
"""

import numpy as np


def mel_rows(samples, config):
    """Compute the log-mel rows [samples // hop, mels] of a whole sound."""
    x = samples.astype(np.float64)
    emphasised = x - config.preemphasis * np.concatenate([[0.0], x])[: len(x)]
    before = config.n_fft // 2
    padded = np.concatenate([np.zeros(before), emphasised, np.zeros(config.n_fft)])
    window, edge = np.zeros(config.n_fft), (config.n_fft - config.win_length) // 2
    window[edge : edge + config.win_length] = np.hanning(config.win_length)
    bins = np.arange(config.n_fft // 2 + 1)
    dft = np.exp(-2j * np.pi * np.outer(bins, np.arange(config.n_fft)) / config.n_fft)
    filters, rows = triangles(config), []
    for frame in range(len(samples) // config.hop_length):
        start = frame * config.hop_length
        power = np.abs(dft @ (padded[start : start + config.n_fft] * window)) ** 2
        rows.append(np.log(filters @ power + 2.0**-24))
    return np.array(rows).reshape(-1, config.num_mels)


def triangles(config):
    """Make Slaney's filters [mels, n_fft / 2 + 1]: peaks evenly spaced in mel, each of area 1."""

    def mel_of(hz):
        return 3 * hz / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)

    def hz_of(mel):
        return 200 * mel / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    top = config.sampling_rate / 2
    step = mel_of(top) / (config.num_mels + 1)
    edges = [hz_of(number * step) for number in range(config.num_mels + 2)]
    filters = np.zeros((config.num_mels, config.n_fft // 2 + 1))
    for number, (low, peak, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for bin_number in range(filters.shape[1]):
            hz = bin_number * config.sampling_rate / config.n_fft
            if low < hz < high:
                side = (hz - low) / (peak - low) if hz < peak else (high - hz) / (high - peak)
                filters[number, bin_number] = side * 2 / (high - low)
    return filters


class Offline:
    """A model for whole sounds, from weights by name."""

    def __init__(self, config, weights):
        self.config = config
        self.weights = {name: value.astype(np.float64) for name, value in weights.items()}

    def encode(self, rows, lookahead, prompts):
        """Compute enc_proj [frames, decoder size] of mel rows [n, mels], with a prompt a frame."""
        x = self._subsample(rows.astype(np.float64))
        for layer in range(self.config.num_layers):
            x = self._conformer(f"encoder.layers.{layer}.", x, lookahead + 1)
        if self.config.num_prompts:
            one_hot = np.eye(self.config.num_prompts)[list(prompts)[: len(x)]]
            x = self._linear(np.concatenate([x, one_hot], 1), "prompt_projector.linear_1")
            x = self._linear(np.maximum(x, 0), "prompt_projector.linear_2")
        return self._linear(x, "encoder_projector")

    def decode(self, enc_proj):
        """Decode greedily, by the textbook's loop; return (token, frame, probability) each."""
        config, symbols = self.config, []
        said, state = self.predict(config.blank_id, self.initial_state())
        for frame, encoded in enumerate(enc_proj):
            for _ in range(config.max_symbols):
                logits = self._linear(np.maximum(encoded + said, 0), "joint.head")
                token = int(logits.argmax())
                if token == config.blank_id:
                    break
                symbols.append((token, frame, softmax(logits)[token]))
                said, state = self.predict(token, state)
        return symbols

    def initial_state(self):
        """Return h and c of each layer of the predictor at the start of a stream."""
        return [np.zeros((2, self.config.decoder_size))] * self.config.decoder_layers

    def predict(self, token, state):
        """Return the output [decoder size] and the new state (h and c of each layer)."""
        x, after = self.weights["decoder.embedding.weight"][token], []
        for layer, (h, c) in enumerate(state):
            gates = 0
            for kind, value in (("ih", x), ("hh", h)):
                gates = gates + value @ self.weights[f"decoder.lstm.weight_{kind}_l{layer}"].T
                gates = gates + self.weights[f"decoder.lstm.bias_{kind}_l{layer}"]
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            x = sigmoid(o) * np.tanh(c)
            after.append(np.stack([x, c]))
        return self._linear(x, "decoder.decoder_projector"), after

    def _linear(self, x, name):
        y = x @ self.weights[name + ".weight"].T
        return y + self.weights[name + ".bias"] if name + ".bias" in self.weights else y

    def _norm(self, x, name):
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return centred / deviation * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def _subsample(self, rows):
        stem, x = "encoder.subsampling.", rows[None]
        x = np.maximum(self._convolve(x, stem + "conv_in", depthwise=False), 0)
        for stage in range(2):
            name = f"{stem}layers.{stage}."
            x = self._convolve(x, name + "depthwise_conv", depthwise=True)
            pointwise = self.weights[name + "pointwise_conv.weight"][:, :, 0, 0]
            bias = self.weights[name + "pointwise_conv.bias"][:, None, None]
            x = np.maximum(np.einsum("oi,itf->otf", pointwise, x) + bias, 0)
        return self._linear(x.transpose(1, 0, 2).reshape(x.shape[1], -1), stem + "linear")

    def _convolve(self, x, name, depthwise):
        """Convolve [channels, rows, mels], 3x3, stride 2; both axes padded by 2 before, 1 after."""
        padded = np.pad(x, [(0, 0), (2, 1), (2, 1)])
        patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
        kernel = self.weights[name + ".weight"]
        axes = "itfkl,ikl->itf" if depthwise else "itfkl,oikl->otf"
        y = np.einsum(axes, patches, kernel[:, 0] if depthwise else kernel)
        return y + self.weights[name + ".bias"][:, None, None]

    def _conformer(self, name, x, chunk):
        x = (
            x
            + self._feed_forward(
                name + "feed_forward1.", self._norm(x, name + "norm_feed_forward1")
            )
            / 2
        )
        x = x + self._attend(name + "self_attn.", self._norm(x, name + "norm_self_att"), chunk)
        x = x + self._conv_module(name + "conv.", self._norm(x, name + "norm_conv"))
        x = (
            x
            + self._feed_forward(
                name + "feed_forward2.", self._norm(x, name + "norm_feed_forward2")
            )
            / 2
        )
        return self._norm(x, name + "norm_out")

    def _feed_forward(self, name, x):
        return self._linear(silu(self._linear(x, name + "linear1")), name + "linear2")

    def _attend(self, name, x, chunk):
        heads, size = self.config.num_heads, self.config.head_size
        q, k, v = (self._linear(x, f"{name}{part}_proj").reshape(-1, heads, size) for part in "qkv")
        u, w = self.weights[name + "bias_u"], self.weights[name + "bias_v"]
        mixed = np.zeros_like(q)
        left = self.config.left_context // chunk * chunk  # only whole chunks are seen
        for i in range(len(x)):
            start = i - i % chunk
            seen = np.arange(max(0, start - left), min(start + chunk, len(x)))
            r = self._linear(sinusoids(i - seen, heads * size), name + "relative_k_proj")
            scores = np.einsum("hs,khs->hk", q[i] + u, k[seen])
            scores += np.einsum("hs,khs->hk", q[i] + w, r.reshape(-1, heads, size))
            mixed[i] = np.einsum("hk,khs->hs", softmax(scores / np.sqrt(size)), v[seen])
        return self._linear(mixed.reshape(len(x), -1), name + "o_proj")

    def _conv_module(self, name, x):
        both = x @ self.weights[name + "pointwise_conv1.weight"][:, :, 0].T
        value, gate = np.split(both, 2, 1)
        gated, kernel = value * sigmoid(gate), self.weights[name + "depthwise_conv.weight"][:, 0]
        past = np.concatenate([np.zeros((kernel.shape[1] - 1, x.shape[1])), gated])
        y = sum(kernel[:, n] * past[n : n + len(x)] for n in range(kernel.shape[1]))
        return (
            silu(self._norm(y, name + "norm"))
            @ self.weights[name + "pointwise_conv2.weight"][:, :, 0].T
        )


def sinusoids(distances, size):
    """Compute Transformer-XL's code [n, size] of distances: sine and cosine interleaved."""
    angles = distances[:, None] / 10000.0 ** (np.arange(0, size, 2) / size)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(len(distances), size)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)
