"""Live figures: the page computes what Python computes, and the rules of their drawing hold."""

import base64
import copy
import io
import json
import re
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from companion import live, plotting
from companion.live import Choice, Live, Slider, Text
from companion.papers import chapters
from tests import live as book

SCRIPTS = book.scripts()
SHARED = [book.PACKAGE / name for name in ("live.js", "exercises.js")]
STYLES = [book.PACKAGE / name for name in ("live.css", "exercises.css")]

each_figure = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


class Agreement(NamedTuple):
    """How well a scene and its twin agree.

    tolerance : largest relative difference; inside : settings between the corners
    words : whether words are equal to the letter; less : data for a quicker test
    """

    tolerance: float = 1e-9
    inside: int = 24
    words: bool = True
    less: dict = {}  # noqa: RUF012


LARGE = {"live_words": 200_000}
"""Characters of an output that brings a dictionary, by script."""

SOLVERS = {
    # two iterative solvers, of an error in percent: fit_varpro stops at 1e-8 of an exponent, and
    # where few points determine it, that is 1e-3 of the prediction; a band of laws without one of
    # their runs is 2e-3 apart at a corner (six runs, 60 % thrown away, 4 % of noise)
    "sl-fit": Agreement(4e-3, inside=6, words=False, less={"shares": [0.0, 0.3]}),
}
"""Figures that are no closed form: name -> what they can promise, and why."""


# Every figure of the book


def test_the_book_has_live_figures_of_different_names():
    names = [book.figure(script).name for script in SCRIPTS]
    assert len(names) == len(set(names)) >= 2
    assert set(SOLVERS) <= set(names)


@each_figure
def test_the_page_computes_what_its_twin_computes(script):
    figure = book.figure(script)
    promised = SOLVERS.get(figure.name, Agreement())
    data = figure.data | promised.less
    page = book.page_scene(script, data)
    for values in book.settings(figure, promised.inside):
        ours = json.loads(json.dumps(figure.scene(values, data)))
        found = book.difference(ours, page(values), words=promised.words)
        assert found <= promised.tolerance, (values, found)


@each_figure
def test_at_the_corners_of_the_sliders_a_scene_is_one_and_its_sentence_fits(script):
    figure = book.figure(script)
    data = figure.data | SOLVERS.get(figure.name, Agreement()).less
    for values in book.corners(figure):
        said = live.says(live.check(figure.scene(values, data)))
        assert 40 < len(said) <= 240, (values, said)
        assert not re.search(r"nan|inf\b|undefined|−0(\.0+)?\b|-\d", said), (values, said)


@each_figure
def test_the_first_move_of_some_slider_changes_the_headline(script):
    """The opening setting is the lesson."""
    figure = book.figure(script)
    data = figure.data | SOLVERS.get(figure.name, Agreement()).less
    first = figure.scene(figure.start, data)["headline"]
    moved = [
        figure.scene(figure.within(figure.start | {control.name: value}), data)["headline"]
        for control in figure.controls
        for value in control.values(5)[:5]
        if value != figure.start[control.name]
    ]
    assert any(headline != first for headline in moved)


@each_figure
def test_a_scene_is_a_pure_function_and_leaves_one_name(script):
    code = re.sub(r"//.*", "", script.read_text(encoding="utf-8"))
    impure = r"\b(document|window|globalThis|Date|performance|fetch|random|import|eval|http\w*)\b"
    assert re.findall(impure, code) == []
    names = "JSON.stringify(Object.getOwnPropertyNames(globalThis))"
    before = json.loads(book.context().eval(names))
    after = json.loads(book.context(book.PACKAGE / "live.js", script).eval(names))
    assert set(after) - set(before) == {"fixed", "percent", "short", "live", "scene"}


@each_figure
def test_a_scene_leaves_its_values_alone_and_says_the_same_again(script):
    figure = book.figure(script)
    data = figure.data | SOLVERS.get(figure.name, Agreement()).less
    values, kept = dict(figure.start), copy.deepcopy(data)
    assert figure.scene(values, data) == figure.scene(values, data)
    assert (values, data) == (figure.start, kept)


@each_figure
def test_an_output_is_small_and_without_an_address(script):
    text = book.output(script)
    assert len(text) < LARGE.get(script.stem, 150_000)
    assert not re.search(r"https?:|//[a-z]+\.|url\((?!#)|@import", text)
    assert text.count("<script") == text.count("</script") == 1


@each_figure
def test_a_figure_stands_in_its_notebook_near_the_top_with_caption_and_name(script, project):
    package = script.relative_to(book.PACKAGE).parts[0]
    (entry,) = (e for e in chapters(project) if e.package_path(project).name == package)
    cells = nbformat.read(entry.notebook_path(project), as_version=4).cells

    def places(one):
        return [i for i, cell in enumerate(cells) if f"{one.stem}.figure(" in cell.source]

    shown = places(script)
    assert len(shown) == 1
    # one is near the top; another of the same chapter stands where its experiment is
    assert min(places(one)[0] for one in script.parent.glob("live_*.js")) <= 12
    cell = cells[shown[0]]
    assert "hide-input" in cell.metadata.tags
    assert len(cell.metadata.mystnb.figure.caption) > 80
    assert cells[shown[0] - 1].cell_type == "markdown"


# The shared script and style


def test_the_script_is_short_enough_to_be_in_every_output():
    assert len(SHARED[0].read_text(encoding="utf-8").splitlines()) <= 270
    for path in [*SHARED, *SCRIPTS]:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if len(line) > 100] == [], path.name


def test_parts_have_names_of_their_own():
    """``rp-`` belongs to the explorers and the site, and a role of a figure may be named alike."""
    for path in STYLES:
        named = set(re.findall(r"\.([a-z][\w-]*)", path.read_text(encoding="utf-8")))
        assert {name for name in named if not name.startswith("rpl-")} == {
            "cell_output",
            "text_html",
        }
    for path in SHARED:
        code = path.read_text(encoding="utf-8")
        used = re.findall(r'class="([^"$]+)"|class: "([^"]+)"', code)
        assert all(name.startswith("rpl-") for pair in used for name in "".join(pair).split())
        assert not re.search(r"\brp-", code)


def test_every_color_follows_the_page():
    """A switch of the theme is a matter of style alone: no color is in what a script draws."""
    assert not re.search(r"#[0-9a-f]{3,6}\b|rgb\(", SHARED[0].read_text(encoding="utf-8"))
    for path in STYLES:
        outside = re.sub(r"var\((?:[^()]|\([^()]*\))*\)", "", path.read_text(encoding="utf-8"))
        assert re.findall(r"[\s:]#[0-9a-f]{3,6}\b|rgb\(|hsl\(", outside) == []


@pytest.mark.parametrize("ground", live.GROUNDS)
@pytest.mark.parametrize("role", plotting.METHODS)
def test_a_role_has_the_color_of_the_book_and_can_be_seen(role, ground):
    page, least = live.GROUNDS[ground]
    color = plotting.METHODS[role].color
    shown = live.readable(color, ground)
    assert live.contrast(shown, page) >= least
    assert (shown == color) == (live.contrast(color, page) >= least)
    in_css = "var(--rpl-ink)" if color == plotting.BLACK else shown
    part = live.palette().partition("@media")[0 if ground == "light" else 2]
    assert f"--rpl-{live._variable(role)}:{in_css};" in part


def test_every_mark_and_dash_of_the_book_can_be_drawn(make):
    code = (book.PACKAGE / "live.js").read_text(encoding="utf-8")
    for role, style in make().spec()["roles"].items():
        assert re.fullmatch("[a-z]+", style["color"]), role
        assert re.fullmatch(r"[\d. ]*", style["dash"]), role
        marker = re.escape(style["marker"])
        assert re.search(rf'["{{ ]{marker}"?: [(\[]', code), role
    assert live._dash((0, (3, 1))) == "6 2"


def test_contrast_is_that_of_wcag():
    assert live.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert live.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


# Numbers in words, in both languages

PAGE = book.context(SHARED[0])


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
@example(0.5, 0)
@example(2.5, 0)
@example(-0.125, 2)
@example(-0.04, 1)
@example(-0.0, 1)
def test_fixed_is_the_same_in_both(value, digits):
    assert live.fixed(value, digits) == PAGE.eval(f"fixed({value!r}, {digits})")
    assert live.percent(value, digits) == PAGE.eval(f"percent({value!r}, {digits})")


@given(st.floats(-1e15, 1e15).filter(lambda value: value == 0 or abs(value) > 1e-5))
@example(1125.0)
@example(999.6)
@example(-0.0)
@example(175e9)
@example(0.00012)
def test_short_is_the_same_in_both(value):
    assert live.short(value) == PAGE.eval(f"short({value!r})")


def test_numbers_read_well():
    assert [live.fixed(v, 1) for v in (-0.04, -1.25, 0.05)] == ["0.0", "−1.3", "0.1"]
    assert [live.short(v) for v in (175e9, 1125, -0.5, 0)] == ["175B", "1.13k", "−0.5", "0"]
    assert live.percent(0.5, 0) == "50\N{NO-BREAK SPACE}%"


# One figure of the tests' own

SCRIPT = """function scene({ a, kind }, { wide }) {
  return { headline: `A is ${fixed(a, 1)}.`, detail: `Kind <b>${kind}</b> & more.`, panels: [
    { title: "T", x: { label: "x", domain: [0, 1] }, y: { label: "", domain: [0, wide] },
      marks: [{ kind: "line", x: [0, 1], y: [0, a], role: "ours" }] }] };
}"""


def scene(values, data):
    a = values["a"]
    return {
        "headline": f"A is {live.fixed(a, 1)}.",
        "detail": f"Kind <b>{values['kind']}</b> & more.",
        "panels": [
            {
                "title": "T",
                "x": {"label": "x", "domain": [0, 1]},
                "y": {"label": "", "domain": [0, data["wide"]]},
                "marks": [{"kind": "line", "x": [0, 1], "y": [0, a], "role": "ours"}],
            }
        ],
    }


A = Slider("a", "a", 0, 10, 5, 0.1)
KIND = Choice("kind", "kind", [("p", "plain"), ("o", "other </script><!-- <script>")])
HALF_LIMITED = Slider("b", "b", 0, 9, 1, limits={"by": "kind", "high": {"p": 3}})


@pytest.fixture
def make(tmp_path):
    def build(name="demo", scene=scene, controls=(A, KIND), **data):
        path = tmp_path / "live_demo.js"
        path.write_text(SCRIPT, encoding="utf-8")
        return Live(name, scene, path, controls, {"wide": 10} | data)

    return build


def test_the_output_is_html_without_a_widget_wherever_it_is_made(make, monkeypatch):
    bundles = []
    for publishing in ("0", "1"):
        monkeypatch.setenv("COMPANION_PUBLISH", publishing)
        bundles.append(make()._repr_mimebundle_())
    assert bundles[0] == bundles[1]
    assert set(bundles[0]) == {"text/plain", "text/html"}
    assert bundles[0]["text/plain"] == "A is 5.0. Kind <b>p</b> & more."


def test_the_still_picture_says_what_the_page_says(make):
    page = BeautifulSoup(make().to_html(), "html.parser")
    still = page.select_one(".rpl-live > .rpl-still")
    image = still.find("img")
    assert image["alt"] == still.text == "A is 5.0. Kind <b>p</b> & more."
    assert image["loading"] == "lazy"
    raw = base64.b64decode(image["src"].partition(",")[2])
    picture = Image.open(io.BytesIO(raw))
    assert picture.format == "WEBP"
    assert picture.size == (2 * int(image["width"]), 2 * int(image["height"]))


def test_a_still_shows_every_mark():
    """A mark that is left out changes the picture."""
    axis = {"label": "x", "domain": [0.0, 1.0]}
    marks = [
        {"kind": "line", "x": [0, 0.5, 0.7, 1], "y": [0.1, None, 0.6, 0.4]},
        {"kind": "line", "x": [0, 0.5, 1], "y": [0.1, 0.3, 0.4], "role": "paper", "dash": ""},
        {"kind": "band", "x": [0, 1], "low": [0.5, 0.5], "high": [0.6, 0.7], "name": "band"},
        {"kind": "points", "x": [0.5], "y": [0.9], "role": "control", "open": True},
        {"kind": "rule", "x": 0.3, "role": "null"},
        {"kind": "rule", "y": 0.8, "role": "baseline"},
        {"kind": "note", "x": 0.7, "y": 0.2, "text": "here", "dx": 5},
    ]

    def drawn(marks):
        panel = {"title": "T", "x": axis, "y": axis, "marks": marks}
        return live.still({"headline": "H.", "detail": "D.", "panels": [panel]})

    whole = drawn(marks)
    assert whole == drawn(marks)
    for i in range(len(marks)):
        assert drawn(marks[:i] + marks[i + 1 :]) != whole, marks[i]


def test_data_cannot_end_the_script(make):
    text = make(text="</script><!-- <script>").to_html()
    assert text.count("</script") == 1
    assert "<!--" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "No Spaces"}, "lower-case"),
        ({"controls": ()}, "1 to 4 controls"),
        ({"controls": [Slider(n, n, 0, 1, 0) for n in "abcde"]}, "1 to 4 controls"),
        ({"controls": (A, A)}, "different names"),
        ({"controls": (A, KIND, HALF_LIMITED)}, "do not give each value"),
    ],
)
def test_bad_figures_are_refused(make, change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: Slider("a", "a", 0, 1, 2), "start 2"),
        (lambda: Slider("a", "a", 0, 1, 0, scale="root"), "not linear or log"),
        (lambda: Slider("a", "a", 1, 5, 2, scale="log"), "high >= 10 low"),
        (lambda: Choice("a", "a", [("p", "p")]), "two options"),
        (lambda: Choice("a", "a", [("p", "p"), ("q", "q")], "r"), "not one of"),
        (lambda: Text("a", "a", []), "an example"),
        (lambda: Text("a", "a", ["abc"], most=2), "longer than 2"),
    ],
)
def test_bad_controls_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        bad()


LINE = {"kind": "line", "x": [0, 1], "y": [0, 1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update(headline="no sentence"), "headline is no sentence"),
        (lambda s: s.update(detail=""), "detail is no sentence"),
        (lambda s: s.update(panels=[]), "1 to 2 panels"),
        (lambda s: s.update(panels=3 * s["panels"]), "1 to 2 panels"),
        (lambda s: s["panels"][0]["x"].update(domain=[1, 1]), "bad x domain"),
        (lambda s: s["panels"][0]["y"].update(domain=[0, 1], scale="log"), "bad y domain"),
        (lambda s: s["panels"][0]["marks"].append({"kind": "pie"}), "unknown kind"),
        (lambda s: s["panels"][0]["marks"].append(LINE | {"role": "theirs"}), "unknown role"),
        (lambda s: s["panels"][0]["marks"].append(LINE | {"color": "red"}), "has no"),
        (lambda s: s["panels"][0]["marks"].append(LINE | {"y": [1]}), "lengths"),
        (lambda s: s["panels"][0]["marks"].append({"kind": "rule"}), "either x or y"),
    ],
)
def test_bad_scenes_are_refused(change, message):
    one = scene({"a": 5, "kind": "p"}, {"wide": 10})
    assert live.check(one) is one
    change(one)
    with pytest.raises(ValueError, match=message):
        live.check(one)


def test_a_limit_moves_a_slider_as_in_the_page(make):
    limits = {"by": "kind", "high": {"p": 9, "o": 3}}
    figure = make(controls=(A, KIND, Slider("b", "b", 0, 9, 5, limits=limits)))
    assert figure.within({"a": 1, "kind": "o", "b": 9}) == {"a": 1, "kind": "o", "b": 3}
    assert figure.within({"a": 1, "kind": "p", "b": 9})["b"] == 9


def test_values_of_a_slider_are_those_that_it_has():
    assert Slider("a", "a", 0, 1, 0, 0.25).values(3) == [0, 0.5, 1]
    assert Slider("a", "a", 1, 100, 1, scale="log").values(3) == [1, 10, 100]
    assert Slider("a", "a", 3, 7, 3).values(99) == [3, 4, 5, 6, 7]


def test_a_text_opens_with_its_first_example_and_is_tried_empty_and_unknown(make):
    words = Text("kind", "kind", ["p", "other </script>"], most=20)
    figure = make(controls=(A, words))
    assert figure.start == {"a": 5, "kind": "p"}
    assert set(words.values(2)) > {"", "p", "other </script>"}
    assert all(len(value) <= 20 for value in words.values(2))
    spec = figure.spec()["controls"][1]
    assert spec == {
        "name": "kind",
        "label": "kind",
        "examples": ["p", "other </script>"],
        "most": 20,
        "start": "p",
    }
    assert figure.to_html().count("</script") == 1


def test_what_is_typed_is_set_as_text_and_never_leaves_the_page():
    """Words of a reader become text nodes; the drawing escapes what a scene says of them."""
    code = (book.PACKAGE / "live.js").read_text(encoding="utf-8")
    typed = code[code.index("function text(control)") : code.index("function slider(control)")]
    assert "innerHTML" not in typed
    assert "textContent" in typed
    assert not re.search(r"fetch|XMLHttp|sendBeacon|localStorage|cookie", code)


def test_a_mistake_in_a_scene_is_noticed():
    """The comparison itself: a word, a number, a mark too few."""
    ours = scene({"a": 5, "kind": "p"}, {"wide": 10})
    assert book.difference(ours, copy.deepcopy(ours)) == 0
    other = copy.deepcopy(ours)
    other["panels"][0]["marks"][0]["y"][1] += 1e-6
    assert book.difference(ours, other) == pytest.approx(2e-7)
    for change in (
        lambda s: s.update(headline="A is 5.1."),
        lambda s: s["panels"][0]["marks"].pop(),
        lambda s: s["panels"][0].pop("title"),
    ):
        other = copy.deepcopy(ours)
        change(other)
        with pytest.raises(AssertionError):
            book.difference(ours, other)
    assert book.difference({"headline": "5.0 %"}, {"headline": "5.1 %"}, words=False) == 0
    with pytest.raises(AssertionError):
        book.difference({"headline": "5.0 %"}, {"headline": "5.2 %"}, words=False)


def test_package_data_name_scripts_and_styles(project):
    text = (project.root / "pyproject.toml").read_text(encoding="utf-8")
    assert '"**/*.js"' in text
    assert '"*.css"' in text
    assert all(isinstance(path, Path) for path in SCRIPTS)
