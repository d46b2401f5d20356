"""Languages are found by what users write for them, and unknown ones are refused with advice."""

import dataclasses

import pytest

from nemocli.engine.language_names import NAMES
from nemocli.engine.languages import RELEASED_LOCALES, Language, Languages
from nemocli.errors import UsageError
from nemocli.network.checkpoint import Checkpoint


@pytest.fixture(scope="module")
def released(demo):
    """Make the languages of a model that, like the released one, does not name its own."""
    return Languages(dataclasses.replace(Checkpoint(demo).config, languages=()))


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        ("ja-JP", "ja-JP"),
        ("en_us", "en-US"),
        ("EN-us", "en-US"),
        ("en", "en-US"),
        ("es", "es-US"),
        ("pt", "pt-PT"),
        ("zh", "zh-CN"),
        ("no", "nb-NO"),
        ("en_DE", "en-US"),
        (" fr-CA ", "fr-CA"),
        ("fr_", "fr-FR"),
        *(
            ("english", "en-US"),
            ("eng", "en-US"),
            ("English", "en-US"),
            ("British English", "en-GB"),
        ),
        *(("deutsch", "de-DE"), ("Deutsch", "de-DE"), ("DEU", "de-DE"), ("ger", "de-DE")),
        *(("deu-AT", "de-DE"), ("eng_GB", "en-GB"), ("por-BR", "pt-BR"), ("english-gb", "en-GB")),
        *(("日本語", "ja-JP"), (" 日本語 ", "ja-JP"), ("Japanese", "ja-JP"), ("jpn", "ja-JP")),
        *(("中文", "zh-CN"), ("普通话", "zh-CN"), ("Mandarin", "zh-CN"), ("العربية", "ar-AR")),
        *(("norsk", "nb-NO"), ("Nynorsk", "nn-NO"), ("Norsk Bokmål", "nb-NO"), ("nor", "nb-NO")),
        *(("Bokma\u030al", "nb-NO"), ("TÜRKÇE", "tr-TR"), ("Ελληνικά", "el-GR"), ("ไทย", "th-TH")),
        *(("Tiếng Việt", "vi-VN"), ("brazilian_portuguese", "pt-BR"), ("한국어", "ko-KR")),
        ("auto", "auto"),
        ("AUTO", "auto"),
    ],
)
def test_a_language_is_found_by_code_and_name(released, wanted, tag):
    assert released.find(wanted).tag == tag


def test_forty_locales_each_with_its_own_prompt(released):
    assert released.tags == RELEASED_LOCALES
    assert len(released.tags) == 40
    assert len({released.find(tag).prompt for tag in released.tags}) == 40


@pytest.mark.parametrize(
    ("wanted", "rest"),
    [
        ("Jp", "Near matches: ja-JP; or auto."),
        ("eus", "Near matches: es-US, en-US, es-ES; or auto."),
        ("xl_SL", "Near matches: sl-SI, pl-PL, nl-NL, lv-LV; or auto."),
        ("klingon", f"It knows: {', '.join(RELEASED_LOCALES)}; or auto."),
    ],
)
def test_unknown_names_what_is_near(released, wanted, rest):
    with pytest.raises(UsageError) as caught:
        released.find(wanted)
    assert str(caught.value) == f"The model does not know the language {wanted!r}. {rest}"


@pytest.mark.parametrize("tag", RELEASED_LOCALES)
def test_every_language_has_its_english_name_its_own_and_its_codes(released, tag):
    code = tag.partition("-")[0]
    names = NAMES[code].split()
    assert len(names) >= 2
    for name in names:
        assert released.find(name).tag.partition("-")[0] in (code, "nb"), name


def test_a_name_means_one_language():
    names = [name for names in NAMES.values() for name in names.split()] + list(NAMES)
    assert len(set(names)) == len(names)


def test_auto_is_the_models_own_prompt_for_it(demo):
    config = dataclasses.replace(Checkpoint(demo).config, prompts={"auto": 2}, default_prompt=5)
    assert Languages(config).find("auto") == Language("auto", 2)
    without = dataclasses.replace(config, prompts={"en-US": 0})
    assert Languages(without).find("auto") == Language("auto", 5)


@pytest.mark.parametrize("wanted", ["", "-", "xx-XX", "0", "<ja-JP>"])
def test_nonsense_is_refused(released, wanted):
    with pytest.raises(UsageError):
        released.find(wanted)


def test_a_checkpoint_may_know_fewer(demo):
    languages = Languages(Checkpoint(demo).config)
    assert set(languages.tags) == {"de-DE", "en-US", "es-ES", "fr-FR", "ja-JP"}
    assert languages.find("es").tag == "es-ES"
    with pytest.raises(UsageError, match="it-IT"):
        languages.find("it-IT")
