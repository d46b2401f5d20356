"""Placement of decoded sound by its file's clock: gaps are filled, wrong clocks are ignored.

A file's times are rounded, jitter, drift, and may be damaged. So a piece is moved only if both its
time and that of the next piece are out of tolerance. Times are compared with the sum of all sound
before, so that errors do not accumulate, however long the file is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from nemocli.audio.sound_warnings import WarningLog

#: Difference between clock and sound that is ignored.
TOLERANCE_S = 0.04

#: The same after an undecodable packet, where sound is certainly missing.
DAMAGE_TOLERANCE_S = 0.005

#: A longer jump ahead means that the clock was set; a shorter one is a gap to fill with silence.
MAX_GAP_S = 3600.0

#: All gaps together may be longer than MAX_GAP_S by this many times the sound: a damaged header may
#: say that each packet lasts minutes, so that a few kilobytes would be days of silence.
MAX_FILLED_SHARE = 10.0

#: A longer jump must be confirmed by the next piece even after an undecodable packet.
FAR_S = 1.0

#: Longest gap within a pause: codecs that send nothing then do send a packet in 0.4 s. Shorter gaps
#: count as pauses only behind one that is as long as this: lost packets do not wait for pauses.
MAX_PAUSE_S, FULL_PAUSE_S = 0.5, 0.3

#: A clock that was reset is used again if at most this much is missing by it.
MAX_RETURN_S = 60.0

#: A clock that drifts by more than this share is ignored.
MAX_DRIFT = 0.1

Samples = TypeVar("Samples")


@dataclass(slots=True)
class Piece(Generic[Samples]):
    """Decoded sound with its start by the file's clock, in seconds; None if unknown."""

    samples: Samples
    starts: float | None
    seconds: float
    #: Whether something just before it could not be decoded.
    follows_damage: bool = False


@dataclass(slots=True)
class Placed(Generic[Samples]):
    """Samples, the seconds of silence before them, and the seconds to skip at their beginning."""

    samples: Samples
    silence: float = 0.0
    skipped: float = 0.0


class Timeline(Generic[Samples]):
    """Timeline of the pieces of a file; `origin` is the file's time at which its sound begins.

    Without an origin, the first piece begins at 0. `is_quiet` is for codecs that send no packets in
    pauses: a short gap between quiet pieces is then a pause, and no loss.
    """

    def __init__(
        self,
        origin: float | None,
        log: WarningLog,
        is_quiet: Callable[[Samples], bool] | None = None,
    ) -> None:
        #: Seconds placed so far, and seconds by which the file's clock jumped ahead of the sound.
        self.position = self.ignored = 0.0
        # Seconds of `position` that are silence in gaps.
        self._filled = 0.0
        self._log = log
        self._is_quiet = is_quiet
        # Whether there was a whole pause without packets, and the samples of the last piece.
        self._has_pauses = False
        self._before: Samples | None = None
        self._offset = None if origin is None else -origin
        # The offset before the last reset.
        self._former: float | None = None
        self._has_begun = False
        # Since the clock was last right: when that was, and the sum of its jumps ahead.
        self._right_at = 0.0
        self._jumped = self._jumped_at = 0.0
        self._last_error = 0.0
        #: Seconds that are still to be skipped.
        self._to_skip = 0.0
        #: Where the last piece ended by the file's clock; None if unknown.
        self._ends: float | None = None
        #: Where the last piece began by the file's clock.
        self._began: float | None = None

    def place(self, pieces: Iterable[Piece[Samples]]) -> Iterator[Placed[Samples]]:
        """Yield the pieces in their order; one is held until the next is known."""
        held: Piece[Samples] | None = None
        for piece in pieces:
            if held is not None:
                yield self._settle(held, piece)
                held = None
            if self._to_skip:
                yield self._pass(piece, skipped=min(self._to_skip, piece.seconds))
                continue
            error = self._measure_error(piece, self.position)
            self._last_error = error or 0.0
            held = piece if error is not None and self._is_off(piece, error) else None
            if held is None:
                if piece.follows_damage and self._has_begun:
                    self._log.note("foreign", self.position, 0.0)
                yield self._pass(piece)
        if held is not None:
            yield self._settle(held, None)
        if self._jumped > DAMAGE_TOLERANCE_S and self._last_error > DAMAGE_TOLERANCE_S:
            self._log.note("missing", self._jumped_at, self._last_error)

    def _measure_error(self, piece: Piece[Samples], position: float) -> float | None:
        """Return by how many seconds the file's clock is ahead of `position`; None if unknown."""
        if piece.starts is None:
            return None
        if self._offset is None:
            self._offset = position - piece.starts
        return piece.starts + self._offset - position

    def _is_off(self, piece: Piece[Samples], error: float) -> bool:
        if piece.follows_damage and error > DAMAGE_TOLERANCE_S:
            return True
        return abs(error) > TOLERANCE_S

    def _settle(self, piece: Piece[Samples], following: Piece[Samples] | None) -> Placed[Samples]:
        """Place a piece whose time is out of tolerance, knowing the time of the next."""
        error = self._measure_error(piece, self.position) or 0.0
        if not (piece.follows_damage and 0 < error <= FAR_S):
            error = self._confirm(piece, error, following)
        if error > 0:
            return self._move_ahead(piece, error)
        if error < 0:
            return self._move_back(piece, error)
        if piece.follows_damage:
            self._log.note("foreign", self.position, 0.0)
        return self._pass(piece, is_outlier=True)

    def _confirm(
        self, piece: Piece[Samples], error: float, following: Piece[Samples] | None
    ) -> float:
        """Return the part of a piece's error that the next piece has too, or 0."""
        if following is None:
            return error if -FAR_S <= error <= MAX_RETURN_S else 0.0
        next_error = self._measure_error(following, self.position + piece.seconds)
        # FFmpeg may give the second piece the time of the first, of which it knows no length.
        if next_error is None or (not self._has_begun and following.starts == piece.starts):
            return error
        if abs(next_error) <= TOLERANCE_S or (error > 0) != (next_error > 0):
            return 0.0
        return min(error, next_error, key=abs)

    def _move_ahead(self, piece: Piece[Samples], error: float) -> Placed[Samples]:
        """Fill a gap with silence; ignore the clock where the gap is implausible."""
        self._count_jump(piece)
        sound = self.position - self._filled
        if error > MAX_GAP_S or self._filled + error > MAX_GAP_S + MAX_FILLED_SHARE * sound:
            return self._reset(piece, "ahead", error)
        # The sound begins later than the picture.
        if not self._has_begun and not piece.follows_damage:
            return self._pass(piece, silence=error)
        if self._has_begun and self._jumped < error / 2 and self._drifts_too_far(error):
            return self._reset(piece, "uneven", error)
        if piece.follows_damage:
            self._log.note("undecodable", self.position, error)
        elif not self._is_pause(piece, error):
            self._log.note("missing", self.position, error)
        return self._pass(piece, silence=error)

    def _is_pause(self, piece: Piece[Samples], error: float) -> bool:
        """Return whether a gap before a piece is a pause in which nothing was sent."""
        if self._is_quiet is None or self._before is None or error > MAX_PAUSE_S:
            return False
        if not (self._has_pauses or error >= FULL_PAUSE_S):
            return False
        is_pause = self._is_quiet(self._before) and self._is_quiet(piece.samples)
        self._has_pauses = self._has_pauses or is_pause
        return is_pause

    def _move_back(self, piece: Piece[Samples], error: float) -> Placed[Samples]:
        """Skip sound for which a slow clock has no time; ignore a clock that jumped or stands."""
        if not self._has_begun:
            return self._reset(piece, None, error)
        # If a piece begins before the last one began, the clock jumped; else that one was too long.
        jumps = self._began is None or piece.starts is None or piece.starts <= self._began
        if (jumps and self._measure_step(piece) < -TOLERANCE_S) or -error > FAR_S:
            return self._reset(piece, "back", error)
        if self._measure_step(piece) >= -TOLERANCE_S and self._drifts_too_far(error):
            return self._reset(piece, "back", error)
        self._log.note("slow", self.position, -error)
        self._to_skip = -error
        return self._pass(piece, skipped=min(-error, piece.seconds))

    def _reset(self, piece: Piece[Samples], what: str | None, error: float) -> Placed[Samples]:
        """Reset the clock: this piece follows the last one without a gap."""
        before, self._offset = self._offset, None
        self._measure_error(piece, self.position)
        if what and self._has_begun:
            former = self._measure_former_error(piece)
            if former is not None:  # times that were damaged for a while
                self._offset, self._former = self._former, None
                self._log.note("undecodable", self.position, former)
                return self._pass(piece, silence=former)
            self._log.note(what, self.position, abs(error))
            self.ignored += max(0.0, error)
            self._former = before
        return self._pass(piece, is_right=True)

    def _measure_former_error(self, piece: Piece[Samples]) -> float | None:
        """Return how far ahead a piece is by the clock before the reset; None if implausible."""
        if self._former is None or piece.starts is None:
            return None
        error = piece.starts + self._former - self.position
        return max(0.0, error) if -TOLERANCE_S <= error <= MAX_RETURN_S else None

    def _pass(
        self,
        piece: Piece[Samples],
        silence: float = 0.0,
        skipped: float = 0.0,
        *,
        is_right: bool = False,
        is_outlier: bool = False,
    ) -> Placed[Samples]:
        if silence or skipped or is_right:
            self._right_at, self._jumped = self.position + silence, 0.0
        elif not is_outlier:
            self._count_jump(piece)
        self._to_skip = max(0.0, self._to_skip - skipped)
        self._filled += silence
        self.position += silence + piece.seconds - skipped
        self._has_begun = True
        self._before = piece.samples
        self._began = piece.starts
        if is_outlier and self._offset is not None:
            self._ends = self.position - self._offset
        else:
            self._ends = None if piece.starts is None else piece.starts + piece.seconds
        return Placed(piece.samples, silence, skipped)

    def _count_jump(self, piece: Piece[Samples]) -> None:
        step = self._measure_step(piece)
        if step > piece.seconds / 2:
            self._jumped, self._jumped_at = self._jumped + step, self.position

    def _measure_step(self, piece: Piece[Samples]) -> float:
        """Return the seconds from the last piece's end to this one's start, by the file's clock."""
        if piece.starts is None or self._ends is None:
            return 0.0
        return piece.starts - self._ends

    def _drifts_too_far(self, error: float) -> bool:
        return abs(error) > MAX_DRIFT * max(self.position - self._right_at, TOLERANCE_S)
