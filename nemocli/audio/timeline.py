"""Where each piece of decoded sound belongs by its file's clock: holes are filled, bad clocks not
followed.

A file's times are rounded, jitter, drift, and are damaged like all else. So a piece is moved only
if its time is out of tolerance by itself and together with the piece behind it; what is moved is
the sum of all that came before, so that nothing adds up, however long the file is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from nemocli.audio.sound_warnings import WarningLog

#: A difference between clock and sound that is left alone, in seconds.
TOLERANCE = 0.04

#: The same where a packet could not be decoded: what is missing there is known to be missing.
DAMAGE_TOLERANCE = 0.005

#: A longer jump ahead is a clock that was set, not a hole that should become silence.
LONGEST_GAP = 3600.0

#: A jump that the next piece must confirm even where a packet could not be decoded.
FAR = 1.0

#: A clock that was reset may be right after all, if by that so many seconds are missing at most.
RETURN = 60.0

#: A clock that drifts by more than this share is none.
MOST_DRIFT = 0.1

Samples = TypeVar("Samples")


@dataclass(slots=True)
class Piece(Generic[Samples]):
    """Decoded sound with its time by the file's clock, in seconds; None if it has none."""

    samples: Samples
    starts: float | None
    seconds: float
    #: Whether something just before it could not be decoded.
    follows_damage: bool = False


@dataclass(slots=True)
class Placed(Generic[Samples]):
    """Samples, the seconds of silence before them, and of their beginning that are left out."""

    samples: Samples
    silence: float = 0.0
    skipped: float = 0.0


class Timeline(Generic[Samples]):
    """Places the pieces of a file; `origin` is the file's time at which its sound begins.

    Without an origin, the first piece begins at 0.
    """

    def __init__(self, origin: float | None, log: WarningLog) -> None:
        #: Seconds given out so far.
        self.position = 0.0
        self._log = log
        self._offset = None if origin is None else -origin
        # The same before it was last reset.
        self._former: float | None = None
        self._has_begun = False
        # Since the clock was last right: when that was, and the sum of its jumps ahead.
        self._right_at = 0.0
        self._jumped = self._jumped_at = 0.0
        self._last_error = 0.0
        #: Seconds that are still to be left out.
        self._to_skip = 0.0
        #: Where the last piece ended by the file's clock; None if that is not known.
        self._ends: float | None = None
        #: Where it began by that.
        self._began: float | None = None

    def place(self, pieces: Iterable[Piece[Samples]]) -> Iterator[Placed[Samples]]:
        """Give the pieces in their order, at most one of them late."""
        held: Piece[Samples] | None = None
        for piece in pieces:
            if held is not None:
                yield self._settle(held, piece)
                held = None
            if self._to_skip:
                yield self._pass(piece, skipped=min(self._to_skip, piece.seconds))
                continue
            error = self._error(piece, self.position)
            self._last_error = error or 0.0
            held = piece if error is not None and self._is_off(piece, error) else None
            if held is None:
                if piece.follows_damage and self._has_begun:
                    self._log.note("foreign", self.position, 0.0)
                yield self._pass(piece)
        if held is not None:
            yield self._settle(held, None)
        if self._jumped > DAMAGE_TOLERANCE and self._last_error > DAMAGE_TOLERANCE:
            self._log.note("missing", self._jumped_at, self._last_error)

    def _error(self, piece: Piece[Samples], position: float) -> float | None:
        """Seconds by which the file's clock is ahead of `position`; None if it tells nothing."""
        if piece.starts is None:
            return None
        if self._offset is None:
            self._offset = position - piece.starts
        return piece.starts + self._offset - position

    def _is_off(self, piece: Piece[Samples], error: float) -> bool:
        if piece.follows_damage and error > DAMAGE_TOLERANCE:
            return True
        return abs(error) > TOLERANCE

    def _settle(self, piece: Piece[Samples], following: Piece[Samples] | None) -> Placed[Samples]:
        """Place a piece whose time is out of tolerance, knowing the time of the next."""
        error = self._error(piece, self.position) or 0.0
        if not (piece.follows_damage and 0 < error <= FAR):
            error = self._confirmed(error, self.position + piece.seconds, following)
        if error > 0:
            return self._move_ahead(piece, error)
        if error < 0:
            return self._move_back(piece, error)
        if piece.follows_damage:
            self._log.note("foreign", self.position, 0.0)
        return self._pass(piece, is_outlier=True)

    def _confirmed(self, error: float, position: float, following: Piece[Samples] | None) -> float:
        """Give the part of an error that the next piece has too; 0 if there is none."""
        if following is None:
            return error if -FAR <= error <= RETURN else 0.0
        next_error = self._error(following, position)
        if next_error is None:
            return error
        if abs(next_error) <= TOLERANCE or (error > 0) != (next_error > 0):
            return 0.0
        return min(error, next_error, key=abs)

    def _move_ahead(self, piece: Piece[Samples], error: float) -> Placed[Samples]:
        """Fill a hole with silence; or go on without it where the clock cannot mean it."""
        self._count_jump(piece)
        if error > LONGEST_GAP:
            return self._reset(piece, "ahead", error)
        if (
            not self._has_begun and not piece.follows_damage
        ):  # it begins late, as its picture has it
            return self._pass(piece, silence=error)
        if self._has_begun and self._jumped < error / 2 and self._drifts_too_far(error):
            return self._reset(piece, "uneven", error)
        self._log.note("undecodable" if piece.follows_damage else "missing", self.position, error)
        return self._pass(piece, silence=error)

    def _move_back(self, piece: Piece[Samples], error: float) -> Placed[Samples]:
        """Leave out what a slow clock has no time for; go on where it jumped back or stands."""
        if not self._has_begun:
            return self._reset(piece, None, error)
        # A piece that begins before the last one did is a jump; else that one was too long.
        jumps = self._began is None or piece.starts is None or piece.starts <= self._began
        if (jumps and self._step(piece) < -TOLERANCE) or -error > FAR:
            return self._reset(piece, "back", error)
        if self._step(piece) >= -TOLERANCE and self._drifts_too_far(error):
            return self._reset(piece, "back", error)
        self._log.note("slow", self.position, -error)
        self._to_skip = -error
        return self._pass(piece, skipped=min(-error, piece.seconds))

    def _reset(self, piece: Piece[Samples], what: str | None, error: float) -> Placed[Samples]:
        """Begin the clock anew: this piece is where the sound is."""
        before, self._offset = self._offset, None
        self._error(piece, self.position)
        if what and self._has_begun:
            former = self._former_error(piece)
            if former is not None:  # times that were damaged for a while
                self._offset, self._former = self._former, None
                self._log.note("undecodable", self.position, former)
                return self._pass(piece, silence=former)
            self._log.note(what, self.position, abs(error))
            self._former = before
        return self._pass(piece, is_right=True)

    def _former_error(self, piece: Piece[Samples]) -> float | None:
        """How far ahead a piece is by the clock before the last reset, if it may be by that."""
        if self._former is None or piece.starts is None:
            return None
        error = piece.starts + self._former - self.position
        return max(0.0, error) if -TOLERANCE <= error <= RETURN else None

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
        self.position += silence + piece.seconds - skipped
        self._has_begun = True
        self._began = piece.starts
        if is_outlier and self._offset is not None:
            self._ends = self.position - self._offset
        else:
            self._ends = None if piece.starts is None else piece.starts + piece.seconds
        return Placed(piece.samples, silence, skipped)

    def _count_jump(self, piece: Piece[Samples]) -> None:
        step = self._step(piece)
        if step > piece.seconds / 2:
            self._jumped, self._jumped_at = self._jumped + step, self.position

    def _step(self, piece: Piece[Samples]) -> float:
        """Seconds by the file's clock from the end of the last piece to the begin of this one."""
        if piece.starts is None or self._ends is None:
            return 0.0
        return piece.starts - self._ends

    def _drifts_too_far(self, error: float) -> bool:
        return abs(error) > MOST_DRIFT * max(self.position - self._right_at, TOLERANCE)
