"""What a link to a page shows, and pictures that wait."""

import nbformat
import pytest
from PIL import Image

from companion import repository, sync
from companion.opening import answers
from companion.publish import pages
from tests import copies
from tests.site import checks

PAGE = """<html><head><title>A &amp; B &#8212; Runnable Papers</title>
</head><body><img src="../_static/logo.svg"/><article class="bd-article"><h1>A</h1>
<div><p>Is <em>it</em> "so"?</p></div><figure><img alt="One." src="../_images/one.png" /></figure>
<img alt="Two." src="../_static/frames/two.webp"><img src="data:x" alt="Three.">
</article><p>Foot</p><img src="foot.png"/></body></html>"""
NAME = "notebooks/a.html"


def facts(text):
    found = checks.parse(text).select("meta[content]")
    return {tag.get("property") or tag.get("name"): tag["content"] for tag in found}


def test_a_page_tells_its_title_sentence_and_first_picture():
    told = facts(pages.with_description(PAGE, NAME, "Yes & <no>.", None))
    assert told == {
        "og:type": "article",
        "og:title": "A & B",
        "description": "Yes & <no>.",
        "og:description": "Yes & <no>.",
        "og:image": "../_images/one.png",
    }


def test_with_an_address_everything_is_absolute():
    told = facts(pages.with_description(PAGE, NAME, "", "https://x.github.io/book/"))
    assert told["og:url"] == "https://x.github.io/book/notebooks/a.html"
    assert told["og:image"] == "https://x.github.io/book/_images/one.png"
    assert told["description"] == 'Is it "so"?'


def test_a_page_without_picture_or_text_tells_less():
    bare = "<html><head><title>A</title></head><article><h1>A</h1></article></html>"
    assert facts(pages.with_description(bare, "a.html", "", "https://x/")) == {
        "og:type": "article",
        "og:title": "A",
        "og:url": "https://x/a.html",
    }


def test_a_long_sentence_is_cut_between_words():
    text = pages.short("word \n" * 100)
    assert len(text) <= pages.LENGTH
    assert text.endswith("word…")
    assert pages.short("a  b\nc") == "a b c"


def test_the_words_of_all_pages_are_loaded_where_one_searches_only():
    kept = '<script src="../_static/doctools.js?v=9a"></script>\n<script>var a;</script>\n'
    gone = "".join(
        f'    <script src="../{name}.js"></script>\n'
        for name in ("_static/searchtools", "_static/language_data", "searchindex")
    )
    assert pages.without_index(f"<head>{kept}{gone}</head>") == f"<head>{kept}</head>"


def picture(mode, name):
    return (
        f'<picture class="rp-figure only-{mode}"><source media="(max-width: 600px)" '
        f'srcset="../_static/{name}-phone.svg" width="460" height="360">'
        f'<img src="../_static/{name}.svg" alt="What it shows." width="700" height="360"></picture>'
    )


def test_a_card_shows_the_first_figure_of_its_chapter(tmp_path):
    page = tmp_path / "notebooks" / "01-a.html"
    page.parent.mkdir()
    hero = picture("light", "one") + picture("dark", "two")
    page.write_text(
        f'<p>{picture("light", "zero")}</p><div class="cell tag_hero docutils"><figure>{hero}'
        f"</figure></div>{picture('light', 'three')}"
    )
    place = '<div class="rp-hero" data-page="{}"></div>'
    text = place.format("notebooks/01-a.html") + place.format("notebooks/02-b.html")
    shown = pages.with_heroes(text, tmp_path)
    found = checks.parse(shown).select("picture")
    assert [tag["class"][-1] for tag in found] == ["only-light", "only-dark"]
    images = [tag.select_one("img") for tag in found]
    assert [i["src"] for i in images] == [f"../_static/{n}-phone.svg" for n in ("one", "two")]
    assert {(i["alt"], i["loading"], i["width"]) for i in images} == {
        ("What it shows.", "lazy", "460")
    }
    assert place.format("notebooks/02-b.html") in shown, "a chapter without one"
    assert pages.with_heroes(shown, tmp_path) == shown
    bare = f"<html><head><title>A</title></head><article><h1>A</h1>{text}</article></html>"
    told = facts(
        pages.with_description(bare, "book/a.html", "", None, pages.heroes(text, tmp_path))
    )
    assert told["og:image"] == "../_static/one.png"
    assert pages.heroes(PAGE, tmp_path) == ""


@pytest.fixture
def folder(tmp_path):
    for name, size in (("_images/one.png", (30, 20)), ("_static/frames/two.webp", (8, 5))):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        Image.new("RGB", size).save(path)
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "notebooks"


def test_all_pictures_but_the_first_wait_and_have_their_size(folder):
    page = checks.parse(pages.with_lazy_pictures(PAGE, folder))
    found = [(i.get("loading"), i.get("width"), i.get("height")) for i in page.find_all("img")]
    assert found == [
        (None, None, None),  # around the article nothing changes
        (None, "30", "20"),
        ("lazy", "8", "5"),
        ("lazy", None, None),
        (None, None, None),
    ]
    assert [i.get("alt") for i in page.find_all("img")][1:4] == ["One.", "Two.", "Three."]


def test_a_picture_that_says_how_it_loads_and_its_width_is_left_alone(folder):
    text = PAGE.replace('alt="Two."', 'alt="Two." loading="eager" width="4"')
    picture = checks.parse(pages.with_lazy_pictures(text, folder)).select("article img")[1]
    assert (picture["loading"], picture["width"], picture.get("height")) == ("eager", "4", None)


@pytest.mark.parametrize(
    ("address", "site"),
    [
        (None, None),
        ("https://github.com/Some-One/papers", "https://some-one.github.io/papers/"),
        ("https://github.com/a/a.github.io", "https://a.github.io/"),
        ("https://codeberg.org/a/b", None),
    ],
)
def test_the_address_of_the_site_follows_from_that_of_the_repository(tmp_path, address, site):
    project = copies.make(tmp_path)
    sync.set_address(address, project)
    assert repository.pages(project) == site


def test_a_chapter_answers_once_something_was_published(tmp_path):
    project = copies.make(tmp_path)
    copies.start(project, "tart")
    assert answers(project) == {}
    path = project.notebooks / "02-tart.ipynb"
    document = nbformat.read(path, as_version=4)
    line = {"says": "It is {C1.estimate}.", "given": {"C1": "holds"}}
    opening = {"answer": line, "takeaways": [line] * 3, "needs": ""}
    document.cells[0].metadata["opening"] = opening
    nbformat.write(document, path)
    assert answers(project) == {}
    copies.publish(project, "tart", [{}])
    assert answers(project) == {"tart": "It is 1.50."}


def test_a_figure_that_is_drawn_as_svg_is_shared_as_pixels():
    page = PAGE.replace("_images/one.png", "_static/frames/one.svg")
    assert facts(pages.with_description(page, NAME, "", None))["og:image"] == (
        "../_static/frames/one.png"
    )


SOLUTION = """<details><summary>Solution</summary>
<p>Words.</p>
</details><div class="cell tag_hide-cell docutils container">
<details class="admonition hide above-input">
<summary aria-label="Toggle hidden content"><p>Show the solution</p></summary>
<div class="cell_input"><pre>1 + 1</pre></div>
<div class="cell_output"><details><summary>Notes</summary>2</details></div>
</details>
</div>
<p>After.</p>"""


def test_a_solution_is_one_fold():
    page = checks.parse(pages.with_one_fold(f"<article>{SOLUTION}{SOLUTION}</article>"))
    assert [tag.name for tag in page.article.find_all(recursive=False)] == ["details", "p"] * 2
    for fold in page.article.find_all("details", recursive=False):
        assert fold.summary.get_text() == "Solution"
        assert fold.select_one(".cell .cell_input pre").get_text() == "1 + 1"
        assert [one.summary.get_text() for one in fold.find_all("details")] == ["Notes"]


def test_a_hidden_cell_behind_text_stays_a_fold_of_its_own():
    alone = SOLUTION[SOLUTION.index("<div") :]
    assert pages.with_one_fold(alone) == alone


FIGURES = """<p>See <a class="reference internal" href="#fig-b"><span>Figure</span></a> and
<a href="#fig-a">Figure</a>, <a href="#fig-c">Figure</a>, <a href="#fig-a">the figure</a>.</p>
<figure class="x" id="fig-a"><span class="caption-number">Fig. 64 </span></figure>
<figure id="none"><img></figure>
<figure id="fig-b"><span class="caption-number">Fig. 65 </span></figure>"""


def test_figures_are_numbered_within_the_chapter_and_referred_to():
    page = checks.parse(pages.with_numbers(FIGURES, 7))
    assert [tag.get_text() for tag in page.select(".caption-number")] == [
        "Figure 7.1 ",
        "Figure 7.2 ",
    ]
    told = [link.get_text() for link in page.select("p a")]
    assert told == ["Figure 7.2", "Figure 7.1", "Figure", "the figure"]
