"""Two live streams as one: labelled, on one clock, and merged by time."""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from nemocli.audio.common_clock import CommonClock
from nemocli.audio.source import LiveSource
from nemocli.live.listener import ListenedStream, Listener, StreamSummary
from nemocli.transcript.events import Event, Final, Partial, Status
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word

#: Seconds before the last transcribed sound in which the next word may still begin.
NEXT_WORD_S = 1.5

#: Seconds for which a final waits at most for what others said before it.
MAX_HOLD_S = 10.0

#: Kinds of status that all streams report together, so that one of them is enough.
_COMMON = ("listening", "paused", "resumed", "closed", "language", "phrase", "ending")

#: Kinds after which a stream adds nothing for now, and those after which it goes on.
_RESTS, _GOES_ON = ("paused", "waiting", "ended"), ("resumed", "gap")


@dataclass
class _Lane:
    """One of the streams: what it said that is not passed on yet, and how far it is."""

    label: str
    source: LiveSource
    #: Ids of its segments as the merged stream has them.
    ids: dict[int, int] = field(default_factory=dict)
    held: list[Final] = field(default_factory=list)
    #: Start of the segment that grows, and the moment up to which sound was transcribed.
    growing: float | None = None
    position: float = 0.0
    rests: bool = False
    status: Status | None = None

    def find_earliest(self) -> float:
        """Return the earliest start that a segment may have that comes next."""
        if self.growing is not None:
            return self.growing
        return math.inf if self.rests else self.position - NEXT_WORD_S


class MergedListeners:
    """Runs a listener for each labelled stream, and is used as a single one.

    Times count from the start of the first source. Segments have the label as their channel. A
    final waits until nothing can come any more that begins before it, for some seconds at most;
    until then it is shown as a partial. If one stream ends, so do the others.
    """

    def __init__(self, parties: Mapping[str, tuple[ListenedStream, LiveSource]]) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self._lock = threading.RLock()
        self._lanes = [_Lane(label, source) for label, (_, source) in parties.items()]
        self._listeners = [
            Listener(stream, source, _Inbox(self, lane))
            for lane, (stream, source) in zip(self._lanes, parties.values(), strict=True)
        ]
        self._next_id = 0
        self._clock = CommonClock([lane.source for lane in self._lanes])
        self._ended = 0

    def start(self) -> None:
        """Begin to take in sound; raises what a source's `start` does."""
        for listener in self._listeners:
            listener.start()

    def pause(self) -> None:
        """Do as `Listener.pause` does, for all."""
        self._call(Listener.pause)

    def resume(self) -> None:
        """Do as `Listener.resume` does, for all."""
        self._call(Listener.resume)

    def close_segment(self) -> None:
        """Do as `Listener.close_segment` does, for all."""
        self._call(Listener.close_segment)

    def switch(self, lang: str) -> None:
        """Do as `Listener.switch` does, for all."""
        self._call(lambda listener: listener.switch(lang))

    def add_phrase(self, line: str) -> None:
        """Do as `Listener.add_phrase` does, for all."""
        self._call(lambda listener: listener.add_phrase(line))

    def stop(self) -> None:
        """Do as `Listener.stop` does, for all."""
        self._call(Listener.stop)

    def _call(self, command: Callable[[Listener], None]) -> None:
        for listener in self._listeners:
            command(listener)

    @property
    def lag(self) -> float:
        """The longest lag of all."""
        return max(listener.lag for listener in self._listeners)

    @property
    def error(self) -> Exception | None:
        """The first error that ended a stream early."""
        return next((each.error for each in self._listeners if each.error is not None), None)

    def summarize(self) -> dict[str, StreamSummary]:
        """Return the numbers of each stream by its label, after the end."""
        return {
            lane.label: listener.summarize()
            for lane, listener in zip(self._lanes, self._listeners, strict=True)
        }

    # ------------------------------------------------------------- called by the listeners' threads

    def take(self, lane: _Lane, event: Event) -> None:
        """Take an event of one stream."""
        with self._lock:
            if isinstance(event, Status):
                self._take_status(lane, event)
            else:
                segment = self._place(lane, event.segment)
                lane.growing = segment.start if isinstance(event, Partial) else None
                if isinstance(event, Final):
                    lane.held.append(Final(segment, event.language))
                    if self._must_wait(lane, segment):
                        self.events.put(Partial(segment, event.language))
                else:
                    self.events.put(Partial(segment, event.language))
            self._release()

    def _take_status(self, lane: _Lane, status: Status) -> None:
        lane.status = status
        lane.position = self._clock.find_offset(lane.source) + status.heard - status.lag
        if status.kind in _RESTS:
            lane.rests, lane.growing = True, None
        elif status.kind in _GOES_ON:
            lane.rests = False
        if status.kind == "ended":
            self._ended += 1
            if self._ended < len(self._lanes):
                self._call(Listener.stop)
                return
            self._release()
        if status.kind not in _COMMON:
            is_named = bool(status.message)
            message = f"{lane.label}: {status.message}" if is_named else ""
            self.events.put(self._combine(replace(status, message=message)))
        elif lane is self._lanes[0]:
            self.events.put(self._combine(status))

    def _combine(self, status: Status) -> Status:
        """Return a status with the numbers of all streams."""
        known = [lane.status for lane in self._lanes if lane.status is not None]
        return replace(
            status,
            heard=max(each.heard for each in known),
            dropped=sum(each.dropped for each in known),
            rescued=sum(each.rescued for each in known),
            gaps=sum(each.gaps for each in known),
            lag=max(each.lag for each in known),
            level=max(each.level for each in known),
        )

    def _must_wait(self, lane: _Lane, segment: Segment) -> bool:
        others = [other for other in self._lanes if other is not lane]
        return any(
            min([other.find_earliest(), *(final.segment.start for final in other.held)])
            < segment.start
            for other in others
        )

    def _release(self) -> None:
        """Pass on finals in the order of their starts, as far as nothing can come before them."""
        while waiting := [lane for lane in self._lanes if lane.held]:
            lane = min(waiting, key=lambda each: each.held[0].segment.start)
            segment = lane.held[0].segment
            is_late = lane.position - segment.end >= MAX_HOLD_S
            if self._must_wait(lane, segment) and not is_late:
                return
            self.events.put(lane.held.pop(0))

    def _place(self, lane: _Lane, segment: Segment) -> Segment:
        """Return a segment with its label, its time on the common clock, and an id of its own."""
        if segment.id not in lane.ids:
            lane.ids = {segment.id: self._next_id}
            self._next_id += 1
        offset = self._clock.find_offset(lane.source)
        words = tuple(_place_word(word, lane.label, offset) for word in segment.words)
        return replace(segment, id=lane.ids[segment.id], words=words)


class _Inbox:
    """Where a listener puts its events."""

    def __init__(self, merged: MergedListeners, lane: _Lane) -> None:
        self._merged, self._lane = merged, lane

    def put(self, event: Event, /) -> None:
        self._merged.take(self._lane, event)

    def qsize(self) -> int:
        return self._merged.events.qsize()


def _place_word(word: Word, label: str, offset: float) -> Word:
    def shift(seconds: float) -> float:
        return max(0.0, round(seconds + offset, 3))

    by_model = word.model_times and (shift(word.model_times[0]), shift(word.model_times[1]))
    start, end = shift(word.start), shift(word.end)
    return replace(word, start=start, end=end, model_times=by_model, channel=label)
