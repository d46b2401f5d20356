"""What people write for a language, and what they are told when the model does not know it."""

import dataclasses

import pytest

from nemocli.engine.languages import RELEASED_LOCALES, Languages
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
    ("wanted", "near"), [("jp", "ja-JP"), ("deu", "de-DE"), ("klingon", "ar-AR, bg-BG")]
)
def test_unknown_names_what_is_near(released, wanted, near):
    with pytest.raises(UsageError) as caught:
        released.find(wanted)
    assert repr(wanted) in str(caught.value)
    assert near in str(caught.value)


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
