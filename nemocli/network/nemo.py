"""Read a `.nemo` archive, NVIDIA NeMo's own form of a checkpoint, without NeMo and torch.

It is a tar of model_config.yaml, model_weights.ckpt and a SentencePiece model. Names and settings
are translated to the hub's, as transformers' conversion script does it, and then read like a
checkpoint from the hub: both forms of a model give the same converted folder, byte for byte.
"""

import hashlib
import mmap
import tarfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Never

from nemocli.errors import ModelError, quote
from nemocli.network.architectures import ONLY_THESE, describe_other_nemo
from nemocli.network.config import ModelConfig, read_config
from nemocli.network.nemo_config import make_hub_configs, read_yaml
from nemocli.network.parameters import Parameters
from nemocli.network.sentencepiece import read_sentencepiece
from nemocli.network.tensors import Array
from nemocli.network.tokenizer import from_sentencepiece
from nemocli.network.torch_file import TorchFile

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"

#: What the tarfile module raises for a damaged archive.
_DAMAGED = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, OSError)

#: The most bytes that the settings, or the tokenizer, may have: ten times what they take.
MAX_MEMBER_BYTES = 8 << 20

#: The most members that an archive may have: it has about ten.
MAX_MEMBERS = 1000

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
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise ModelError(f"There is no file {path}.") from None
        except OSError as error:
            raise ModelError(f"The archive {path} cannot be read: {error.strerror}.") from None
        except ValueError:  # what mmap raises for an empty file
            self._refuse("is empty")
        with _open_tar(path) as tar:
            self._read(tar, _list_members(tar, path))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the archive, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _read(self, tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]) -> None:
        settings = self._parse_settings(self._read_bytes(members, CONFIG))
        if what := describe_other_nemo(settings):
            raise ModelError(f"The archive {self.path} holds {what}; {ONLY_THESE}.")
        model = _find_sentencepiece_name(settings, members)
        pieces = read_sentencepiece(self._read_bytes(members, model), f"{model} in {self.path}")
        weights = self._find_member(members, WEIGHTS)
        file: IO[bytes] | None = tar.extractfile(weights)
        if file is None:
            self._refuse(f"lacks {WEIGHTS}")
        self.weights = NemoWeights(TorchFile(file, self._get_data(weights), str(self.path)))
        prompt = self.weights.shapes().get("prompt_projector.linear_1.weight", (0,))
        configs = make_hub_configs(settings, prompt[0], len(pieces.pieces), str(self.path))
        self.config: ModelConfig = read_config(*configs)
        self.tokenizer = from_sentencepiece(pieces, self.config)
        self.parameters = Parameters(self.config, self.weights)

    def _parse_settings(self, text: bytes) -> dict[str, Any]:
        try:
            settings = read_yaml(text)
        except (ValueError, RecursionError):
            self._refuse(f"has a {CONFIG} that is not valid YAML")
        if not isinstance(settings, dict):
            self._refuse(f"has a {CONFIG} without settings")
        return settings

    def _find_member(self, members: Mapping[str, tarfile.TarInfo], name: str) -> tarfile.TarInfo:
        if name not in members or not members[name].isreg() or members[name].sparse is not None:
            self._refuse(f"lacks the file {name}")
        return members[name]

    def _read_bytes(self, members: Mapping[str, tarfile.TarInfo], name: str) -> bytes:
        member = self._find_member(members, name)
        if member.size > MAX_MEMBER_BYTES:
            self._refuse(f"has a {name} of more than {MAX_MEMBER_BYTES >> 20} MB")
        return bytes(self._get_data(member))

    def _get_data(self, member: tarfile.TarInfo) -> memoryview:
        data = memoryview(self._map)[member.offset_data : member.offset_data + member.size]
        if len(data) != member.size:
            self._refuse("is truncated")
        return data

    def _refuse(self, what: str) -> Never:
        raise ModelError(f"The archive {self.path} {what}; download it again.")


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


def _open_tar(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path, "r:")
    except _DAMAGED:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
    if compressed:
        raise ModelError(
            f"The archive {path} is compressed; decompress it first, such as by"
            f" 'gunzip < {path.name} > plain-{path.name}', and give the result."
        )
    raise ModelError(f"The file {path} is not a .nemo archive, or is truncated; download it again.")


def _list_members(tar: tarfile.TarFile, path: Path) -> dict[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    try:
        for number, member in enumerate(tar):
            if number == MAX_MEMBERS:
                raise ModelError(f"The archive {path} has more than {MAX_MEMBERS} members.")
            if member.size < 0:  # which leads back to the same header, endlessly
                raise tarfile.ReadError("a member smaller than nothing")
            members[member.name.removeprefix("./")] = member
        return members
    except _DAMAGED:
        raise ModelError(
            f"The archive {path} is truncated or damaged; download it again."
        ) from None


def _find_sentencepiece_name(
    settings: Mapping[str, Any], members: Mapping[str, tarfile.TarInfo]
) -> str:
    """Return the tokenizer's member: the one that the settings name, or the only .model."""
    tokenizer = settings.get("tokenizer")
    named = tokenizer.get("model_path") if isinstance(tokenizer, dict) else None
    if isinstance(named, str) and named.removeprefix("nemo:") in members:
        return named.removeprefix("nemo:")
    models = [name for name in members if name.endswith(".model")]
    return models[0] if len(models) == 1 else "tokenizer.model"
