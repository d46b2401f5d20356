"""Where sound comes from: any sound or video file, as packets of 16 kHz mono float32."""

from nemocli.audio.decode import probe_tracks
from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.audio.sound import DecodedSound, Sound, open_sound
from nemocli.sound_warning import SoundWarning
from nemocli.units import SAMPLE_RATE

__all__ = [
    "DEFAULT_OPTIONS",
    "SAMPLE_RATE",
    "DecodedSound",
    "Sound",
    "SoundOptions",
    "SoundWarning",
    "open_sound",
    "probe_tracks",
]
