"""Everything that `nemocli doctor` looks for, in the order of its list."""

from nemocli.doctor.auto import examine_auto
from nemocli.doctor.finding import Finding
from nemocli.doctor.models import examine_folders, examine_models
from nemocli.doctor.power import examine_power
from nemocli.doctor.runtimes import examine_runtimes
from nemocli.doctor.sound import examine_sound
from nemocli.doctor.system import examine_system


def examine() -> list[Finding]:
    """Look for everything; return the findings in order."""
    return [
        *examine_system(),
        *examine_power(),
        *examine_runtimes(),
        *examine_auto(),
        *examine_sound(),
        *examine_folders(),
        *examine_models(),
    ]
