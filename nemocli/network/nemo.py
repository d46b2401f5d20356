"""Read a `.nemo` archive, NVIDIA NeMo's own form of a checkpoint, without NeMo and torch.

It is a tar of model_config.yaml, model_weights.ckpt and a SentencePiece model. Names and settings
are translated to the hub's, as transformers' conversion script does it, and then read like a
checkpoint from the hub: both forms of a model give the same converted folder, byte for byte.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from nemocli.errors import ModelError, quote
from nemocli.network.architectures import ONLY_THESE, describe_other_nemo
from nemocli.network.config import ModelConfig, read_config
from nemocli.network.nemo_archive import NemoArchive
from nemocli.network.nemo_config import make_hub_configs
from nemocli.network.parameters import Parameters
from nemocli.network.sentencepiece import read_sentencepiece
from nemocli.network.tensors import Array
from nemocli.network.tokenizer import from_sentencepiece
from nemocli.network.torch_file import TorchFile

#: Parts of NeMo's tensor names, and what the hub's names have in their place.
RENAMED = (
    ("encoder.pre_encode.conv.0.", "encoder.subsampling.conv_in."),
    ("encoder.pre_encode.conv.2.", "encoder.subsampling.layers.0.depthwise_conv."),
    ("encoder.pre_encode.conv.3.", "encoder.subsampling.layers.0.pointwise_conv."),
    ("encoder.pre_encode.conv.5.", "encoder.subsampling.layers.1.depthwise_conv."),
    ("encoder.pre_encode.conv.6.", "encoder.subsampling.layers.1.pointwise_conv."),
    ("encoder.pre_encode.out.", "encoder.subsampling.linear."),
    (".conv.batch_norm.", ".conv.norm."),  # a LayerNorm in spite of its name
    (".linear_q.", ".q_proj."),
    (".linear_k.", ".k_proj."),
    (".linear_v.", ".v_proj."),
    (".linear_out.", ".o_proj."),
    (".linear_pos.", ".relative_k_proj."),
    (".pos_bias_", ".bias_"),
    ("prompt_kernel.0.", "prompt_projector.linear_1."),
    ("prompt_kernel.2.", "prompt_projector.linear_2."),
    ("decoder.prediction.embed.", "decoder.embedding."),
    ("decoder.prediction.dec_rnn.lstm.", "decoder.lstm."),
    ("joint.enc.", "encoder_projector."),
    ("joint.pred.", "decoder.decoder_projector."),
    ("joint.joint_net.2.", "joint.head."),
    ("joint.joint_net.1.", "joint.head."),  # in a joint network without dropout
)

#: Beginnings of the network's tensor names in the hub's naming.
NETWORK = ("encoder.", "prompt_projector.", "encoder_projector.", "decoder.", "joint.")


class NemoCheckpoint:
    """A `.nemo` archive, with the attributes of `nemocli.network.checkpoint.Checkpoint`.

    Raises ModelError, naming the archive and what is wrong with it, if it is damaged or of another
    architecture. The file stays open, mapped into memory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        archive = NemoArchive(path)
        self._archive, settings = archive, archive.settings
        if what := describe_other_nemo(settings):
            raise ModelError(f"The archive {path} holds {what}; {ONLY_THESE}.")
        model = _find_sentencepiece_name(settings, archive.names)
        pieces = read_sentencepiece(archive.read(model), f"{model} in {path}")
        self.weights = NemoWeights(archive.open_weights())
        prompt = self.weights.shapes().get("prompt_projector.linear_1.weight", (0,))
        configs = make_hub_configs(settings, prompt[0], len(pieces.pieces), str(path))
        self.config: ModelConfig = read_config(*configs)
        self.tokenizer = from_sentencepiece(pieces, self.config)
        self.parameters = Parameters(self.config, self.weights)

    @property
    def sha256(self) -> str:
        """SHA-256 of the archive, in hexadecimal."""
        return self._archive.sha256


class NemoWeights:
    """The network's tensors in an archive, under the hub's names.

    Tensors of training and of the mel front end are left out. Raises ModelError for two tensors of
    the same name, and for one of whole numbers.
    """

    def __init__(self, file: TorchFile) -> None:
        self._file = file
        self._shapes = file.shapes()
        self._names: dict[str, str] = {}
        for original in self._shapes:
            name = translate_name(original)
            if not name.startswith(NETWORK):
                continue
            if not file.has_floats(original):
                raise ModelError(f"The tensor {quote(original)} holds whole numbers, no weights.")
            if name in self._names:
                raise ModelError(
                    f"The tensors {quote(original)} and {quote(self._names[name])} are the same"
                    " part of the network."
                )
            self._names[name] = original

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: self._shapes[original] for name, original in self._names.items()}

    def read(self, name: str) -> Array:
        return self._file.read(self._names[name])


def translate_name(name: str) -> str:
    """Translate a tensor's name in NeMo to the hub's."""
    for nemo, hub in RENAMED:
        name = name.replace(nemo, hub)
    return name


def _find_sentencepiece_name(settings: Mapping[str, Any], members: Collection[str]) -> str:
    """Return the tokenizer's member: the one that the settings name, or the only .model."""
    tokenizer = settings.get("tokenizer")
    named = tokenizer.get("model_path") if isinstance(tokenizer, dict) else None
    if isinstance(named, str) and named.removeprefix("nemo:") in members:
        return named.removeprefix("nemo:")
    models = [name for name in members if name.endswith(".model")]
    return models[0] if len(models) == 1 else "tokenizer.model"
