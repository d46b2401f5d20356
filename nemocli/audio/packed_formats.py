"""Recognition of packed sound (a container or codec) where raw samples are expected.

Most kinds begin with bytes of their own. MPEG streams do not, and may be cut anywhere, as a radio
or a camera sends them: they are recognised by headers that agree, and that follow each other at the
distance given in each. Raw samples do not have them: noise does not agree, and repeated samples (a
tone, silence) have no valid headers, or none that count up.
"""

from __future__ import annotations

import re
from collections.abc import Callable

#: Bytes to examine, and the first of them, in which a first header is searched.
LOOKED_AT, SEARCHED = 8192, 3072

#: Headers in a row that are sufficient before the end of the bytes.
MIN_HEADERS = 6

#: A frame that repeats with at most this period, in bytes, is a constant or a tone, not packed.
SHORT_PERIOD = 64

#: Lengths of a packet of an MPEG transport stream: plain, with a time before it, with a code
#: behind it; then the packets in a row that are needed, and those that are examined.
TS_PACKET_BYTES, MIN_TS_PACKETS, MAX_TS_PACKETS = (188, 192, 204), 5, 24

#: Length of a frame of GSM, its first four bits, and the frames that are needed.
GSM_FRAME_BYTES, GSM_MARK, MIN_GSM_FRAMES = 33, 0xD, 10

#: Patterns of the first bytes, and the kind.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (rb"OggS\x00", "Ogg"),
    (rb"fLaC", "FLAC"),
    (rb"ID3[\x02-\x04][\x00-\xfe].[\x00-\x7f]{4}", "MP3 or AAC"),
    (rb"\x1aE\xdf\xa3", "Matroska or WebM"),
    (rb"....(ftyp|styp|moov|mdat|moof|sidx)", "MP4"),
    (rb"\x00...(wide|free|skip|pnot)", "MP4"),
    (rb"RIFF....(AVI[ X]|AMV )", "AVI"),
    (rb"RIFF....XWMA", "XWMA"),
    (rb"RIFF....QLCM", "QCP"),
    (rb"RIFX....WAVE", "big-endian WAV"),
    (rb"riff.{20}wave", "W64"),
    (rb"FORM....(AIF[FC]|8SVX|16SV)", "AIFF"),
    (rb"caff\x00\x01", "CAF"),
    (rb"(\.snd|dns\.)", "AU"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA or ASF"),
    (rb"FLV[\x01-\x05]", "FLV"),
    (rb"#!AMR", "AMR"),
    (rb"\x00\x00\x01[\xba\xb3\xe0\xc0\xbd]", "MPEG"),
    (rb"wvpk", "WavPack"),
    (rb"MAC ..\x00\x00", "Monkey's Audio"),
    (rb"TTA[12]", "TTA"),
    (rb"(MPCK|MP\+[\x07\x17])", "Musepack"),
    (rb"tBaK", "TAK"),
    (rb"(DSD |FRM8)", "DSD"),
    (rb"(\.RMF|\.ra\xfd)", "RealMedia"),
    (rb"Creative Voice File", "VOC"),
    (rb"NIST_1A", "NIST SPHERE"),
    (rb"qoaf", "QOA"),
    (rb"2BIT", "AVR"),
    (rb".{65}FSSD.{59}HCOM", "HCOM"),
    (rb"\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e\x00\x07\xe9\x5e\xad\x8d", "WTV"),
    (rb"( paf|fap )", "PAF"),
    (rb"ALawSoundFile\*\*", "Psion WVE"),
    (rb"(\x64\xa3[\x01-\x04]\x00|\x00[\x01-\x04]\xa3\x64)", "IRCAM"),
    (rb"PVF[12]\n", "PVF"),
    (rb"\x06\x0e\x2b\x34\x02\x05\x01\x01", "MXF"),
    (rb"nut/multimedia", "NUT"),
    (
        rb"(\x7f\xfe\x80\x01|\xfe\x7f\x01\x80|\x1f\xff\xe8\x00\x07[\xf0-\xff]|\xff\x1f\x00\xe8.\x07)",
        "DTS",
    ),
    (rb"....\xf8\x72\x6f[\xba\xbb]", "TrueHD"),
    (rb"(\.SoX|XoS\.)", "SoX"),
    (rb"ajkg", "Shorten"),
    (rb"[\x02\x03]ds[s2]", "DSS"),
    (rb"(ea3\x03|EA3[\x01-\x03])", "ATRAC"),
    (rb"TWIN97012000", "TwinVQ"),
    (rb"\xcc\x1c[\x12\x16]\x00", "LC3"),
    (rb"\x00\x00\x00\x00\x01\xbc", "GXF"),
    (rb"OSQ ", "OSQ"),
    (rb"#!iLBC", "iLBC"),
    (rb"1bit", "WSD"),
    (rb"\x1f\x07\x00[\x3f\xbf]", "DV"),
    (rb"AV[\x01\x02].\x55", "PVA"),
    (rb"Extended Instrument: ", "XI"),
)

_MP3_RATES = (44100, 48000, 32000)
#: Bit rates in kbit/s, by whether the version is 1, and the layer.
_MP3_BITRATES = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_AC3_BITRATES = (
    *(32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640),
)

#: Content of a header: bytes up to the next header, and values that all headers share.
Header = tuple[int, tuple[int, ...]]


def recognize_packed(data: bytes) -> str | None:
    """Return the kind by the first LOOKED_AT bytes (or fewer, if all); None for raw samples."""
    for pattern, name in _PATTERNS:
        if pattern.match(data):
            return name
    if _is_transport_stream(data):
        return "an MPEG transport stream"
    if _is_gsm(data):
        return "GSM"
    for name, first, least, read_header in _STREAMS:
        if _has_headers(data, first, least, read_header):
            return name
    return None


def measure_frame(form: str, data: bytes) -> int | None:
    """Return the bytes of a frame by its header; None if that is no valid header.

    `form` is FFmpeg's name of a format; those without such headers have None too.
    """
    header = _read_header(form, data)
    return None if header is None else header[0]


def _read_header(form: str, data: bytes) -> Header | None:
    first, reader = _READERS.get(form, (-1, None))
    return reader(data[:8]) if reader is not None and len(data) >= 8 and data[0] == first else None


def find_frames(form: str, data: bytes, like: bytes) -> list[tuple[int, int]]:
    """Find whole frames in bytes behind a damaged one: begin and end of each.

    Each is of the same kind as the good frame `like`, and is followed by another, or by the end of
    the bytes. The first byte is that of the damaged frame. Empty for formats without headers that
    have the length of a frame.
    """
    agreed = _read_header(form, like)
    found, at = list[tuple[int, int]](), 1
    while agreed is not None and (at := data.find(like[:1], at)) >= 0:
        header = _read_header(form, data[at : at + 8])
        end = at + header[0] if header is not None and header[1] == agreed[1] else 0
        if end and (end == len(data) or measure_frame(form, data[end : end + 8])):
            found.append((at, end))
            at = end
        else:
            at += 1
    return found


def count_frames(form: str, data: bytes) -> int | None:
    """Count the frames that fill the bytes exactly, by their headers; None if they do not."""
    at = count = 0
    while at < len(data):
        size = measure_frame(form, data[at : at + 8])
        if size is None:
            return None
        at, count = at + size, count + 1
    return count if at == len(data) else None


def _has_headers(
    data: bytes, first: int, least: int, read_header: Callable[[bytes], Header | None]
) -> bool:
    """Return whether headers follow each other, the first within SEARCHED bytes."""
    at = data.find(first, 0, SEARCHED)
    while at >= 0:
        if _count_headers(data, at, least, read_header):
            return True
        at = data.find(first, at + 1, SEARCHED)
    return False


def _count_headers(
    data: bytes, at: int, least: int, read_header: Callable[[bytes], Header | None]
) -> bool:
    """Return whether headers follow from `at` on: MIN_HEADERS, or `least` up to the end."""
    count, begin = 0, at
    agreed: tuple[int, ...] | None = None
    while at + 8 <= len(data) and count < MIN_HEADERS:
        header = read_header(data[at : at + 8]) if data[at] == data[begin] else None
        if header is None or agreed not in (None, header[1]):
            return False
        size, agreed = header
        if not count and _repeats(data[begin : begin + size]):
            return False
        at += size
        count += 1
    return count >= least


def _repeats(frame: bytes) -> bool:
    """Return whether a frame repeats with a short period."""
    longest = min(SHORT_PERIOD, len(frame) // 2)
    return any(frame[period:] == frame[:-period] for period in range(1, longest + 1))


def _read_mp3(head: bytes) -> Header | None:
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if head[1] < 0xE0 or version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    is_first = version == 3
    hertz = _MP3_RATES[rate] // (1 if is_first else 2 if version == 2 else 4)
    kilobits = _MP3_BITRATES[is_first, layer][bitrate - 1]
    padding = head[2] >> 1 & 1
    if layer == 1:
        size = (12_000 * kilobits // hertz + padding) * 4
    else:
        size = (72_000 if layer == 3 and not is_first else 144_000) * kilobits // hertz + padding
    return size, (version, layer, rate)


def _read_adts(head: bytes) -> Header | None:
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12 or size < 8:
        return None
    return size, (head[1], head[2], head[3] & 0xC0)


def _read_latm(head: bytes) -> Header | None:
    size = ((head[1] & 0x1F) << 8 | head[2]) + 3
    return (size, ()) if head[1] & 0xE0 == 0xE0 and size > 8 else None


def _read_ac3(head: bytes) -> Header | None:
    kind, rate, code = head[5] >> 3, head[4] >> 6, head[4] & 0x3F
    if head[1] != 0x77 or kind > 16:
        return None
    if kind > 10:  # E-AC-3
        size = 2 * (((head[2] & 7) << 8 | head[3]) + 1)
        return (size, (kind, rate)) if size > 8 else None
    if rate == 3 or code >= 2 * len(_AC3_BITRATES):
        return None
    kilobits = _AC3_BITRATES[code // 2]
    words = (2 * kilobits, kilobits * 320 // 147 + code % 2, 3 * kilobits)[rate]
    return 2 * words, (kind, rate, head[5])


def _read_dts(head: bytes) -> Header | None:
    size = ((head[5] & 3) << 12 | head[6] << 4 | head[7] >> 4) + 1
    return (size, ()) if head[:4] == b"\x7f\xfe\x80\x01" and size >= 96 else None


def _is_transport_stream(data: bytes) -> bool:
    for size in TS_PACKET_BYTES:
        at = data.find(b"\x47", 0, size)
        while at >= 0:
            if _counts_up(
                [data[n : n + 4] for n in range(at, len(data) - 3, size)][:MAX_TS_PACKETS]
            ):
                return True
            at = data.find(b"\x47", at + 1, size)
    return False


def _is_gsm(data: bytes) -> bool:
    """Return whether frames of GSM follow each other, each of which begins with the same bits."""
    for first in range(GSM_FRAME_BYTES):
        beginnings = data[first::GSM_FRAME_BYTES]
        if len(beginnings) >= MIN_GSM_FRAMES and all(byte >> 4 == GSM_MARK for byte in beginnings):
            return not _repeats(data[: 4 * GSM_FRAME_BYTES])
    return False


def _counts_up(heads: list[bytes]) -> bool:
    """Return whether packet headers are valid, with counters that go up in each stream."""
    counters: dict[int, int] = {}
    for sync, flags, low, last in heads:
        part, counter = (flags & 0x1F) << 8 | low, last & 15
        if sync != 0x47 or flags & 0x80 or not last & 0x30:
            return False
        if part == 0x1FFF or not last & 0x10:  # without content
            continue
        if part in counters and counter != (counters[part] + 1) % 16:
            return False
        counters[part] = counter
    return len(heads) >= MIN_TS_PACKETS and bool(counters)


_PATTERNS = [(re.compile(pattern, re.DOTALL), name) for pattern, name in _MAGIC]

#: Name, first byte of a header, headers needed up to the end of the bytes, and their reader.
_STREAMS = (
    ("AAC", 0xFF, 3, _read_adts),
    ("MP3", 0xFF, 3, _read_mp3),
    ("AAC (LATM)", 0x56, 4, _read_latm),
    ("AC-3", 0x0B, 2, _read_ac3),
)

#: First byte and reader of a header, by FFmpeg's name of a format that has only frames.
_READERS: dict[str, tuple[int, Callable[[bytes], Header | None]]] = {
    "aac": (0xFF, _read_adts),
    "loas": (0x56, _read_latm),
    "mp3": (0xFF, _read_mp3),
    "ac3": (0x0B, _read_ac3),
    "eac3": (0x0B, _read_ac3),
    "dts": (0x7F, _read_dts),
}
