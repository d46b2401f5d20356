"""Read a diarization model from a `.nemo` archive, by the names and sizes of the hub's layout.

Names and settings were taken from other programs that read it: no real archive was here to try.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nemocli.errors import ModelError, quote
from nemocli.network.architectures import DIARIZATION, NEMO_DIARIZER, describe_other_nemo
from nemocli.network.diarizer_checkpoint import DiarizerCheckpoint
from nemocli.network.diarizer_config import ROWS_PER_FRAME, read_diarizer_config
from nemocli.network.diarizer_parameters import SILENCE, TOWER, DiarizerParameters
from nemocli.network.nemo_archive import NemoArchive
from nemocli.network.nemo_config import Json, NemoSettings, read_nemo_features
from nemocli.network.tensors import Array
from nemocli.network.torch_file import TorchFile

#: Parts of NeMo's tensor names, and what the hub's names have in their place.
DIARIZER_RENAMED = (
    ("encoder.pre_encode.proj.", TOWER + "embedder.projection."),
    ("encoder.embed_norm.", TOWER + "input_layer_norm."),
    ("encoder.final_norm.", TOWER + "layer_norm."),
    ("encoder.layers.", TOWER + "layers."),
    (".norm1.", ".layer_norm1."),
    (".norm2.", ".layer_norm2."),
    (".attn.out_proj.", ".self_attn.o_proj."),
    (".attn.w_qkv.", ".self_attn.qkv_proj."),
    (".ffn.net.0.", ".mlp.fc1."),
    (".ffn.net.3.", ".mlp.fc2."),
    ("sortformer_modules.encoder_proj.", "model.proj."),
    ("sortformer_modules.subpixel_upsample.", "model.upsampler.conv."),
    ("sortformer_modules.first_hidden_to_hidden.", "classifier.dense."),
    ("sortformer_modules.single_hidden_to_spks.", "classifier.out_proj."),
    ("sortformer_modules.learnable_sil_emb", SILENCE),
)

#: Parts of the training and of the mel front end, which are left out.
_UNUSED = ("preprocessor", "hidden_to_spks", "activity_head")

#: Ends the name of a matrix that holds those of queries, keys and values, one under the other.
_JOINED = ".self_attn.qkv_proj.weight"

#: Cache, FIFO and modes of the released model. Those of an archive are for training.
RELEASED_STREAMING: Json = {
    "speaker_cache_length": 264,
    "fifo_length": 264,
    "speaker_cache_update_period": 222,
    "speaker_cache_silence_frames_per_speaker": 1,
    "prediction_score_threshold": 0.25,
    "latest_frames_score_boost": 0.05,
    "strong_boost_rate": 0.75,
    "weak_boost_rate": 1.5,
    "min_positive_scores_rate": 0.5,
}
RELEASED_OFFLINE: Json = {
    "chunk_length": 340,
    "chunk_right_context": 40,
    "chunk_left_context": 0,
    "fifo_length": 40,
    "speaker_cache_update_period": 300,
}
RELEASED_MODES: Json = {
    "streaming_mode": "low_latency",
    "streaming_modes": {
        "ultra_low_latency": [3, 1],
        "very_low_latency": [6, 2],
        "low_latency": [9, 4],
    },
}


class NemoDiarizer(DiarizerCheckpoint):
    """A `.nemo` archive of a diarization model.

    Raises ModelError, naming the archive and what is wrong with it, if it is damaged or of another
    architecture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive = NemoArchive(path)
        settings = self._archive.settings
        if not is_nemo_diarizer(settings):
            what = describe_other_nemo(settings) or "a model that transcribes"
            raise ModelError(
                f"The archive {path} holds {what}; to find who speaks, nemocli runs only"
                f" {DIARIZATION.name!r} ({DIARIZATION.title})."
            )
        self.weights = _DiarizerWeights(self._archive.open_weights())
        configs = make_diarizer_configs(settings, self.weights.shapes(), str(path))
        self.config = read_diarizer_config(*configs)
        self.parameters = DiarizerParameters(self.config, self.weights)

    @property
    def sha256(self) -> str:
        """SHA-256 of the archive, in hexadecimal."""
        return self._archive.sha256


def is_nemo_diarizer(settings: Mapping[str, Any]) -> bool:
    """Tell whether a model_config.yaml is of NeMo's class for diarization models."""
    target = settings.get("target")
    return isinstance(target, str) and target.rpartition(".")[2] == NEMO_DIARIZER


def is_diarizer_archive(path: Path) -> bool:
    """Tell whether a file is a `.nemo` archive of NeMo's class for diarization models."""
    try:
        return is_nemo_diarizer(NemoArchive(path).settings)
    except ModelError:
        return False


class _DiarizerWeights:
    """The network's tensors in an archive, under the hub's names.

    Raises ModelError for two tensors of the same name, and for one of whole numbers.
    """

    def __init__(self, file: TorchFile) -> None:
        self._file = file
        self._shapes: dict[str, tuple[int, ...]] = {}
        # For each name, the tensor in the archive, and which third of it; None for all of it.
        self._parts: dict[str, tuple[str, int | None]] = {}
        for original, shape in file.shapes().items():
            if not set(original.split(".")).isdisjoint(_UNUSED):
                continue
            if not file.has_floats(original):
                raise ModelError(f"The tensor {quote(original)} holds whole numbers, no weights.")
            name = translate_diarizer_name(original)
            if name.endswith(_JOINED) and len(shape) == 2 and shape[0] % 3 == 0:
                prefix = name.removesuffix("qkv_proj.weight")
                for third, part in enumerate("qkv"):
                    thirds = (shape[0] // 3, shape[1])
                    self._add(f"{prefix}{part}_proj.weight", thirds, original, third)
            else:
                self._add(name, shape, original, None)

    def _add(self, name: str, shape: tuple[int, ...], original: str, third: int | None) -> None:
        if name in self._parts:
            raise ModelError(
                f"The tensors {quote(original)} and {quote(self._parts[name][0])} are the same"
                " part of the network."
            )
        self._shapes[name], self._parts[name] = shape, (original, third)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return dict(self._shapes)

    def read(self, name: str) -> Array:
        original, third = self._parts[name]
        tensor = self._file.read(original)
        return tensor if third is None else np.split(tensor, 3)[third]


def translate_diarizer_name(name: str) -> str:
    """Translate a tensor's name in NeMo to the hub's."""
    for nemo, hub in DIARIZER_RENAMED:
        name = name.replace(nemo, hub)
    return name


def make_diarizer_configs(
    settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], where: str
) -> tuple[Json, Json]:
    """Return the contents of config.json and processor_config.json.

    The settings must have what tensors do not tell, and must not contradict them.
    """
    read = NemoSettings(settings, where)
    read.check_required("encoder", "subsampling_factor", ROWS_PER_FRAME, ROWS_PER_FRAME)
    encoder = read.section("encoder")
    # A part that the network needs but that is not there is named when parameters are made.
    head = shapes.get("model.proj.weight", (1, 1))[0]
    ff = shapes.get(f"{TOWER}layers.0.mlp.fc1.bias", (1,))[0]
    hidden, speakers = read.number("encoder", "d_model"), _count_speakers(shapes)
    audio = {
        "hidden_size": hidden,
        "intermediate_size": ff,
        "num_hidden_layers": read.number("encoder", "n_layers"),
        "num_attention_heads": read.number("encoder", "n_heads"),
        "num_mel_bins": read.number("encoder", "feat_in"),
        "hidden_act": "gelu",
        "max_position_embeddings": 5000,
        "rope_parameters": {"rope_theta": encoder.get("rope_theta", 10000.0)},
    }
    config = {
        "audio_config": audio,
        "head_config": {"hidden_size": head, "num_speakers": speakers},
        "streaming_config": {**RELEASED_STREAMING, "num_speakers": speakers},
        **RELEASED_OFFLINE,
    }
    return config, {"feature_extractor": read_nemo_features(read), **RELEASED_MODES}


def _count_speakers(shapes: Mapping[str, tuple[int, ...]]) -> int:
    if "model.upsampler.conv.weight" not in shapes or SILENCE not in shapes:
        raise ModelError(
            "The archive holds an older diarization model, without rows of 10 ms; nemocli runs only"
            f" {DIARIZATION.repository}."
        )
    return shapes.get("classifier.out_proj.bias", (1,))[0]
