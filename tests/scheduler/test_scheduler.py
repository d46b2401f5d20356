"""Many streams and files over one model: the same tokens, shared calls, nobody starves."""

import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest

import nemocli
import nemocli.scheduler.scheduler as scheduling
from nemocli.errors import NemocliError
from nemocli.scheduler.costs import CallCost, CallCosts
from nemocli.scheduler.requests import choose_call
from nemocli.scheduler.scheduler import BusyError


@pytest.fixture(scope="module")
def transcriber():
    with nemocli.load("demo") as loaded:
        yield loaded


@pytest.fixture
def scheduler(transcriber):
    with transcriber.schedule() as running:
        yield running


def ids(transcript):
    return [token.id for token in transcript.tokens]


def in_threads(work, items):
    """Do the work for each item in a thread of its own; return the results in order."""
    results = [None] * len(items)

    def run(n):
        results[n] = work(items[n])

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(items))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def feed(transcriber, samples, size):
    session = transcriber.session()
    for start in range(0, len(samples), size):
        session.feed(samples[start : start + size])
    return session.finish()


def test_streams_and_files_of_many_threads_have_their_own_tokens(transcriber, clips):
    alone = [ids(transcriber.transcribe(clip.path)) for clip in clips]
    with transcriber.schedule() as scheduler:
        rng = np.random.default_rng(0)
        work = [(n, int(rng.integers(700, 20000))) for n in range(len(clips))] * 3
        work += [(n, 0) for n in range(len(clips))]

        def transcribe(item):
            n, size = item
            if size:
                return ids(feed(transcriber, clips[n].samples, size))
            return ids(transcriber.transcribe(clips[n].path))

        assert in_threads(transcribe, work) == [alone[n] for n, _ in work]
        numbers = scheduler.statistics
    assert numbers.live.largest > 1  # they shared calls
    assert numbers.files.calls and numbers.live.calls
    assert sum(numbers.waits.values()) >= 3 * len(clips)


def test_after_it_is_closed_sessions_call_the_model_themselves(transcriber, clips):
    session = transcriber.session()
    with transcriber.schedule():
        session.feed(clips[0].samples[:20000])
    session.feed(clips[0].samples[20000:])
    assert session.finish().text == clips[0].text


def test_places_are_limited_and_given_back(transcriber):
    with transcriber.schedule(max_streams=2) as scheduler:
        with scheduler.take_live_place():
            with (
                scheduler.take_live_place(),
                pytest.raises(BusyError, match=r"2 live streams.*the most"),
            ):
                scheduler.take_live_place().__enter__()
            with scheduler.take_live_place():
                assert scheduler.places == 2
        assert scheduler.places == 0


@pytest.mark.parametrize(
    ("served", "says"), [(1, "no more of them in time"), (1000, "the most that are allowed")]
)
def test_a_refusal_names_its_reason(transcriber, monkeypatch, served, says):
    """The machine is too slow, or it has as many streams as any machine may have."""
    monkeypatch.setattr("nemocli.scheduler.scheduler.MAX_LIVE_STREAMS", 2)
    monkeypatch.setattr(CallCost, "count_streams_within", lambda *_: served)
    with transcriber.schedule() as scheduler, ExitStack() as stack:
        for _ in range(scheduler.max_streams):
            stack.enter_context(scheduler.take_live_place())
        with pytest.raises(BusyError, match=says):
            stack.enter_context(scheduler.take_live_place())


def test_an_error_of_the_model_reaches_every_caller_and_ends_nothing(
    transcriber, scheduler, clips, monkeypatch
):
    def fail(*_):
        raise NemocliError("the model failed")

    with monkeypatch.context() as patch:
        patch.setattr(transcriber._recognizer.encoder, "encode", fail)

        def error(clip):
            with pytest.raises(NemocliError, match="the model failed"):
                transcriber.session().feed(clip.samples)
            return True

        assert all(in_threads(error, clips))
    assert transcriber.transcribe(clips[0].path).text == clips[0].text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_in_the_scheduler_itself_reaches_who_waits(transcriber, clips, monkeypatch):
    with transcriber.schedule() as scheduler:
        session = transcriber.session()

        def fail(*_):
            raise ZeroDivisionError("a mistake")

        monkeypatch.setattr(scheduling, "choose_call", fail)
        with pytest.raises(ZeroDivisionError, match="a mistake"):
            session.feed(clips[0].samples)
        with pytest.raises(NemocliError, match="closed"):
            transcriber.session().feed(clips[0].samples)
        assert scheduler.waiting == (0, 0)


def test_what_waits_fails_when_it_is_closed(transcriber, clips, monkeypatch):
    scheduler = transcriber.schedule()
    is_running, may_end = threading.Event(), threading.Event()
    encode = transcriber._recognizer.encoder.encode

    def slow(*arguments):
        is_running.set()
        may_end.wait()
        return encode(*arguments)

    monkeypatch.setattr(transcriber._recognizer.encoder, "encode", slow)
    errors, finished = [], []

    def work():
        try:
            transcriber.session().feed(clips[0].samples[:6000])  # one chunk
            finished.append(True)
        except NemocliError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    threads[0].start()
    is_running.wait()
    threads[1].start()
    while not any(scheduler.waiting):
        time.sleep(0.001)
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    while not scheduler._is_closed:
        time.sleep(0.001)
    may_end.set()
    for thread in (*threads, closing):
        thread.join()
    assert finished == [True]  # the call that was running
    assert len(errors) == 1
    assert "closed" in errors[0]


def test_a_live_stream_waits_for_one_slice_of_a_file_at_most(transcriber, clips, monkeypatch):
    calls, is_held, may_go = [], threading.Event(), threading.Event()
    advance_now = scheduling.advance_now

    def advance(streams, chunks, prepared):
        calls.append((streams[0].is_live, len(streams) * chunks))
        if len(calls) == 1 + measured:  # a call for the file
            is_held.set()
            may_go.wait()
        advance_now(streams, chunks, prepared)

    monkeypatch.setattr(scheduling, "advance_now", advance)
    monkeypatch.setattr(scheduling, "LIVE_FOR_S", 1e9)
    monkeypatch.setattr(scheduling.Scheduler, "_slice_chunks", lambda _: 3)
    measured = -1
    with transcriber.schedule() as scheduler:
        measured = len(calls)
        sound = np.concatenate([clip.samples for clip in clips] * 4)
        file = transcriber._begin_stream("auto", is_live=False)
        file.push(file.compute_rows(sound))
        reading = threading.Thread(target=lambda: scheduler.advance([file], file.chunks))
        reading.start()
        is_held.wait()
        session = transcriber.session()
        live = threading.Thread(target=lambda: session.feed(clips[0].samples))
        live.start()
        while not scheduler.waiting[0]:
            time.sleep(0.001)
        may_go.set()
        live.join()
        reading.join()
    file_calls = [size for is_live, size in calls[measured:] if not is_live]
    assert calls[measured + 1][0], "the live stream comes next"
    assert len(file_calls) > 1
    assert max(file_calls) == 3


def test_callers_continue_when_the_next_call_is_prepared(transcriber, clips, monkeypatch):
    """And not before, or their threads would delay it."""
    advance_now, threads, seen = scheduling.advance_now, [], []
    scheduler = transcriber.schedule()

    def call(stream):
        scheduler.advance([stream], 1)

    def advance(streams, chunks, prepared):
        if not threads[1:]:  # the first call: another one waits when it ends
            threads.append(threading.Thread(target=call, args=(waiting[1],)))
            threads[1].start()
            while not scheduler.waiting[0] > 1:
                time.sleep(0.001)
            return advance_now(streams, chunks, prepared)
        seen.append(threads[0].is_alive())
        return advance_now(streams, chunks, lambda: (prepared(), threads[0].join()))

    waiting = [transcriber._begin_stream("auto") for _ in range(2)]
    for stream in waiting:
        stream.push(stream.compute_rows(clips[0].samples[:16000]))
    monkeypatch.setattr(scheduling, "advance_now", advance)
    with scheduler:
        threads.append(threading.Thread(target=call, args=(waiting[0],)))
        threads[0].start()
        threads[0].join()
        threads[1].join()
    assert seen == [True]


def test_files_do_not_wait_for_ever(transcriber, scheduler, clips, monkeypatch):
    monkeypatch.setattr(scheduling, "MAX_FILE_WAIT_S", 0.05)
    is_over = threading.Event()

    def speak():
        while not is_over.is_set():
            feed(transcriber, clips[0].samples, 5120)

    speaking = [threading.Thread(target=speak) for _ in range(6)]
    for thread in speaking:
        thread.start()
    assert transcriber.transcribe(clips[1].path).text == clips[1].text
    is_over.set()
    for thread in speaking:
        thread.join()
    assert scheduler.statistics.files.calls


class FakeStream:
    def __init__(self, chunks, is_live=True):
        self.chunks, self.is_live = chunks, is_live


class FakeRequest:
    def __init__(self, *streams, chunks):
        self.waiting, self.chunks = [s for s in streams if s.chunks], chunks


def test_a_backlog_does_not_delay_others():
    behind, new = FakeStream(40), FakeStream(1)
    alone = choose_call([FakeRequest(behind, chunks=40)], 64, 8)
    both = choose_call([FakeRequest(behind, chunks=40), FakeRequest(new, chunks=1)], 64, 8)
    assert (alone.streams, alone.chunks) == ([behind], 8)
    assert (set(both.streams), both.chunks) == ({behind, new}, 1)


def test_the_oldest_request_is_always_in_the_call():
    many = [FakeRequest(FakeStream(1), FakeStream(1), chunks=1) for _ in range(3)]
    assert choose_call(many, 1, 1).requests == many[:1]
    assert choose_call(many, 4, 1).requests == many[:2]
    assert choose_call([], 4, 1) is None


def test_costs_are_those_of_the_calls():
    costs = CallCosts()
    assert costs.cost == CallCost(0.0, 0.0)
    costs.add(1, 0.067)
    assert costs.cost.of(1) == pytest.approx(0.067)
    for chunks, seconds in [(2, 0.081), (4, 0.109), (8, 0.163), (16, 0.259)]:
        costs.add(chunks, seconds)
    cost = costs.cost
    assert cost.fixed == pytest.approx(0.055, abs=0.005)
    assert cost.each == pytest.approx(0.0128, abs=0.001)
    assert cost.count_streams_within(0.32) == 16  # two calls of 16 streams' turns fit into a chunk
    assert cost.count_chunks_within(0.1) == 3


def test_at_least_one_stream_is_served():
    assert CallCost(1.0, 0.5).count_streams_within(0.32) == 1
    assert CallCost(1.0, 0.5).count_chunks_within(0.1) == 1


def test_memory_of_streams_that_have_ended_is_given_back(transcriber, scheduler, clips):
    caches = transcriber._recognizer.encoder._caches
    streams = [transcriber._begin_stream("auto") for _ in range(12)]
    for stream in streams:
        stream.push(stream.compute_rows(clips[0].samples[:32000]))
    scheduler.advance(streams, 1)
    many = caches.slots
    del stream, streams[1:]
    while caches.slots > many / 8:
        time.sleep(0.01)
    scheduler.advance(streams, 1)
    del streams
    while caches.arrays:
        time.sleep(0.01)
