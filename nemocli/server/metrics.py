"""GET /metrics: the server in numbers, in the text format of Prometheus."""

from collections.abc import Callable, Iterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from nemocli.scheduler.statistics import CallStatistics
from nemocli.server.service import Service

#: Metrics of live streams and of files: name, type, help, and how to read them.
_OF_CALLS: tuple[tuple[str, str, str, Callable[[CallStatistics, int], float]], ...] = (
    ("queue", "gauge", "Requests that wait for the model.", lambda _, waiting: waiting),
    ("calls_total", "counter", "Calls of the model.", lambda calls, _: calls.calls),
    ("call_streams_total", "counter", "Streams in these calls.", lambda calls, _: calls.streams),
    ("call_streams_largest", "gauge", "The most in one call.", lambda calls, _: calls.largest),
    ("call_sound_seconds_total", "counter", "Sound in them.", lambda calls, _: calls.sound_s),
    ("call_busy_seconds_total", "counter", "Time they took.", lambda calls, _: calls.busy_s),
    (
        "real_time_factor",
        "gauge",
        "Time of these calls by seconds of sound.",
        lambda calls, _: calls.busy_s / calls.sound_s if calls.sound_s else 0.0,
    ),
)


async def show_metrics(request: Request) -> Response:
    """Return all metrics."""
    text = "".join(_write_lines(request.app.state.service))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _write_lines(service: Service) -> Iterator[str]:
    scheduler, live = service.scheduler, service.live_statistics
    statistics = scheduler.statistics
    waiting_live, waiting_files = scheduler.waiting
    yield from _write_metric("live_streams", "gauge", "Live streams.", scheduler.places)
    yield from _write_metric(
        "live_streams_max",
        "gauge",
        "Live streams that are admitted at once.",
        scheduler.max_streams,
    )
    yield from _write_metric(
        "live_connections_total", "counter", "Live streams so far.", live.connections
    )
    yield from _write_metric(
        "live_refused_total", "counter", "Live streams that were refused.", live.refused
    )
    yield from _write_metric("live_turns_total", "counter", "Turns of live streams.", live.turns)
    yield from _write_metric(
        "live_sound_seconds_total", "counter", "Sound of live streams.", live.sound_s
    )
    yield from _write_metric(
        "live_dropped_seconds_total", "counter", "Sound that was dropped: never.", 0
    )
    for percent in (50, 95, 99):
        yield from _write_metric(
            "live_lag_seconds",
            "gauge",
            "From the arrival of a chunk's sound to its text, by percentile since the start.",
            live.lags.compute_percentile(percent),
            f'percentile="{percent}"',
            is_first=percent == 50,
        )
    yield from _write_metric(
        "live_lag_mean_seconds", "gauge", "The mean of the same.", live.lags.mean
    )
    yield from _write_metric(
        "file_requests", "gauge", "Files that wait or are transcribed.", service.file_requests
    )
    kinds = {"live": (statistics.live, waiting_live), "files": (statistics.files, waiting_files)}
    for name, kind, help_text, read in _OF_CALLS:
        for label, (calls, waiting) in kinds.items():
            value = read(calls, waiting)
            is_first = label == "live"
            yield from _write_metric(name, kind, help_text, value, f'kind="{label}"', is_first)
    yield from _write_histogram(scheduler.statistics.BOUNDS, statistics.waits, statistics.wait_sum)


def _write_metric(
    name: str, kind: str, help_text: str, value: float, label: str = "", is_first: bool = True
) -> Iterator[str]:
    if is_first:
        yield f"# HELP nemocli_{name} {help_text}\n# TYPE nemocli_{name} {kind}\n"
    yield f"nemocli_{name}{{{label}}} {value:g}\n" if label else f"nemocli_{name} {value:g}\n"


def _write_histogram(
    bounds: tuple[float, ...], counts: dict[float, int], total: float
) -> Iterator[str]:
    name = "nemocli_live_wait_seconds"
    yield f"# HELP {name} Wait of a live chunk for the model, its call included.\n"
    yield f"# TYPE {name} histogram\n"
    sum_so_far = 0
    for bound in (*bounds, float("inf")):
        sum_so_far += counts.get(bound, 0)
        shown = "+Inf" if bound == float("inf") else f"{bound:g}"
        yield f'{name}_bucket{{le="{shown}"}} {sum_so_far}\n'
    yield f"{name}_sum {total:g}\n{name}_count {sum_so_far}\n"
