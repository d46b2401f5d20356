"""Phrases through the Python interface: sessions, files together, every runtime."""

import pytest

import nemocli
from nemocli.boosting.phrases import Phrases
from nemocli.errors import UsageError
from tests.boosting.muddled import muddle
from tests.kinds_here import PORTABLE_HERE
from tests.repeats import repeats

#: Preferred as strongly as possible, so that something changes whatever the model is.
BOOST = 5


@pytest.fixture(scope="module")
def transcriber():
    with nemocli.load("demo") as transcriber:
        yield transcriber


@pytest.fixture(scope="module")
def phrases(clips):
    """The words of all clips, which are wrong in each of them but its own."""
    words = {word.strip(",.?¿¡!") for clip in clips for word in clip.text.split()}
    return Phrases.of(sorted(filter(str.isalpha, words)), boost=BOOST)


@pytest.fixture(scope="module")
def muddled(clips, tmp_path_factory):
    return muddle(clips, tmp_path_factory.mktemp("muddled"))


def tokens(transcript):
    return [(t.id, t.frame, t.confidence, t.is_boosted) for t in transcript.tokens]


def run(transcriber, clip, size, **options):
    session = transcriber.session(clip.lang, **options)
    for start in range(0, len(clip.samples), size):
        session.feed(clip.samples[start : start + size])
    return session.finish()


def about_equal(some, others):
    """Compare tokens; blocks may round a confidence in another way."""
    assert [each[:2] + each[3:] for each in some] == [each[:2] + each[3:] for each in others]
    assert [each[2] for each in some] == pytest.approx([each[2] for each in others], abs=1e-4)


@pytest.mark.parametrize("boost", [1, BOOST])
def test_no_word_comes_out_of_nothing(transcriber, clips, muddled, boost):
    """A phrase replaces words: it is not put before punctuation, a tag, or a word that stays."""
    words = [word for clip in clips for word in clip.text.split()]
    listed = [word for word in words if any(map(str.isalpha, word))]
    for clip in [*clips, *muddled]:
        plain = transcriber.transcribe(clip.path, clip.lang).text
        boosted = transcriber.transcribe(
            clip.path, clip.lang, phrases=Phrases.of(listed, boost=boost)
        ).text
        assert len(boosted.split()) <= len(plain.split()) + 2, boosted


def test_chunks_blocks_and_files_together_have_the_same_tokens(transcriber, phrases, muddled):
    clips = muddled
    options = {"phrases": phrases}
    whole = [tokens(run(transcriber, clip, len(clip.samples), **options)) for clip in clips]
    assert any(is_boosted for each in whole for *_, is_boosted in each)
    for clip, expected in zip(clips[:3], whole, strict=False):
        about_equal(tokens(run(transcriber, clip, 1280, **options)), expected)
    for lang in {clip.lang for clip in clips}:
        some = [(clip, want) for clip, want in zip(clips, whole, strict=True) if clip.lang == lang]
        for ordered in (some, some[::-1]):
            paths = [clip.path for clip, _ in ordered]
            found = {r.path: r for r in transcriber.transcribe_many(paths, lang, phrases=phrases)}
            for clip, want in ordered:
                about_equal(tokens(found[clip.path].transcript), want)


@pytest.mark.parametrize("runtime", repeats(PORTABLE_HERE, 2))
def test_no_phrases_change_nothing_in_any_runtime(runtime, clips):
    with nemocli.load("demo", runtime=runtime) as transcriber:
        for clip in clips[:1]:
            plain = run(transcriber, clip, len(clip.samples))
            for none in ([], Phrases.of([]), Phrases.of(["Anna"], boost=0)):
                assert run(transcriber, clip, len(clip.samples), phrases=none) == plain


def test_a_session_may_change_its_phrases(transcriber, phrases, clips):
    clip = clips[0]
    half = len(clip.samples) // 2
    session = transcriber.session(clip.lang)
    session.feed(clip.samples[:half])
    session.phrases = phrases
    assert session.phrases is phrases
    session.feed(clip.samples[half:])
    changed = session.finish().tokens
    plain = run(transcriber, clip, len(clip.samples)).tokens
    before = [token for token in plain if token.frame < half // 1280 - 8]
    assert list(changed[: len(before)]) == before
    with pytest.raises(UsageError, match="neither a letter"):
        session.phrases = ["!"]
    assert session.phrases is phrases


def test_a_list_is_compiled_once(transcriber, phrases):
    first = transcriber._compiled.find(phrases)
    assert transcriber._compiled.find(Phrases.of(reversed(phrases.phrases), boost=BOOST)) is first
    assert transcriber._compiled.find(Phrases.of(phrases.phrases, boost=1)) is not first


def test_phrases_that_no_piece_writes_are_found(transcriber):
    assert transcriber.find_unspelled(["\N{SNOWMAN} 7", "\u1000"]) == ("\N{SNOWMAN} 7", "\u1000")


def test_wrong_phrases_are_refused_before_anything_is_read(transcriber, tmp_path):
    for call in (transcriber.session, transcriber.make_provenance):
        with pytest.raises(UsageError):
            call(*(["", "auto"] if call == transcriber.make_provenance else []), phrases=["?"])
    with pytest.raises(UsageError):
        transcriber.transcribe_many([tmp_path / "none.wav"], phrases="Anna")
    with pytest.raises(UsageError):
        transcriber.transcribe(tmp_path / "none.wav", phrases=["a" * 101])
