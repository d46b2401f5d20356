"""The report of `nemocli file --report`, written however the run ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nemocli.cli.signals import SIGNALLED, exit_code
from nemocli.jobs.report import RunReport


@contextmanager
def written_report(report: RunReport, path: Path | None) -> Iterator[None]:
    """Write the report to the path at the end, also of a run that does not come to its end."""
    try:
        yield
    except BrokenPipeError:
        report.stopped = "Whoever read the results went away."
        raise
    except KeyboardInterrupt as error:
        report.stopped = f"signal {exit_code(error) - SIGNALLED}"
        raise
    except Exception as error:
        report.stopped = str(error) or type(error).__name__
        raise
    finally:
        if path is not None:
            report.write(path)
