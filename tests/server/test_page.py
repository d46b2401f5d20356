"""The pages in a real browser: a fake microphone's captions, files, keyboard, policy."""

import json

import numpy as np
import pytest
import soundfile

import nemocli
from tests.server.browser import CHROMIUM, Browser
from tests.server.running import InThread

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def browser(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    quiet = np.zeros(24000, np.float32)
    sound = np.concatenate([quiet, clips[0].samples, quiet, quiet])
    soundfile.write(folder / "microphone.wav", sound, 16000, subtype="PCM_16")
    with Browser(folder / "profile", folder / "microphone.wav") as running:
        yield running


LINES = "[...document.querySelectorAll('#lines p')].map(p => p.textContent).join('|')"


def test_the_microphone_has_captions_here_and_in_the_overlay(server, browser, clips):
    page = browser.open(server.url)
    page.wait("document.getElementById('status').textContent === 'Ready.'")
    assert page.run("document.getElementById('language').options.length") == 6
    overlay = browser.open(page.run("document.getElementById('obs').value"))
    page.click("#microphone")
    assert page.wait(LINES) == clips[0].text
    assert page.run("document.getElementById('lag').textContent").startswith("lag ")
    assert overlay.wait("document.getElementById('overlay').innerText").strip() == clips[0].text
    for dark in (False, True):
        overlay.resize(800, 600, dark)
        background = overlay.run("getComputedStyle(document.body).backgroundColor")
        assert background == "rgba(0, 0, 0, 0)"
        # A dark scheme would put an opaque page behind it.
        assert overlay.run("getComputedStyle(document.documentElement).colorScheme") == "normal"
    page.click("#microphone")
    page.wait("document.getElementById('status').textContent === 'Stopped.'")
    assert page.complaints == overlay.complaints == []
    formats = page.run(
        "import('/static/formats.js').then(({FORMATS}) => ['txt', 'srt', 'vtt', 'json'].map("
        "name => FORMATS[name][1]([{start: 1, end: 2.5, text: 'a --> <b>'},"
        " {start: 2, end: 3, text: 'c'}])))"
    )
    assert formats[0] == "a --> <b>\nc\n"
    assert formats[1].startswith("1\n00:00:01,000 --> 00:00:02,500\na -> <b>\n\n2\n00:00:02,500")
    assert formats[2].startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.500\na --&gt; &lt;b&gt;\n")
    assert json.loads(formats[3])["segments"][1] == {"start": 2, "end": 3, "text": "c"}


def test_an_overlay_of_no_page_says_where_its_address_is(server, browser):
    overlay = browser.open(f"{server.url}/captions")
    assert "For OBS" in overlay.wait("document.getElementById('overlay').innerText")
    assert overlay.complaints == []


def test_a_file_that_is_dropped_has_its_text(server, browser, clips):
    page = browser.open(server.url)
    data = clips[1].path.read_bytes()
    page.run(
        "(async () => { const file = new File([new Uint8Array("
        + json.dumps(list(data))
        + ")], 'talk.flac'); const moved = new DataTransfer(); moved.items.add(file);"
        "dispatchEvent(new DragEvent('drop', {dataTransfer: moved, cancelable: true})); })()"
    )
    assert page.wait(LINES) == clips[1].text
    assert "done in" in page.wait("document.getElementById('status').textContent")
    page.run(
        "(async () => { const moved = new DataTransfer(); moved.items.add(new File(['no'], 'no'));"
        "dispatchEvent(new DragEvent('drop', {dataTransfer: moved, cancelable: true})); })()"
    )
    assert page.wait("document.querySelector('#status.failed')?.textContent").startswith("no ")


#: The name that is seen above each line, or none.
NAMES = """
[...document.querySelectorAll("#lines b")].map(
  (name) => getComputedStyle(name).display === "none" ? "" : name.innerText.trim())
"""


def test_speakers_have_their_names_where_they_begin(knowing, browser, conversation):
    page = browser.open(knowing.url)
    page.wait("document.getElementById('status').textContent === 'Ready.'")
    for _ in range(2):
        page.run("document.getElementById('status').textContent = ''")
        page.choose("#file", conversation.path)
        page.wait("document.getElementById('status').textContent.includes('done in')")
    fields = ("language", "auto"), ("response_format", "diarized_json")
    segments = knowing.transcribe(conversation.path, *fields)[1]["segments"]
    speakers = [f"Speaker {ord(segment['speaker']) - 64}:" for segment in segments]
    shown = [
        "" if one == other else other
        for one, other in zip(["", *speakers[:-1]], speakers, strict=True)
    ]
    assert "" in shown
    # The second file is another conversation, and begins with a name in any case.
    assert page.run(NAMES) == [*shown, *shown]


def test_the_names_of_all_speakers_can_be_read(server, browser):
    page = browser.open(server.url)
    page.wait("document.getElementById('status').textContent === 'Ready.'")
    page.run(
        "for (const speaker of [...'ABCDEFGH', 'unknown']) {"
        " const line = document.createElement('p'); line.dataset.speaker = speaker;"
        " line.innerHTML = '<b>Name</b>'; document.getElementById('lines').append(line); }"
    )
    for dark in (False, True):
        page.resize(800, 600, dark)
        colours = page.run(
            "[...document.querySelectorAll('#lines b')].map(b => getComputedStyle(b).color)"
        )
        assert len(set(colours)) == 9
        assert min(page.run(CONTRASTS)) >= 4.5


def test_everything_is_reached_by_the_keyboard_and_has_a_name(server, browser):
    page = browser.open(server.url)
    page.wait("document.getElementById('status').textContent === 'Ready.'")
    reached = []
    for _ in range(20):
        page.press("Tab")
        reached.append(page.run("document.activeElement.id || document.activeElement.className"))
    expected = ["skip", "smaller", "larger", "theme", "microphone", "choose", "language", "device"]
    assert [name for name in reached if name in expected][: len(expected)] == expected
    assert "obs" in reached and "copy" in reached
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    for node in tree:
        if node.get("role", {}).get("value") in ("button", "combobox", "textbox", "meter", "log"):
            assert node["name"]["value"], node
    before = page.run("getComputedStyle(document.documentElement).getPropertyValue('--size')")
    page.run("document.getElementById('larger').focus()")
    page.press("Enter")
    after = page.run("getComputedStyle(document.documentElement).getPropertyValue('--size')")
    assert float(after.removesuffix("rem")) > float(before.removesuffix("rem"))


@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024), (1440, 900)])
def test_it_fits_and_can_be_read_in_every_size_and_theme(server, browser, width, height, tmp_path):
    page = browser.open(server.url)
    page.wait("document.getElementById('status').textContent === 'Ready.'")
    for dark in (False, True):
        page.resize(width, height, dark)
        assert page.run("document.documentElement.scrollWidth") <= width
        contrasts = page.run(CONTRASTS)
        assert min(contrasts) >= 4.5, contrasts
        page.picture(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 5000


#: The contrast of each visible text with what is behind it, as WCAG counts it.
CONTRASTS = """
(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const rgb = parse(getComputedStyle(element).backgroundColor);
      if (rgb.length < 4 || rgb[3] > 0) return rgb;
    }
  };
  const found = [];
  const written = "h1, p, b, button:enabled, label, span, select";
  for (const element of document.querySelectorAll(written)) {
    if (!element.offsetParent || !element.textContent.trim()) continue;
    const [one, two] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    found.push((Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05));
  }
  return found;
})()
"""


def test_nothing_from_elsewhere_may_run_or_be_loaded(server, browser):
    page = browser.open(server.url)
    page.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit=1\">')"
    )
    page.run(
        "const script = document.createElement('script'); script.textContent = 'window.hit = 1';"
        "document.body.append(script)"
    )
    assert page.run("fetch('https://example.invalid/').then(() => 1, () => 0)") == 0
    assert page.run("window.hit") is None
    assert any("Content Security Policy" in text for text in page.complaints)


def test_the_page_asks_for_a_key(start, browser):
    server = start(api_key="secret")
    page = browser.open(server.url)
    page.wait("!document.getElementById('key-field').hidden")
    page.run("const key = document.getElementById('key'); key.value = 'secret'; key.onchange()")
    page.wait("document.getElementById('status').textContent === 'Ready.'")
    assert page.run("document.getElementById('key-field').hidden")


def test_a_language_that_needs_adaptation(released, browser):
    with nemocli.load(released, runtime="numpy") as transcriber, InThread(transcriber) as server:
        page = browser.open(server.url)
        page.wait("document.getElementById('status').textContent === 'Ready.'")
        page.run("document.getElementById('language').value = 'el-GR'")
        page.click("#microphone")
        status = "document.getElementById('status').textContent"
        said = page.wait(f"{status}.startsWith('Listening.') && {status}")
        assert said.startswith("Listening. Greek (el-GR) is not among the languages")
        page.click("#microphone")
        page.wait(f"{status} === 'Stopped.'")
        assert page.complaints == []
