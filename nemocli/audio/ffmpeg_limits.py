"""Limits for FFmpeg on a file from a stranger: it reads this one file, as sound.

Without them it would take a text for a playlist, whatever the file's name, and open the files
and addresses in it, and it would unpack pictures, however large, to learn their colours.
"""

from functools import cache

from av.codec import Codec, codecs_available

#: Containers and plain streams that hold their own sound. Playlists (hls, concat, dash, sdp),
#: devices, pictures, texts and subtitles are not among them.
DEMUXERS = (
    *("aac", "ac3", "ac4", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "asf_o", "au", "avi"),
    *("avr", "caf", "dsf", "dss", "dts", "dtshd", "dv", "eac3", "flac", "flv", "g722", "g723_1"),
    *("g729", "gsm", "gxf", "hcom", "iff", "ilbc", "ircam", "lc3", "loas", "matroska", "mlp"),
    *("mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts", "mxf", "nistsphere", "nut", "ogg", "oma"),
    *("osq", "pva", "pvf", "qcp", "qoa", "rm", "shn", "sln", "sox", "tak", "truehd", "tta", "voc"),
    *("vqf", "w64", "wav", "wsd", "wtv", "wv", "xwma"),
)


@cache
def build_limits() -> dict[str, str]:
    """Return FFmpeg's options that restrict it to one local file, these formats, and sound."""
    return {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(sorted(_list_sound_decoders())),
    }


def _list_sound_decoders() -> set[str]:
    found = set()
    for name in codecs_available:
        try:
            codec = Codec(name, "r")
        except ValueError:  # one that only encodes
            continue
        if codec.type == "audio":
            found.add(codec.name)
    return found
