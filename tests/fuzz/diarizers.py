"""Readers of diarization models: their configuration, and the settings of a .nemo archive."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from nemocli.diarization.modes import list_fixed_sizes, list_modes
from nemocli.network.diarizer_config import DiarizerConfig, read_diarizer_config
from nemocli.network.diarizer_nemo import make_diarizer_configs
from nemocli.network.diarizer_parameters import compute_rotation, list_diarizer_shapes
from tests.diarizers import CONFIG_JSON, NEMO_SETTINGS, PROCESSOR_JSON
from tests.fuzz.mutations import damage_json
from tests.fuzz.target import BrokenError, Target


def use_diarizer_config(config: DiarizerConfig) -> None:
    """Make everything that is made of a configuration before there are weights."""
    assert list_modes(config)[config.default_mode]
    compute_rotation(config, 3)
    list_fixed_sizes(config)
    if DiarizerConfig.from_json(json.loads(json.dumps(config.to_json()))) != config:
        raise BrokenError("a configuration that is not read back")


def diarizer_config(folder: Path) -> Target:
    """config.json and processor_config.json, without weights."""

    def check(data: bytes) -> Hashable:
        parts = _parse(data)
        if not isinstance(parts, list) or [type(part) for part in parts] != [dict] * 2:
            return "no objects"
        use_diarizer_config(read_diarizer_config(*parts))
        return "read"

    return Target([json.dumps([CONFIG_JSON, PROCESSOR_JSON]).encode()], damage_json, check)


def diarizer_nemo_settings(folder: Path) -> Target:
    """The values of a model_config.yaml, after it is read."""
    shapes = list_diarizer_shapes(read_diarizer_config(CONFIG_JSON, PROCESSOR_JSON))

    def check(data: bytes) -> Hashable:
        settings = _parse(data)
        if not isinstance(settings, dict):
            return "no settings"
        configs = make_diarizer_configs(settings, shapes, "x.nemo")
        use_diarizer_config(read_diarizer_config(*configs))
        return "read"

    return Target([json.dumps(NEMO_SETTINGS).encode()], damage_json, check)


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
