"""Mel front end: log-mel rows of a stream of samples, bit for bit the same for any packets."""

import numpy as np
from numpy.typing import NDArray

from nemocli.network.features import FeatureConfig

#: Added before the logarithm, so that silence gives a finite number: log(2^-24) = -16.6.
LOG_FLOOR = 2.0**-24


class MelStream:
    """Computes rows [n, mels] float32 from packets of any size.

    Row t is centred on sample hop * t. Outside the stream there are zeros, added after preemphasis.
    A row is computed as soon as the last sample of its window is there.
    """

    def __init__(self, config: FeatureConfig) -> None:
        self._config = config
        # A symmetric Hann window. The reference pads it with zeros to the length of the FFT; no
        # samples are needed for those.
        n = np.arange(config.win_length)
        self._window = 0.5 - 0.5 * np.cos(2 * np.pi * n / (config.win_length - 1))
        self._bands = _find_bands(compute_mel_filters(config))
        self._before = config.win_length // 2
        # Preemphasised samples from the next row's first on, zeros before the stream included.
        self._tail = np.zeros(self._before)
        self._last = 0.0
        self._rows = 0
        #: Samples received so far.
        self.samples = 0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rows that `samples` (16 kHz mono, any number) complete."""
        if len(samples):
            x = samples.astype(np.float64)
            emphasised = x.copy()
            emphasised[1:] -= self._config.preemphasis * x[:-1]
            emphasised[0] -= self._config.preemphasis * self._last
            self._last = float(x[-1])
            self._tail = np.concatenate([self._tail, emphasised])
            self.samples += len(samples)
        after = self._config.win_length - self._before
        return self._emit((self.samples - after) // self._config.hop_length + 1)

    def count_samples_for(self, rows: int) -> int:
        """Return how many more samples complete this many more rows (one or more)."""
        after = self._config.win_length - self._before
        last = self._rows + rows - 1
        return self._config.hop_length * last + after - self.samples

    def finish(self) -> NDArray[np.float32]:
        """Return the last rows, to make samples // hop in all; their windows reach into zeros."""
        self._tail = np.concatenate([self._tail, np.zeros(self._config.win_length)])
        return self._emit(self.samples // self._config.hop_length)

    def _emit(self, until: int) -> NDArray[np.float32]:
        """Compute the rows from the next one up to, but not including, number `until`."""
        count = until - self._rows
        if count <= 0:
            return np.zeros((0, self._config.num_mels), np.float32)
        hop, window = self._config.hop_length, self._config.win_length
        frames = np.lib.stride_tricks.sliding_window_view(self._tail, window)[::hop]
        mel = self._compute_log_mel(frames[:count])
        self._rows = until
        self._tail = self._tail[count * hop :].copy()
        return mel

    def _compute_log_mel(self, frames: NDArray[np.float64]) -> NDArray[np.float32]:
        spectrum = np.fft.rfft(frames * self._window, self._config.n_fft)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        mel = np.full((len(frames), self._config.num_mels), LOG_FLOOR)
        for first, bins, weights in self._bands:
            mel[:, first:] += power.take(bins, axis=1) * weights
        logarithm: NDArray[np.float32] = np.log(mel, out=mel).astype(np.float32)
        return logarithm


def _find_bands(
    filters: NDArray[np.float64],
) -> list[tuple[int, NDArray[np.intp], NDArray[np.float64]]]:
    """Turn the filters [mels, bins] into sums over the few bins that each of them has.

    The result has an entry for n = 0, 1, ...: the first filter that has an nth bin, the nth bin of
    this and every later filter, and its weight there. Filters widen with frequency, so (nearly) all
    later ones have an nth bin; the weight is 0 for one that does not. A matrix product would be
    mostly zeros, and its rounding would depend on the number of rows computed at once.
    """
    starts = (filters > 0).argmax(1)
    widths = (filters > 0).sum(1)
    bands = []
    for n in range(int(widths.max())):
        first = int((widths > n).argmax())
        bins = np.minimum(starts[first:] + n, filters.shape[1] - 1)
        rows = np.arange(first, len(filters))
        weights = np.where(widths[first:] > n, filters[rows, bins], 0.0)
        bands.append((first, bins, weights))
    return bands


def compute_mel_filters(config: FeatureConfig) -> NDArray[np.float64]:
    """Make triangular filters [mels, n_fft / 2 + 1] of equal area, up to half the sampling rate.

    The mel scale is that of Slaney's Auditory Toolbox (1998): linear below 1 kHz, logarithmic
    above.
    """
    nyquist = config.sampling_rate / 2
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(nyquist), config.num_mels + 2))
    bins = np.linspace(0.0, nyquist, config.n_fft // 2 + 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    triangles: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return triangles * (2.0 / (high - low))


#: Slaney's scale: 1000 Hz is mel 15, and above it 27 mels are a factor of 6.4.
_KNEE_HZ, _KNEE_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    if hz < _KNEE_HZ:
        return hz * _KNEE_MEL / _KNEE_HZ
    return float(_KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mel * _KNEE_HZ / _KNEE_MEL
    return np.where(mel < _KNEE_MEL, linear, _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL)))
