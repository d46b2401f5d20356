"""Folders are searched for every extension that the decoders can read."""

import struct

import av
import numpy
import pytest
import soundfile

from nemocli.audio.ffmpeg_limits import DEMUXERS
from nemocli.audio.sound import open_sound
from nemocli.errors import AudioError
from nemocli.jobs.extensions import EXTENSIONS
from tests import media

#: Extensions that FFmpeg reads, but folders are not searched for.
PICTURES = """
    a64 anim apng avif bmp cdg dds dpx exr fits flm gif hdr heic heif ico im1 im24 im8 j2c j2k jls
    jp2 jpeg jpg jxl jxs ljpg mj2 mjpeg mjpg mpo pam pbm pcx pdv pfm pgm pgmyuv phm pix png ppm qoi
    ras rs sgi sun sunras tga tif tiff vbn wbmp webp xbm xface xwd y ser sga
"""
VIDEO_WITHOUT_SOUND = """
    264 265 266 apv avc avs avs2 avs3 cavs cdxl xl cif dnxhd dnxhr drc evc h261 h263 h264 h265 h266
    h26l hevc imx ipu ivf m1v m2v mxg obu qcif rcv rgb v v210 vc1 vc2 vvc y4m yop yuv yuv10
"""
TEXT_AND_SUBTITLES = """
    ans aqt art asc ass cgi diz ffmeta ice idf idx js jss lrc mcc mks mpl2 nfo pjs rt sami sbg scc
    smi srt ssa stl sub sup ttml txt vt vtt webvtt
"""
PLAYLISTS_AND_PARTS = "chk m3u8 mpd xml ism"
SAMPLES_WITHOUT_A_RATE = "al bitpacked pcm sb sw tun ub ul uw"
MOSTLY_OTHER_THINGS = "adf apl bit cdata dat mac nsp rco son str tco vb"
#: Formats whose demuxers nemocli does not let FFmpeg use: of games, instruments and rare devices.
NOT_OPENED = """
    302 aa aax acm adp ads adx aea afc aix apc apm aptx aptxhd ast aud bcstm bfstm binka bmv bonk
    brstm c2 cpk cvg daud dav dfpwm dtk fsb fwse g728 genh hca iamf ifv ivr kux laf lvf mca mmf
    mods moflex msbc msf mtaf musx mvi rka roq rsd rso sbc sdns sdr2 sds sdx spdif ss2 svag svs
    swf ty ty+ usm vag viv vpk wa way xmd xmv xvag
"""
NOT_SOUGHT = " ".join(
    [
        *(PICTURES, VIDEO_WITHOUT_SOUND, TEXT_AND_SUBTITLES, PLAYLISTS_AND_PARTS),
        *(SAMPLES_WITHOUT_A_RATE, MOSTLY_OTHER_THINGS, NOT_OPENED),
    ]
).split()

#: Extensions of libsndfile's formats, where these are not the format's name in lower case.
CALLED = {"SVX": "8svx", "WAVEX": "wav", "MPC2K": "snd", "NIST": "sph"}


def known_to_ffmpeg(modes="rw"):
    """Return the formats that FFmpeg reads or writes, by extension."""
    found = {}
    for name in av.formats_available:
        for mode in modes:
            try:
                extensions = av.ContainerFormat(name, mode).extensions
            except ValueError:
                continue
            for extension in extensions:
                found.setdefault(extension.strip().lower(), set()).add(name)
    return found


def test_every_extension_of_ffmpeg_is_sought_or_left_out_for_a_reason():
    known = known_to_ffmpeg()
    assert len(known) > 100
    undecided = {e: sorted(n) for e, n in known.items() if e not in {*EXTENSIONS, *NOT_SOUGHT}}
    assert not undecided
    assert not set(EXTENSIONS) & set(NOT_SOUGHT)


def test_no_extension_is_sought_whose_demuxers_are_not_allowed():
    """But for those that libsndfile reads, and m4v, which mostly means MP4."""
    demuxers = known_to_ffmpeg("r")
    refused = {
        extension
        for extension in EXTENSIONS
        if extension in demuxers
        and not {part for name in demuxers[extension] for part in name.split(",")} & {*DEMUXERS}
    }
    assert refused == {"paf", "fap", "m4v"}


@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
@pytest.mark.parametrize("form", ["PAF", "WVE", "MAT4", "HTK"])
def test_what_only_libsndfile_reads_is_read(tmp_path, form, endian):
    subtype = soundfile.default_subtype(form)
    if not soundfile.check_format(form, subtype, endian):
        endian = "FILE"
    rate = 8000 if form == "WVE" else 16000
    samples = media.sine(1, rate) / 2
    path = tmp_path / "a"
    soundfile.write(path, samples, rate, subtype, endian, form)
    with open_sound(path) as sound:
        heard = numpy.concatenate(list(sound))
    assert len(heard) == 16000
    assert numpy.abs(heard).max() == pytest.approx(numpy.abs(samples).max(), abs=0.03)


def chunk(name, content):
    return name + struct.pack(">Q", len(content)) + content


def test_recordings_of_one_bit_are_read(tmp_path):
    """DSD of a tenth of a second, in both files that it comes in."""
    silence, rate = b"\x69" * 40960, 2822400
    form = struct.pack("<QIIIIIIQII", 52, 1, 0, 1, 1, rate, 1, 8 * len(silence), 4096, 0)
    size = 28 + 52 + 12 + len(silence)
    content = b"DSD " + struct.pack("<QQQ", 28, size, 0) + b"fmt " + form
    content += b"data" + struct.pack("<Q", 12 + len(silence)) + silence
    (tmp_path / "a.dsf").write_bytes(content)
    properties = chunk(b"FS  ", struct.pack(">I", rate)) + chunk(b"CHNL", b"\0\1C   ")
    properties += chunk(b"CMPR", b"DSD \x0enot compressed\0")
    content = chunk(b"FVER", b"\1\5\0\0") + chunk(b"PROP", b"SND " + properties)
    (tmp_path / "a.dff").write_bytes(chunk(b"FRM8", b"DSD " + content + chunk(b"DSD ", silence)))
    for name in ("a.dsf", "a.dff"):
        with open_sound(tmp_path / name) as sound:
            assert sum(map(len, sound)) == pytest.approx(8 * len(silence) / rate * 16000, abs=2)


@pytest.mark.parametrize("form", sorted(set(soundfile.available_formats()) - {"RAW"}))
def test_what_libsndfile_writes_and_nemocli_reads_is_sought(tmp_path, form):
    extension = CALLED.get(form, form.lower())
    path = tmp_path / f"a.{extension}"
    subtype = soundfile.default_subtype(form)
    try:
        soundfile.write(path, numpy.zeros(16000), 16000, subtype, format=form)
    except soundfile.LibsndfileError:
        pytest.skip(f"this libsndfile does not write {form}")
    try:
        open_sound(path).close()
    except AudioError:
        assert extension not in EXTENSIONS or form == "MPC2K"  # AU is called .snd as well
    else:
        assert extension in EXTENSIONS


def test_extensions_are_there_once_and_in_small_letters():
    assert len(set(EXTENSIONS)) == len(EXTENSIONS)
    assert all(extension == extension.lower() for extension in EXTENSIONS)
