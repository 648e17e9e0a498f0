import base64
import io
import itertools
import json

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from companion import plotting
from companion.explore import MAX_FRAMES, Question, explorer
from companion.pictures import FIGURE

VIEW = "application/vnd.jupyter.widget-view+json"


def draw(a, b):
    fig, ax = plotting.figure(height=1, width=2)
    ax.bar([0, 1], [a, b])
    return fig


def make(**kwargs):
    options = {"name": "demo", "alt": lambda a, b: f"bars of {a} and <!-- <script> </script> {b}"}
    return explorer(draw, **(options | {"a": [1, 2, 3], "b": [4, 5]} | kwargs))


@pytest.fixture(scope="module")
def page():
    plotting.use_theme()
    return BeautifulSoup(make(start={"a": 2, "b": 5}).to_html(), "html.parser")


def test_frames_follow_the_sliders_with_the_last_axis_fastest(page):
    data = json.loads(page.find("script", type="application/json").string)
    expected = [
        f"bars of {a} and <!-- <script> </script> {b}"
        for a, b in itertools.product([1, 2, 3], [4, 5])
    ]
    assert [frame["alt"] for frame in data["frames"]] == expected
    assert data["values"] == [["1", "2", "3"], ["4", "5"]]


def test_the_first_frame_is_the_start_and_stands_without_script(page):
    image = page.find("img")
    assert image["alt"] == "bars of 2 and <!-- <script> </script> 5"
    inputs = page.find_all("input")
    assert [tag["value"] for tag in inputs] == ["1", "1"]
    assert page.find(class_="rp-controls").has_attr("hidden")
    for tag in inputs:
        assert page.find("label", attrs={"for": tag["id"]}).text in {"a", "b"}
        assert tag.find_next_sibling("output").text == tag["aria-valuetext"]


def test_frames_are_webp_of_one_size(page):
    data = json.loads(page.find("script", type="application/json").string)
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(frame["src"].partition(",")[2])))
        for frame in data["frames"]
    ]
    assert {picture.format for picture in pictures} == {"WEBP"}
    assert {picture.size for picture in pictures} == {(320, 160)}


def test_html_is_the_same_at_every_run():
    assert make().to_html() == make().to_html()


def test_live_output_has_widget_and_still(monkeypatch):
    monkeypatch.delenv("COMPANION_PUBLISH", raising=False)
    bundle = make()._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert bundle["text/html"].startswith("<img")


def test_published_output_needs_no_kernel(monkeypatch):
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    bundle = make()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "widget" not in bundle["text/html"]


def test_moving_a_live_slider_redraws(monkeypatch):
    monkeypatch.delenv("COMPANION_PUBLISH", raising=False)
    box = make().widget()
    picture, first, _second = box.children
    before = picture.value
    first.value = 0
    assert picture.value != before
    assert "bars of 1" in picture.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "No Spaces"}, "lower-case"),
        ({"a": [1]}, "at least two values"),
        ({"a": list(range(MAX_FRAMES))}, "too many"),
        ({"start": {"a": 9}}, "not in its grid"),
        ({"start": {"z": 9}}, "the grids are"),
    ],
)
def test_bad_explorers_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


class Asked(Question):
    """A question with a picture, and perhaps nobody to answer it."""

    title = "Ask"

    def __init__(self, *, kernel=True):
        self.kernel = kernel

    def answer(self):
        return draw(2, 1), "two < three bars"

    def widget(self):
        return make().widget() if self.kernel else None


class Told(Question):
    """A question that is answered in words."""

    def still(self):
        return "seven"

    def widget(self):
        return make().widget()


def test_a_question_opens_with_its_first_answer(monkeypatch):
    monkeypatch.delenv("COMPANION_PUBLISH", raising=False)
    shown = Asked()._repr_mimebundle_()
    assert shown[VIEW]["model_id"]
    assert shown["text/plain"] == "Ask"
    assert shown["text/html"].startswith('<img src="data:image/webp;base64,')
    assert shown["text/html"].endswith("<p>two &lt; three bars</p>")
    assert VIEW not in Asked(kernel=False)._repr_mimebundle_()


def test_a_question_answered_in_words_shows_them(monkeypatch):
    monkeypatch.delenv("COMPANION_PUBLISH", raising=False)
    shown = Told()._repr_mimebundle_()
    assert set(shown) == {"text/plain", VIEW}
    assert shown["text/plain"] == "seven"


def test_a_published_question_has_no_kernel_to_ask(monkeypatch):
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    shown = Asked()._repr_mimebundle_()
    assert set(shown) == {"text/plain", FIGURE}
    assert shown[FIGURE]["alt"] == "two < three bars"
    assert Told()._repr_mimebundle_() == {"text/plain": "seven"}
