"""A page shows the published run where its results ship and are of this code, else a toy run."""

import json

import nbformat
import pytest

from companion import publish
from companion.papers import paper
from companion.publish import clean, shown, which_run
from tests.publish import tiny

STEPS = '{"steps": []}'
MADE = json.loads(tiny.record("alpha").replace('"scale": "toy"', '"scale": "book"'))

# The small book has no companion.chapter: this stands for a step that finds no result of its key.
STEP = """\
import os
class Stale(RuntimeError):
    pass
if os.environ.get("COMPANION_PUBLISHED") and value(0) != 1:
    raise Stale("value: stale: another definition")"""


def ship(book, slug="alpha", steps=STEPS):
    """Publish a record of a chapter at book scale, with results that ship."""
    book.records.mkdir(exist_ok=True)
    text = tiny.record(slug).replace('"scale": "toy"', '"scale": "book"')
    (book.records / f"{slug}.json").write_text(text)
    (book.records / slug).mkdir(exist_ok=True)
    (book.records / slug / "steps.json").write_text(steps)


@pytest.fixture
def moved(built, quick, no_site):
    """The chapter alpha keeps its results by step; beta has a record only."""
    tiny.write_notebook(built, 1, "alpha", [*tiny.cells("alpha"), tiny.code(STEP)])
    ship(built)
    (built.records / "beta.json").write_text(
        tiny.record("beta").replace('"scale": "toy"', '"scale": "book"')
    )
    return built


def page(book, name="01-alpha"):
    """Text from which the site's tools make a page."""
    notebook = nbformat.read(book.build / "src" / "notebooks" / f"{name}.ipynb", as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_the_line_about_the_run_is_on_the_built_page(built):
    for name in ("01-alpha", "02-beta"):
        made = (built.build / "site" / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
        for text in (made, page(built, name)):
            assert which_run.other("toy", None) in text
            assert "rp-run" in text


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_chapter_that_has_moved_shows_its_published_run(moved, lines):
    publish.build(moved, say=lines.append)
    assert tiny.ran(moved) == ["alpha book", "beta toy"]
    assert lines[0] == "notebooks: 2 ran, 0 unchanged"
    expected = "published run: book scale, 2026-01-01, computed in 2 s on 2 cores."
    assert f"The figures on this page show the {expected}" in page(moved)
    told = "The figures on this page show a toy run; the verdicts and the first figure come from"
    assert told in page(moved, "02-beta")
    # nothing runs again: both runs are kept, each under its own key
    publish.build(moved, say=lines.append)
    assert tiny.ran(moved) == []
    assert not publish.run("alpha", "toy", project=moved).cached
    assert publish.run("beta", "toy", project=moved).cached
    publish.build(moved, say=lines.append)
    assert tiny.ran(moved) == ["alpha toy"]


def test_shipped_results_and_record_count_where_the_published_run_is_shown(moved):
    shown.for_pages(["alpha"], moved)
    tiny.ran(moved)
    for name in ("alpha/steps.json", "alpha.json"):
        path = moved.records / name
        path.write_text(path.read_text() + "\n")
        shown.for_pages(["alpha"], moved)
        assert tiny.ran(moved)[0] == "alpha book"
    assert not publish.run("alpha", "book", project=moved).cached  # one that computes is another
    ship(moved, steps=STEPS + "\n\n")
    assert publish.run("alpha", "book", project=moved).cached


def test_a_stale_result_is_said_on_the_page_and_nothing_is_computed(moved, lines):
    edit(moved.package / "common.py", "return 1", "return 3")
    publish.build(moved, say=lines.append)
    assert tiny.ran(moved) == ["alpha book", "alpha toy", "beta toy"]
    assert any("alpha: the published results are stale" in line for line in lines)
    text = page(moved)
    assert "The stored results of the published run are stale (" in text
    assert "another definition" in text
    assert "The figures on this page show a toy run" in text
    assert not (moved.build / "failed" / "alpha.ipynb").exists()
    # known by now: not tried again
    publish.build(moved, say=lines.append)
    assert tiny.ran(moved) == []
    assert shown.for_pages(["alpha"], moved)["alpha"].stale
    # and shown again as soon as code and results agree
    edit(moved.package / "common.py", "return 3", "return 1")
    publish.build(moved, say=lines.append)
    assert "show the published run" in page(moved)


def test_a_published_run_that_fails_for_another_reason_is_a_failure(moved, lines):
    edit(moved.package / "alpha" / "__init__.py", "seed + one()", "seed / 0")
    with pytest.raises(publish.RunsFailed, match="ZeroDivisionError") as caught:
        publish.build(moved, say=lines.append)
    assert [failure.slug for failure in caught.value.failures] == ["alpha"]
    assert caught.value.finished == ("beta",)
    assert tiny.ran(moved) == ["alpha book", "beta toy"]


def test_without_record_or_steps_a_chapter_has_not_moved(book):
    assert not shown.ships(paper("alpha", book), book)
    ship(book)
    assert shown.ships(paper("alpha", book), book)
    (book.records / "alpha.json").unlink()
    assert not shown.ships(paper("alpha", book), book)


def test_the_line_says_what_is_known():
    assert which_run.other("toy", None).endswith("there is no published run yet.")
    assert which_run.other("toy", MADE) == (
        "The figures on this page show a toy run; the verdicts and the first figure come from the "
        "published run."
    )
    stale = which_run.other("toy", MADE, "fit: stale: another definition")
    assert "are stale (`fit`: another definition)" in stale
    made = MADE["provenance"]
    full = made | {"commit": "0123456789abcdef-dirty", "versions": {"runnable-papers": "1.2"}}
    line = which_run.published(MADE | {"provenance": full | {"cores": 1, "wall_s": 400.0}})
    for part in ("version 1.2", "commit 0123456789 with changes", "in 7 min on 1 core."):
        assert part in line


def test_the_line_stands_below_the_card():
    cells = [nbformat.v4.new_markdown_cell(text) for text in ("zero", "one", "two")]
    cells[1].metadata["tags"] = ["card"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    clean.insert_below_card(notebook, "It is so.")
    assert [cell.source for cell in notebook.cells] == [
        "zero",
        "one",
        ":::{div} rp-run\nIt is so.\n:::",
        "two",
    ]
    nbformat.validate(notebook)


def test_the_scale_of_a_run_is_what_it_was_given(built):
    executed = publish.run("alpha", project=built)
    assert which_run.scale(nbformat.read(executed.path, as_version=4)) == "toy"
    executed = publish.run("alpha", "book", project=built)
    assert which_run.scale(nbformat.read(executed.path, as_version=4)) == "book"


def test_only_what_a_page_is_made_from_is_drawn_for_a_page(moved):
    told = tiny.code("import os\nos.environ['COMPANION_PUBLISH']")
    for number, slug in ((1, "alpha"), (2, "beta")):
        tiny.write_notebook(moved, number, slug, [*tiny.cells(slug), told])

    def drawn(run):
        return nbformat.read(run.path, as_version=4).cells[-1].outputs[0].data["text/plain"]

    pages = shown.for_pages(["alpha", "beta"], moved)
    assert {slug: drawn(one.run) for slug, one in pages.items()} == {"alpha": "'1'", "beta": "'1'"}
    own = {slug: publish.run(slug, "toy", project=moved) for slug in ("alpha", "beta")}
    assert (drawn(own["alpha"]), own["alpha"].cached) == ("'0'", False)
    assert (drawn(own["beta"]), own["beta"].cached) == ("'1'", True)
    # the stand-in for a page of results that are stale: drawn for it, and a run of its own
    forced = publish.run("alpha", "toy", project=moved, env=shown.FOR_PAGES)
    assert (drawn(forced), forced.path == own["alpha"].path) == ("'1'", False)
