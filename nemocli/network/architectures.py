"""The architectures that nemocli runs, by their names in config.json, and what others are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nemocli.errors import ModelError, quote


@dataclass(frozen=True)
class Architecture:
    """One of the architectures that nemocli runs."""

    #: `model_type` in config.json.
    name: str
    #: What the released model is called.
    title: str
    #: The released model on the hub.
    repository: str


#: A language is an input: a one-hot prompt, which is fused with the encoder's output.
MULTILINGUAL = Architecture(
    "nemotron3_5_asr",
    "Nemotron 3.5 ASR Streaming",
    "nvidia/nemotron-3.5-asr-streaming-0.6b",
)

#: The same without prompts, for English alone.
ENGLISH = Architecture(
    "nemotron_asr_streaming",
    "Nemotron Speech Streaming",
    "nvidia/nemotron-speech-streaming-en-0.6b",
)

#: Who speaks, and not what. It has a configuration, graphs and a loader of its own.
DIARIZATION = Architecture(
    "nemotron3_diarization", "Nemotron 3 Diarization", "nvidia/Nemotron-3-Diarization"
)

#: Those that transcribe.
ARCHITECTURES = {each.name: each for each in (MULTILINGUAL, ENGLISH)}

#: What is run, for sentences that refuse something else.
ONLY_THESE = "nemocli runs only {}".format(
    " and ".join(f"{each.name!r} ({each.title})" for each in ARCHITECTURES.values())
)

#: What other models of speech are, by their `model_type`.
_OTHERS = {
    "parakeet_ctc": "Parakeet CTC, which needs a recording as a whole and is no transducer",
    "parakeet_rnnt": "Parakeet RNNT, whose encoder needs a recording as a whole",
    "parakeet_tdt": "Parakeet TDT, which also predicts durations and needs a recording as a whole",
    "canary": "Canary, which translates too and needs a recording as a whole",
    "nemo_speechlm": "a language model that takes speech, many times larger",
    "whisper": "Whisper, which transcribes parts of 30 seconds",
    "wav2vec2": "Wav2Vec2, which is no transducer",
    "moonshine": "Moonshine, which has another encoder and decoder",
    "moonshine_streaming": "Moonshine Streaming, which has another encoder and decoder",
    "voxtral_realtime": "Voxtral Realtime, a language model that takes speech",
    "kyutai_speech_to_text": "Kyutai's model, which transcribes the tokens of an audio codec",
}

#: Beginnings of the names of repositories and archives that hold other models, and what they are.
_NAMED_OTHERS = {
    "parakeet-tdt": _OTHERS["parakeet_tdt"],
    "parakeet-ctc": _OTHERS["parakeet_ctc"],
    "parakeet-rnnt": _OTHERS["parakeet_rnnt"],
    "parakeet-unified": "Parakeet Unified, whose attention sees sound after its chunk too",
    "parakeet-realtime-eou": "a small Parakeet that finds the ends of utterances",
    "multitalker-parakeet": "Multitalker Parakeet, which needs a diarization model beside it",
    "canary-qwen": "Canary-Qwen, a language model that takes speech",
    "canary": _OTHERS["canary"],
    "diar_": "a diarization model, which says who speaks and not what",
}

#: NeMo's class of diarization models.
NEMO_DIARIZER = "SortformerEncLabelModel"

#: What other models in `.nemo` archives are, by the name of their class in NeMo.
_CLASSES = {
    "EncDecMultiTalkerRNNTBPEModel": _NAMED_OTHERS["multitalker-parakeet"],
    "EncDecMultiTaskModel": _OTHERS["canary"],
    "EncDecCTCModelBPE": _OTHERS["parakeet_ctc"],
    "EncDecCTCModel": "a CTC model, which is no transducer",
    "EncDecRNNTModel": "a transducer of characters instead of pieces",
    "SALM": "a language model that takes speech",
    NEMO_DIARIZER: _NAMED_OTHERS["diar_"],
}

#: NeMo's classes of transducers of pieces; some have an auxiliary CTC head, which is left out.
_TRANSDUCERS = (
    *("EncDecRNNTBPEModel", "EncDecRNNTBPEModelWithPrompt"),
    *("EncDecHybridRNNTCTCBPEModel", "EncDecHybridRNNTCTCBPEModelWithPrompt"),
)


def refuse_other_architecture(config: Mapping[str, Any]) -> Architecture:
    """Return the architecture of a config.json; ModelError for one that nemocli does not run."""
    name = config.get("model_type")
    if name == DIARIZATION.name:
        raise explain_diarizer("The model of config.json")
    found = ARCHITECTURES.get(name) if isinstance(name, str) else None
    if found is None:
        what = f" ({_OTHERS[name]})" if isinstance(name, str) and name in _OTHERS else ""
        raise ModelError(
            f"config.json names the architecture {quote(name)}{what}, but {ONLY_THESE}."
        )
    return found


def refuse_recognizer(config: Mapping[str, Any]) -> None:
    """Raise ModelError for a config.json that is not that of a diarization model."""
    if (name := config.get("model_type")) != DIARIZATION.name:
        raise ModelError(
            f"config.json names the architecture {quote(name)}, but to find who speaks, nemocli"
            f" runs only {DIARIZATION.name!r} ({DIARIZATION.title})."
        )


def explain_diarizer(model: object) -> ModelError:
    """Return the error for a diarization model, given as one that transcribes."""
    return ModelError(
        f"{model} is a diarization model, which finds who speaks and not what is said; give a"
        f" model that transcribes, such as {MULTILINGUAL.repository}."
    )


def explain_recognizer(model: object) -> ModelError:
    """Return the error for a model that transcribes, given as a diarization model."""
    return ModelError(
        f"{model} is a model that transcribes, and does not find who speaks; give a diarization"
        f" model, such as {DIARIZATION.repository}."
    )


def describe_other(name: str) -> str | None:
    """Return what the model of a repository's or an archive's name is; None for all others."""
    typed = name.rpartition("/")[2].lower()
    return next((what for start, what in _NAMED_OTHERS.items() if typed.startswith(start)), None)


def describe_other_nemo(settings: Mapping[str, Any]) -> str | None:
    """Return what the model of a model_config.yaml is, if nemocli does not run its kind.

    None for transducers of pieces, whatever their settings are.
    """
    target = settings.get("target")
    kind = target.rpartition(".")[2] if isinstance(target, str) else ""
    if kind in _CLASSES:
        return _CLASSES[kind]
    if _has(settings, "loss", "loss_name", "tdt") or _has(settings, "decoding", "durations"):
        return _OTHERS["parakeet_tdt"]
    if _has(settings, "model_defaults", "tdt_durations"):
        return _OTHERS["parakeet_tdt"]
    if _has(settings, "encoder", "att_context_style", "chunked_limited_with_rc"):
        return _NAMED_OTHERS["parakeet-unified"]
    if kind and kind not in _TRANSDUCERS:
        return f"a model of NeMo's class {quote(kind)}"
    return None


def _has(settings: Mapping[str, Any], section: str, key: str, value: Any = None) -> bool:
    """Return whether a section has the key, with this value if one is given."""
    found = settings.get(section)
    held = found.get(key) if isinstance(found, dict) else None
    return held is not None and (value is None or held == value)
