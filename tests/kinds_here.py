"""The runtimes that run on this machine, for tests of what every runtime must do."""

from nemocli.errors import UnsupportedError
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import read_system


def runs_here(name):
    try:
        KINDS[name].check_machine(read_system())
    except UnsupportedError:
        return False
    return True


RUN_HERE = [name for name in KINDS if runs_here(name)]

#: Those that are for every system: the tests of Apple's are in folders and files of their own.
PORTABLE_HERE = [name for name in RUN_HERE if KINDS[name].minimum_macos is None]
