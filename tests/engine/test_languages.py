"""What people write for a language, and what they are told when the model does not know it."""

import dataclasses

import pytest

from nemocli.engine.languages import RELEASED_LOCALES, Language, Languages
from nemocli.errors import UsageError
from nemocli.network.checkpoint import Checkpoint


@pytest.fixture(scope="module")
def released(demo):
    """Languages of a model that, like the released one, does not narrow them down."""
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
        ("auto", "auto"),
        ("AUTO", "auto"),
    ],
)
def test_understood(released, wanted, tag):
    assert released.find(wanted).tag == tag


def test_forty_locales_each_with_its_own_prompt(released):
    assert released.tags == RELEASED_LOCALES
    assert len(released.tags) == 40
    assert len({released.find(tag).prompt for tag in released.tags}) == 40


@pytest.mark.parametrize(
    ("wanted", "rest"),
    [
        ("Jp", "Near matches: ja-JP; or auto."),
        ("deu", "Near matches: es-US, en-US, de-DE; or auto."),
        ("xl_SL", "Near matches: sl-SI, pl-PL, nl-NL, lv-LV; or auto."),
        ("klingon", f"It knows: {', '.join(RELEASED_LOCALES)}; or auto."),
    ],
)
def test_unknown_names_what_is_near(released, wanted, rest):
    with pytest.raises(UsageError) as caught:
        released.find(wanted)
    assert str(caught.value) == f"The model does not know the language {wanted!r}. {rest}"


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
