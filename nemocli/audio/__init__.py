"""Where sound comes from: any sound or video file, as packets of 16 kHz mono float32."""

from nemocli.audio.sound import Sound, open_sound
from nemocli.audio.sound_warnings import SoundWarning
from nemocli.units import SAMPLE_RATE

__all__ = ["SAMPLE_RATE", "Sound", "SoundWarning", "open_sound"]
