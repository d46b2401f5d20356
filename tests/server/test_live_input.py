"""The sound between a live client's connection and the thread that transcribes it."""

import asyncio
from types import SimpleNamespace

import pytest

from nemocli.live.stream import StreamLimits
from nemocli.live.turns import TurnStream
from nemocli.server import live_input
from nemocli.server.live_input import LiveInput
from nemocli.server.live_statistics import LiveStatistics
from tests.engine.small import small
from tests.sounds import speech_like

LOOKAHEAD = 3
SOUND = speech_like(3, seed=11)
#: Samples of a packet: 10 ms.
PACKET = 160


class Service:
    """Does at once what the server does in a thread, and counts it."""

    def __init__(self):
        self.live_statistics = LiveStatistics()
        self.calls = 0

    async def run_live(self, work):
        self.calls += 1
        return work()


@pytest.fixture(scope="module")
def transcriber():
    return small(LOOKAHEAD)


def begin(transcriber):
    """Return an input, its service, and a list that has the samples put in at each progress."""
    turns = TurnStream(transcriber, "en-US", StreamLimits(), ends_at_pauses=False)
    service, seen = Service(), SimpleNamespace(put=0, progress=[], events=[])

    async def receive(events):
        seen.events += events

    async def progressed():
        seen.progress.append(seen.put)

    return LiveInput(service, turns, receive, progressed), service, seen


def test_a_thread_is_woken_for_whole_chunks_only(transcriber):
    """And with the packet that completes one, not with a later one."""

    async def run():
        given, service, seen = begin(transcriber)
        running = asyncio.ensure_future(given.run())
        for start in range(0, len(SOUND), PACKET):
            seen.put = start + PACKET
            await given.put_sound(SOUND[start : start + PACKET])
            for _ in range(5):  # until the other task waits again
                await asyncio.sleep(0)
        await given.put_order(lambda turns: turns.end_turn())
        given.end()
        await running
        return service, seen

    service, seen = asyncio.run(run())
    session, ends = transcriber.session("en-US"), []
    for end in range(PACKET, len(SOUND) + 1, PACKET):
        frames = session.frames
        session.feed(SOUND[end - PACKET : end])
        if session.frames > frames:
            ends.append(end)
    assert seen.progress == ends
    assert len(ends) == 9
    assert service.calls == len(ends) + 2  # the rest of the sound, and the end of the turn
    assert service.live_statistics.sound_s == pytest.approx(3)
    assert seen.events[-1].text == session.finish().text


def test_a_part_of_a_chunk_is_transcribed_when_no_more_sound_comes(transcriber, monkeypatch):
    monkeypatch.setattr(live_input, "LOOK_S", 0.01)

    async def run():
        given, _, _ = begin(transcriber)
        running = asyncio.ensure_future(given.run())
        await given.put_sound(SOUND[: 3 * PACKET])
        while given.turns.seconds == 0:
            await asyncio.sleep(0.001)
        given.end()
        await running
        return given.turns.seconds

    assert asyncio.run(run()) == pytest.approx(0.03)


def test_sound_before_an_order_is_transcribed_before_it(transcriber):
    async def run():
        given, service, _ = begin(transcriber)
        order = []
        await given.put_sound(SOUND[:PACKET])
        await given.put_order(lambda turns: order.append(turns.seconds) or ())
        await given.put_sound(SOUND[PACKET : 2 * PACKET])
        given.end()
        await given.run()
        return order, given.turns.seconds, service.calls

    assert asyncio.run(run()) == ([0.01], 0.02, 3)
