"""The fuzz targets by name."""

from nemocli.runtimes.kinds import KINDS
from tests.fuzz import (
    diarizers,
    manifests,
    model_folders,
    models,
    phrases,
    sounds,
    speakers,
    streams,
    transcripts,
    weights,
)
from tests.fuzz.target import MakeTarget

TARGETS: dict[str, MakeTarget] = {
    "safetensors": weights.safetensors,
    "config": models.config,
    "checkpoint": models.checkpoint,
    "tokenizer": weights.tokenizer,
    "sentencepiece": weights.sentencepiece,
    "vocabulary": weights.vocabulary,
    "pickle": weights.pickles,
    "torch-file": weights.torch_file,
    "nemo-settings": models.nemo_settings,
    "nemo-yaml": models.nemo_yaml,
    "nemo": models.nemo,
    "diarizer-config": diarizers.diarizer_config,
    "diarizer-nemo-settings": diarizers.diarizer_nemo_settings,
    "model-folder": model_folders.model_folder,
    "mlpackage": model_folders.mlpackage,
    "onnx": model_folders.onnx,
    "wav-header": sounds.wav_header,
    "pcm": sounds.pcm,
    "sound-file": sounds.sound_file,
    "packets": streams.packets,
    "mel": streams.mel,
    "session": streams.session,
    "detokenizer": transcripts.detokenizer,
    "documents": transcripts.documents,
    "subtitles": transcripts.subtitles,
    "printed": transcripts.printed,
    "screen": transcripts.screen,
    "phrases": phrases.phrases,
    "resume": manifests.resume,
    "outputs": manifests.outputs,
    "bench-manifest": manifests.bench_manifest,
    "rttm": speakers.rttm,
    "seglst": speakers.seglst,
    "choice": manifests.choice,
    "arguments": manifests.arguments,
}
if KINDS["mlx"].library.is_here:
    TARGETS["mlx"] = model_folders.mlx
