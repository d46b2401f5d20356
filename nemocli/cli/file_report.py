"""The report of `nemocli file --report`, which is written even if the run fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nemocli.cli.signals import SIGNALLED, find_exit_code
from nemocli.jobs.report import RunReport


@contextmanager
def write_report_at_end(report: RunReport, path: Path | None) -> Iterator[None]:
    """Write the report when the block ends, also by an error; with None, write nothing."""
    try:
        yield
    except BrokenPipeError:
        report.stopped = "The program that read the results has ended."
        raise
    except KeyboardInterrupt as error:
        report.stopped = f"signal {find_exit_code(error) - SIGNALLED}"
        raise
    except Exception as error:
        report.stopped = str(error) or type(error).__name__
        raise
    finally:
        if path is not None:
            report.write(path)
