"""The whole chain on a small book: build, skip, rebuild, and never a half-built site."""

import hashlib

import nbformat
import pytest
import yaml

from companion import publish
from tests.publish import tiny


def state(folder):
    """Hash of every file below `folder`."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.fixture
def lines():
    """What the build said."""
    return []


def test_a_book_is_built_once_and_again_only_where_it_must(book, lines):
    site = publish.build(book, say=lines.append)
    assert tiny.ran(book) == ["alpha toy", "beta toy"]
    assert lines[0] == "notebooks: 2 ran, 0 unchanged"
    assert str(site / "index.html") in lines[-1]
    assert (site / "notebooks" / "01-alpha.html").is_file()
    assert (site / "_static" / "mathjax" / "tex-svg-full.js").is_file()
    stamps = {path: path.stat().st_mtime_ns for path in site.rglob("*.html")}

    lines.clear()
    publish.build(book, say=lines.append)
    assert tiny.ran(book) == []
    assert lines[0] == "notebooks: 0 ran, 2 unchanged"
    assert "unchanged" in lines[1]
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*.html")} == stamps

    append(book.package / "beta" / "__init__.py", "\nextra = 1\n")
    publish.build(book, say=lines.append)
    assert tiny.ran(book) == ["beta toy"]

    append(book.book / "notation.md", "\nOne more sentence.\n")
    lines.clear()
    publish.build(book, say=lines.append)
    assert tiny.ran(book) == []
    assert "built" in lines[1]
    assert "One more sentence." in (site / "book" / "notation.html").read_text()


def test_prose_reaches_the_page_without_running_the_notebook(book, lines):
    publish.build(book, say=lines.append)
    tiny.ran(book)
    content = tiny.cells("alpha")
    content[0]["source"] += "\n\nA sentence that was not there before."
    content[5]["metadata"]["mystnb"]["figure"]["caption"] = "A better caption."
    tiny.write_notebook(book, 1, "alpha", content)
    site = publish.build(book, say=lines.append)
    page = (site / "notebooks" / "01-alpha.html").read_text(encoding="utf-8")
    assert tiny.ran(book) == []
    assert "A sentence that was not there before." in page
    assert "A better caption." in page
    offered = site / "_sources" / "notebooks" / "01-alpha.ipynb"
    assert offered.read_bytes() == (book.notebooks / "01-alpha.ipynb").read_bytes()


def test_a_warning_leaves_the_old_site_as_it_was(book, lines):
    site = publish.build(book, say=lines.append)
    before = state(site)
    append(book.book / "notation.md", "\nSee {numref}`fig-nowhere`.\n")
    with pytest.raises(publish.SiteFailed, match="fig-nowhere") as caught:
        publish.build(book, say=lines.append)
    assert "book/notation.md" in str(caught.value)
    assert str(book.build / "src") not in str(caught.value).split("full log")[0]
    assert state(site) == before
    assert not list((book.build / "tmp").iterdir())
    with pytest.raises(publish.SiteFailed):  # the failure is not taken for a built site
        publish.build(book, say=lines.append)


def test_a_failing_notebook_leaves_the_old_site_as_it_was(book, lines):
    site = publish.build(book, say=lines.append)
    before = state(site)
    tiny.ran(book)
    (book.package / "alpha" / "__init__.py").write_text("def value(seed):\n    raise KeyError(1)\n")
    append(book.package / "beta" / "__init__.py", "\nextra = 1\n")
    with pytest.raises(publish.RunsFailed, match="KeyError"):
        publish.build(book, say=lines.append)
    assert state(site) == before
    assert tiny.ran(book) == ["alpha toy", "beta toy"]
    assert publish.run("beta", project=book).cached


def test_a_planned_chapter_is_on_no_page(book, lines):
    (book.notebooks / "02-beta.ipynb").unlink()
    site = publish.build(book, say=lines.append)
    contents = yaml.safe_load((book.build / "src" / "_toc.yml").read_text())
    assert "notebooks/01-alpha" in str(contents)
    assert "02-beta" not in str(contents)
    for page in site.rglob("*.html"):
        assert "02-beta" not in page.read_text(encoding="utf-8")


def test_buttons_appear_with_the_address(book, lines):
    page = publish.build(book, say=lines.append) / "notebooks" / "01-alpha.html"
    assert "colab" not in page.read_text(encoding="utf-8")
    text = book.config.read_text(encoding="utf-8")
    address = "https://github.com/someone/papers"
    assert 'url: ""' in text
    book.config.write_text(text.replace('url: ""', f'url: "{address}"'), encoding="utf-8")
    html = (publish.build(book, say=lines.append) / "notebooks" / "01-alpha.html").read_text()
    name = "notebooks/01-alpha.ipynb"
    assert f"https://colab.research.google.com/github/someone/papers/blob/main/{name}" in html
    assert f"https://mybinder.org/v2/gh/someone/papers/main?urlpath=lab/tree/{name}" in html
    assert f"{address}/edit/main/{name}" in html
    intro = (book.build / "site" / "book" / "intro.html").read_text()
    assert f"{address}/edit/main/book/intro.md" in intro


def test_the_site_lost_between_two_renames_comes_back(book, lines):
    site = publish.build(book, say=lines.append)
    before = state(site)
    site.rename(site.with_name("site.old"))
    publish.build(book, say=lines.append)
    assert state(site) == before


def test_removed_sources_leave_the_staged_tree(book, lines):
    extra = book.book / "_static" / "extra.txt"
    extra.write_text("x")
    publish.build(book, say=lines.append)
    staged = book.build / "src" / "book" / "_static" / "extra.txt"
    assert staged.is_file()
    extra.unlink()
    site = publish.build(book, say=lines.append)
    assert not staged.exists()
    assert not (site / "_static" / "extra.txt").exists()


def test_a_record_is_taken_from_a_run_at_book_scale(book, lines):
    emit = (
        "from IPython.display import display\n"
        "import json\n"
        f"record = json.loads('''{tiny.record('alpha')}''')\n"
        "record['scale'] = SCALE\n"
        "display({'application/vnd.runnable-papers.record+json': record}, raw=True)"
    )
    tiny.write_notebook(book, 1, "alpha", [*tiny.cells("alpha"), tiny.code(emit)])
    path = publish.record("alpha", book, say=lines.append)
    assert path == book.records / "alpha.json"
    assert '"scale": "book"' in path.read_text(encoding="utf-8")
    assert tiny.ran(book) == ["alpha book"]
    publish.record("alpha", book, say=lines.append)
    assert tiny.ran(book) == []
    content = nbformat.read(publish.run("alpha", "book", project=book).path, as_version=4)
    assert content.cells[-1].outputs


def test_without_a_record_nothing_is_published(book, lines):
    (book.records).mkdir()
    (book.records / "alpha.json").write_text("old")
    with pytest.raises(publish.NoRecord, match="records.emit"):
        publish.record("alpha", book, say=lines.append)
    assert (book.records / "alpha.json").read_text() == "old"
