"""`nemocli bench`: measure speed, accuracy or exactness on this machine."""

from nemocli.cli.bench_choose import run_choose
from nemocli.cli.bench_options import BenchOptions
from nemocli.cli.bench_runs import BenchRequest, run_accuracy, run_speed, run_sweep, run_verify
from nemocli.cli.speaker_choice import choose_speakers
from nemocli.errors import UsageError


def measure(options: BenchOptions) -> None:
    """Run the requested measurement, write the JSON, print the tables."""
    _check_modes(options)
    request = BenchRequest(options)
    request.check_json_path()
    if options.verify:
        run_verify(request)
    elif options.choose:
        run_choose(request)
    elif options.manifest is not None:
        run_accuracy(request, options.manifest)
    elif options.sweep:
        run_sweep(request)
    else:
        run_speed(request)


def _check_modes(options: BenchOptions) -> None:
    """Raise UsageError for options that contradict one another."""
    modes = {
        "--sweep": options.sweep,
        "--manifest": options.manifest is not None,
        "--verify": options.verify,
        "--choose": options.choose,
    }
    chosen = [name for name, is_on in modes.items() if is_on]
    if len(chosen) > 1:
        raise UsageError(f"{chosen[0]} and {chosen[1]} are measured one at a time; leave out one.")
    if chosen and options.compare is not None:
        raise UsageError(f"--compare compares speed; leave out {chosen[0]}.")
    if (options.phrase or options.phrases is not None) and options.manifest is None:
        raise UsageError("Phrases change what is written, not the speed; add --manifest.")
    if choose_speakers(options, by_channel=False) is not None and options.manifest is None:
        raise UsageError("--speakers counts errors in who speaks; add --manifest.")
    if options.plot is not None and not options.sweep:
        raise UsageError("--plot draws what --sweep measures; add --sweep.")
    if options.audio and (options.verify or options.choose or options.manifest is not None):
        raise UsageError(f"{chosen[0]} brings its own sounds; leave out {options.audio[0]}.")
