"""Folders are searched for every extension that the decoders can read."""

import av
import numpy
import pytest
import soundfile

from nemocli.audio.sound import open_sound
from nemocli.errors import AudioError
from nemocli.jobs.inputs import EXTENSIONS

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
NOT_SOUGHT = " ".join(
    [
        *(PICTURES, VIDEO_WITHOUT_SOUND, TEXT_AND_SUBTITLES, PLAYLISTS_AND_PARTS),
        *(SAMPLES_WITHOUT_A_RATE, MOSTLY_OTHER_THINGS),
    ]
).split()

#: Extensions of libsndfile's formats, where these are not the format's name in lower case.
CALLED = {"SVX": "8svx", "WAVEX": "wav", "MPC2K": "snd", "NIST": "sph"}


def known_to_ffmpeg():
    """Return the formats that FFmpeg reads or writes, by extension."""
    found = {}
    for name in av.formats_available:
        for mode in "rw":
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
        return
    assert extension in EXTENSIONS


def test_extensions_are_there_once_and_in_small_letters():
    assert len(set(EXTENSIONS)) == len(EXTENSIONS)
    assert all(extension == extension.lower() for extension in EXTENSIONS)
