"""With any value of any field of a configuration, the model runs or one sentence refuses it."""

import json
from copy import deepcopy

import pytest

from nemocli.errors import ModelError
from nemocli.network.checkpoint import Checkpoint
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder

ODD = [None, "x", -1, 0, 1.5, 1e99, [], {}, True, ["a"], [-1], [10**12], {"a": "b"}, 10**12]
FILES = ["config.json", "generation_config.json", "processor_config.json"]


def places(data, above=()):
    """List the path of every field, but only the first two of a long table of names."""
    for key in list(data)[: 2 if len(data) > 60 else None]:
        yield (*above, key)
        if isinstance(data[key], dict):
            yield from places(data[key], (*above, key))


@pytest.mark.parametrize("name", FILES)
def test_every_field_with_odd_values(checkpoint, name):
    file = checkpoint / name
    whole = json.loads(file.read_text())
    refused = 0
    for place in places(whole):
        for value in ODD:
            data = deepcopy(whole)
            holder = data
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = value
            file.write_text(json.dumps(data))
            try:
                Checkpoint(checkpoint)
            except ModelError as error:
                refused += 1
                assert str(error).endswith(".") and "\n" not in str(error), (place, value)
    assert refused or name == "generation_config.json"


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("config.json", "encoder_config", "num_attention_heads"), 0, "from 1 to"),
        (("config.json", "encoder_config", "sliding_window"), 10**12, "from 2 to 4096"),
        (("config.json", "encoder_config", "sliding_window"), 1, "from 2 to 4096"),
        (("config.json", "encoder_config", "num_hidden_layers"), 10**12, "from 2 to 4096"),
        (("config.json", "encoder_config", "num_key_value_heads"), 2, "the model has 4"),
        (("processor_config.json", "num_prompts"), 64, "the model has 128"),
        (("processor_config.json", "feature_extractor", "hop_length"), 80, "must be 160"),
        (("config.json", "encoder_config", "default_num_lookahead_tokens"), 5, "not among"),
        (("config.json", "supported_languages"), 1, "a list of names"),
        (("processor_config.json", "feature_extractor", "preemphasis"), "x", "from 0 to 1"),
        (("processor_config.json", "feature_extractor", "hop_length"), 0, "from 1 to"),
        (("processor_config.json", "prompt_dictionary", "auto"), "x", "number of a prompt"),
    ],
)
def test_a_field_that_is_refused_is_named(checkpoint, place, value, words):
    file = checkpoint / place[0]
    data = json.loads(file.read_text())
    holder = data
    for key in place[1:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    file.write_text(json.dumps(data))
    with pytest.raises(ModelError, match=words) as caught:
        Checkpoint(checkpoint)
    assert place[-1] in str(caught.value) or place[-2] in str(caught.value)


def test_what_is_not_refused_runs(checkpoint):
    file = checkpoint / "processor_config.json"
    data = json.loads(file.read_text())
    data["feature_extractor"]["preemphasis"] = 0
    file.write_text(json.dumps(data))
    opened = Checkpoint(checkpoint)
    runtime = NumpyRuntime(opened.parameters, opened.config.default_lookahead)
    session = Transcriber(runtime, TokenDecoder(opened.tokenizer), "x").session("en-US")
    session.finish()


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe", b"", b"[]"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_object(checkpoint, name, content):
    (checkpoint / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        Checkpoint(checkpoint)
