"""The command `nemocli` with the fake transcriber instead of a model.

FAKE_SECONDS is how long it takes for a file, FAKE_AT_ONCE how many it has under way.
"""

import os

from nemocli.cli import app, file_model
from tests.jobs.fake import SETTINGS, FakeTranscriber


def load(_choice, _screen):
    seconds, at_once = os.environ.get("FAKE_SECONDS", "0"), os.environ.get("FAKE_AT_ONCE", "16")
    return FakeTranscriber(int(at_once), float(seconds)), SETTINGS


def use(set_attribute=setattr):
    """Replace the model by the fake transcriber."""
    set_attribute(file_model.ModelChoice, "load", load)
    set_attribute(file_model.ModelChoice, "describe", lambda _choice: SETTINGS)


if __name__ == "__main__":
    use()
    app.main()
