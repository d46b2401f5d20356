"""A finding about the config file, for `nemocli doctor`."""

from nemocli.cli.config_file import read_config_file
from nemocli.cli.config_values import find_values
from nemocli.doctor.finding import Finding
from nemocli.errors import UsageError
from nemocli.models.paths import find_config_file

NAME = "config file"


def examine_config() -> Finding:
    """Say where the config file is and how much it sets, or why it cannot be used."""
    try:
        file = read_config_file()
        if file is None:
            place = find_config_file()
            return Finding(NAME, f"none; it would be {place[0]}" if place else "none")
        find_values(file)
    except UsageError as error:
        advice = "all other commands refuse it: mend it, or set NEMOCLI_CONFIG=/dev/null"
        return Finding(NAME, str(error), False, advice, essential=True)
    count = sum(bool(setting.key) for setting in file.settings)
    return Finding(NAME, f"{file.path} ({count} value{'s' if count != 1 else ''})")
