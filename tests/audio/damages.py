"""Files of every kind that can be written here, and all kinds of damage."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from tests.audio.marks import marked
from tests.media import encode

#: Marks in each file.
MARKS = 14


@dataclass(frozen=True)
class Kind:
    """A container and a codec; written by FFmpeg, or by libsndfile where `subtype` is given."""

    form: str
    codec: str
    rate: int = 16000
    channels: int = 1
    #: Whether packets have times of their own, so that one that is missing leaves a hole.
    has_clock: bool = False
    options: dict[str, str] = field(default_factory=dict)
    subtype: str = ""
    picture: bool = False

    @property
    def marks_frames(self) -> bool:
        """Whether each frame has a mark, so that a reader recognises foreign bytes."""
        return self.form in ("mp3", "mp2", "adts", "latm", "ac3", "eac3", "flac", "tta", "avi")

    @property
    def has_length(self) -> bool:
        """Whether a header or an end tells how long the sound is, or the file."""
        return self.form.lower() in (
            *("wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg", "mp3", "tta", "avi"),
            *("matroska", "webm", "flv"),
        )

    @property
    def has_index_at_end(self) -> bool:
        """Whether nothing can be decoded without the end of the file."""
        return self.form in ("mp4", "mov", "3gp") and not self.options

    @property
    def has_clusters(self) -> bool:
        """Whether readers continue only some seconds behind damage."""
        return self.form in ("nut", "voc", "wv")

    @property
    def name(self) -> str:
        more = [*self.options.values(), *["film"] * self.picture]
        return "-".join([self.form, self.codec, str(self.rate), *more])

    def write(
        self,
        path: Path,
        late: float = 0.0,
        drop: Callable[[float], bool] = lambda seconds: False,
    ) -> bytes:
        sound = np.repeat(marked(MARKS, self.rate)[:, None], self.channels, axis=1)
        if self.subtype:
            soundfile.write(path, sound, self.rate, self.subtype, format=self.form)
            return path.read_bytes()
        first = round(late * self.rate)
        encode(
            path,
            self.codec,
            sound,
            self.rate,
            form=self.form,
            options=self.options,
            pts=lambda frame: frame + first,
            drop=drop,
            picture_seconds=3.0 if self.picture else 0.0,
        )
        return path.read_bytes()


FRAGMENTS = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}

KINDS = [
    Kind("WAV", "pcm", subtype="PCM_16"),
    Kind("WAV", "float", subtype="FLOAT"),
    Kind("WAV", "ulaw", 8000, subtype="ULAW"),
    Kind("WAV", "ima", subtype="IMA_ADPCM"),
    Kind("WAV", "ms", subtype="MS_ADPCM"),
    Kind("WAV", "gsm", 8000, subtype="GSM610"),
    Kind("RF64", "pcm", subtype="PCM_16"),
    Kind("W64", "pcm", subtype="PCM_16"),
    Kind("AIFF", "pcm", subtype="PCM_16"),
    Kind("AU", "pcm", subtype="PCM_16"),
    Kind("CAF", "pcm", subtype="PCM_16"),
    Kind("CAF", "alac", subtype="ALAC_16"),
    Kind("FLAC", "flac", subtype="PCM_16"),
    Kind("OGG", "vorbis", subtype="VORBIS"),
    Kind("mp3", "libmp3lame"),
    Kind("mp3", "libmp3lame", 44100, 2),
    Kind("mp2", "mp2", 48000),
    Kind("adts", "aac", 48000),
    Kind("latm", "aac"),
    Kind("ac3", "ac3", 48000),
    Kind("eac3", "eac3", 48000),
    Kind("flac", "flac", 44100, 2),
    Kind("amr", "libopencore_amrnb", 8000),
    Kind("wv", "wavpack"),
    Kind("tta", "tta"),
    Kind("g722", "g722"),
    Kind("voc", "pcm_s16le"),
    Kind("sox", "pcm_s32le"),
    Kind("wav", "libmp3lame"),
    Kind("ogg", "libopus", 48000, has_clock=True),
    Kind("ogg", "flac", has_clock=True),
    Kind("mp4", "aac", 48000, has_clock=True),
    Kind("mp4", "aac", 44100, has_clock=True, options={"movflags": "faststart"}),
    Kind("mp4", "aac", has_clock=True, options=FRAGMENTS),
    Kind("mp4", "libopus", 48000, has_clock=True),
    Kind("mov", "alac", has_clock=True),
    Kind("mov", "pcm_s16le"),
    Kind("3gp", "libopencore_amrnb", 8000, has_clock=True),
    Kind("matroska", "aac", has_clock=True),
    Kind("matroska", "libopus", 48000, has_clock=True),
    Kind("matroska", "flac", has_clock=True),
    Kind("matroska", "libmp3lame", has_clock=True),
    Kind("matroska", "pcm_s16le", has_clock=True),
    Kind("matroska", "aac", 48000, has_clock=True, picture=True),
    Kind("webm", "libopus", 48000, has_clock=True),
    Kind("mpegts", "aac", has_clock=True),
    Kind("mpegts", "mp2", 48000, has_clock=True),
    Kind("mpegts", "ac3", 48000, has_clock=True),
    Kind("mpegts", "aac", 48000, has_clock=True, picture=True),
    Kind("mpeg", "mp2", 48000, has_clock=True),
    Kind("flv", "aac", has_clock=True),
    Kind("flv", "libmp3lame", 44100, has_clock=True),
    Kind("flv", "nellymoser", has_clock=True),
    Kind("asf", "wmav2", 44100, has_clock=True),
    Kind("nut", "aac", has_clock=True),
    Kind("avi", "pcm_s16le"),
    Kind("avi", "libmp3lame", 44100),
    Kind("avi", "adpcm_ima_wav"),
]


def damaged(content: bytes, how: str) -> bytes:
    """A way to damage a file after it was written."""
    random = np.random.default_rng(1)
    at = len(content) * 45 // 100
    if how == "200 bad bytes":
        return content[:at] + random.bytes(200) + content[at + 200 :]
    if how == "zeros":
        size = len(content) // 10
        return content[:at] + bytes(size) + content[at + size :]
    if how == "cut":
        return content[: len(content) * 55 // 100]
    if how == "joined":
        return content + content
    if how == "junk behind":
        return content + random.bytes(3000)
    if how == "page behind":
        return content + b"<html><body>404 Not Found</body></html>\n" * 60
    raise ValueError(how)


#: All that `damaged` does.
DAMAGES = ["200 bad bytes", "zeros", "cut", "joined", "junk behind", "page behind"]
