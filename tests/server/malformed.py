"""Strategies for what no client should send: requests, realtime messages and Wyoming's frames.

Most are nearly right, so that they come far: the names that the server knows, with values of any
kind, lengths that are wrong, and bytes that are cut off.
"""

import base64
import json
from dataclasses import dataclass

from hypothesis import strategies as st

ODD_TEXTS = ("", " ", "\0", "\ud800", "é" * 300, "x" * 5000, "NaN", "[[[", "null", "../..", "-1")
ODD_NUMBERS = (0, -1, 1, 7999, 24000, 48000, 48001, 2**31, 2**70, 1e308, 0.5)

#: Any value in JSON; `json.dumps` also writes NaN and infinities, which are none.
values = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(ODD_NUMBERS)
    | st.floats()
    | st.sampled_from(ODD_TEXTS)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def members(**known):
    """An object with some of the known members, each right or of any value, and others."""
    either = {name: right | values for name, right in known.items()}
    return st.builds(
        lambda given, more: more | given,
        st.fixed_dictionaries({}, optional=either),
        st.dictionaries(st.text(max_size=8), values, max_size=1),
    )


# ------------------------------------------------------------------------------ realtime

sound_formats = members(
    type=st.sampled_from(["audio/pcm", "audio/pcmu", "audio/pcma"]),
    rate=st.sampled_from([8000, 16000, 24000]),
)
transcriptions = members(
    model=st.just("any"),
    language=st.sampled_from(["de", "auto", "english", "tlh"]),
    languages=st.just(["de"]),
    keywords=st.lists(st.text(max_size=20), max_size=3),
)
turn_detections = st.none() | members(
    type=st.sampled_from(["server_vad", "semantic_vad", "none"]),
    silence_duration_ms=st.integers(-1, 20_000),
    eagerness=st.sampled_from(["low", "high"]),
)
sessions = members(
    type=st.sampled_from(["transcription", "realtime"]),
    audio=members(
        input=members(
            format=sound_formats,
            transcription=transcriptions,
            turn_detection=turn_detections,
            noise_reduction=st.none(),
        )
    ),
    include=st.lists(st.sampled_from(["item.input_audio_transcription.logprobs", "tokens"])),
) | members(
    input_audio_format=st.sampled_from(["pcm16", "g711_ulaw", "g711_alaw"]),
    input_audio_transcription=transcriptions,
    turn_detection=turn_detections,
)
TYPES = ("session.update", "transcription_session.update", "input_audio_buffer.append")
TYPES += ("input_audio_buffer.commit", "input_audio_buffer.clear", "response.create")
sounds = st.binary(max_size=4001).map(lambda data: base64.b64encode(data).decode())
events = members(
    type=st.sampled_from(TYPES),
    event_id=st.just("event_1"),
    session=sessions,
    audio=sounds | st.text(max_size=10),
).map(json.dumps)


def cut(data):
    """A part of a text or of bytes, from their beginning."""
    return st.integers(0, len(data)).map(lambda end: data[:end])


#: A text is a text message, and bytes are a binary one.
messages = events | events.flatmap(cut) | st.text(max_size=30) | st.binary(max_size=4001)

# ------------------------------------------------------------------------------ Wyoming

FRAME_TYPES = ("describe", "ping", "transcribe", "audio-start", "audio-chunk", "audio-stop", "x")
frame_data = members(
    language=st.sampled_from(["de", "tlh"]),
    rate=st.sampled_from([8000, 16000]),
    width=st.just(2),
    channels=st.integers(0, 9),
    transcript_names=st.lists(st.text(max_size=9), max_size=2),
    text=st.text(max_size=9),
)


@st.composite
def frames(draw):
    """The bytes of a frame: its head, more data, and a payload, whose lengths may be wrong."""
    more, payload = draw(st.binary(max_size=20)), draw(st.binary(max_size=2001))
    if draw(st.booleans()):
        more = json.dumps(draw(frame_data)).encode()
    head = draw(members(type=st.sampled_from(FRAME_TYPES), data=frame_data))
    if draw(st.booleans()):
        head["type"] = draw(st.sampled_from(FRAME_TYPES))
    for name, right in (("data_length", more), ("payload_length", payload)):
        if draw(st.booleans()):
            head[name] = draw(st.just(len(right)) | st.sampled_from(ODD_NUMBERS) | values)
    data = json.dumps(head).encode() + b"\n" + more + payload
    return draw(cut(data)) if draw(st.integers(0, 5)) == 0 else data


# ------------------------------------------------------------------------------ requests

FIELDS = ("model", "language", "languages[]", "response_format", "stream", "include[]", "keywords")
FIELDS += ("timestamp_granularities[]", "speech_contexts", "prompt", "temperature", "file", "", "x")
FIELD_TEXTS = ("json", "text", "srt", "vtt", "verbose_json", "true", "de", "word", "logprobs")
CONTENT_TYPES = ("application/json", "text/plain", "", "multipart/form-data", "multipart/mixed")
CONTENT_TYPES += ("multipart/form-data; boundary=", "application/x-www-form-urlencoded", "\xff")
PATHS = ("/", "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/models", "/v1/models/x")
PATHS += ("/v1/phrases", "/v1/realtime", "/captions/events", "/static/page.js", "/static/..%2fapp")
PATHS += ("/health", "/metrics", "/nothing", "/v1/audio/transcriptions/", "//", "/%00", "/%ff")
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "X")
HEADERS = (b"content-length: 5", b"content-length: -1", b"content-length: 99", b"content-length: x")
HEADERS += (b"transfer-encoding: chunked", b"transfer-encoding: x", b"expect: 100-continue", b": x")
HEADERS += (b"upgrade: websocket", b"connection: upgrade", b"origin: http://x", b"host: x", b"\xff")
HEADERS += (b"x: " + b"y" * 9000, b"authorization: Bearer \xff", b"range: bytes=-1", b"cookie: x")


@dataclass(frozen=True)
class MalformedRequest:
    """The bytes of a request; `is_whole` says that it is HTTP, whatever it means."""

    data: bytes
    is_whole: bool


@st.composite
def form_bodies(draw, sound):
    """A form's content type and body; `sound` is a file that may be in it, damaged or not."""
    boundary = draw(st.sampled_from(["b", "x" * 70, "'", "a b"]))
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(FIELDS))
        text = draw(st.sampled_from(FIELD_TEXTS + ODD_TEXTS) | st.text(max_size=20))
        parts.append(('name="' + name + '"', text.encode("utf-8", "surrogatepass")))
    if draw(st.booleans()):
        damaged = cut(sound) | st.binary(max_size=300) | st.just(sound + bytes(9))
        name = draw(st.sampled_from(["a.wav", "", "../../x", '"', "\u202e", "x" * 3000]))
        parts.append((f'name="file"; filename="{name}"', draw(damaged)))
    body = b"".join(
        b"--%s\r\ncontent-disposition: form-data; %s\r\n\r\n%s\r\n"
        % (boundary.encode(), about.encode(), data)
        for about, data in parts
    )
    body += draw(st.sampled_from([b"--" + boundary.encode() + b"--\r\n", b"", b"--"]))
    body = draw(cut(body)) if draw(st.integers(0, 5)) == 0 else body
    return f'multipart/form-data; boundary="{boundary}"', body


@st.composite
def requests(draw, sound):
    """A request: mostly a form to where files are transcribed, or anything to anywhere."""
    if draw(st.integers(0, 2)):
        method, path = "POST", draw(st.sampled_from(["/v1/audio/transcriptions", "/v1/phrases"]))
        content_type, body = draw(form_bodies(sound))
    else:
        method, path = draw(st.sampled_from(METHODS)), draw(st.sampled_from(PATHS))
        content_type, body = draw(st.sampled_from(CONTENT_TYPES)), draw(st.binary(max_size=200))
    odd = draw(st.lists(st.sampled_from(HEADERS), max_size=2)) if draw(st.booleans()) else []
    head = [f"{method} {path} HTTP/1.1".encode(), b"host: localhost", b"connection: close"]
    head += [b"content-type: " + content_type.encode("latin-1"), *odd]
    if not odd:
        head.append(b"content-length: %d" % len(body))
    data = b"\r\n".join(head) + b"\r\n\r\n" + body
    if draw(st.integers(0, 7)) == 0:
        return MalformedRequest(draw(cut(data)), is_whole=False)
    return MalformedRequest(data, is_whole=not odd)
