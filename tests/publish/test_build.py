"""The whole chain on a small book: build, skip, rebuild, and never a half-built site."""

import hashlib

import nbformat
import pytest

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


def test_a_second_build_does_nothing(built, lines):
    site = built.build / "site"
    stamps = {path: path.stat().st_mtime_ns for path in built.build.rglob("*.*")}
    assert publish.build(built, say=lines.append) == site
    assert tiny.ran(built) == []
    assert lines[0] == "notebooks: 0 ran, 2 unchanged"
    assert "unchanged" in lines[1]
    assert str(site / "index.html") in lines[1]
    same = {path: path.stat().st_mtime_ns for path in stamps if path.name != "tmp"}
    assert same == {path: stamp for path, stamp in stamps.items() if path.name != "tmp"}


def test_prose_address_and_captions_reach_the_page_without_a_run(built, lines):
    content = tiny.cells("alpha")
    content[0]["source"] += "\n\nA sentence that was not there before."
    content[5]["metadata"]["mystnb"]["figure"]["caption"] = "A better caption."
    tiny.write_notebook(built, 1, "alpha", content)
    address = "https://github.com/someone/papers"
    text = built.config.read_text(encoding="utf-8")
    built.config.write_text(text.replace('url: ""', f'url: "{address}"'), encoding="utf-8")

    before = (built.build / "site" / "notebooks" / "01-alpha.html").read_text(encoding="utf-8")
    for launcher in ("colab", "mybinder", "/edit/"):
        assert launcher not in before
    site = publish.build(built, say=lines.append)
    assert tiny.ran(built) == []
    assert "site: built" in lines[1]
    page = (site / "notebooks" / "01-alpha.html").read_text(encoding="utf-8")
    assert "A sentence that was not there before." in page
    assert "A better caption." in page
    name = "notebooks/01-alpha.ipynb"
    assert f"https://colab.research.google.com/github/someone/papers/blob/main/{name}" in page
    assert f"https://mybinder.org/v2/gh/someone/papers/main?urlpath=lab/tree/{name}" in page
    assert f"{address}/edit/main/{name}" in page
    intro = (site / "book" / "intro.html").read_text(encoding="utf-8")
    assert f"{address}/edit/main/book/intro.md" in intro
    offered = site / "_sources" / "notebooks" / "01-alpha.ipynb"
    assert offered.read_bytes() == (built.notebooks / "01-alpha.ipynb").read_bytes()


def test_a_warning_leaves_the_old_site_as_it_was(built, lines):
    before = state(built.build / "site")
    append(built.book / "notation.md", "\nSee {numref}`fig-nowhere`.\n")
    with pytest.raises(publish.SiteFailed, match="fig-nowhere") as caught:
        publish.build(built, say=lines.append)
    message = str(caught.value)
    assert "book/notation.md" in message
    assert str(built.build / "src") not in message.split("full log")[0]
    assert state(built.build / "site") == before
    assert not list((built.build / "tmp").iterdir())
    # the failure is not taken for a built site, and the mended book is the old one again
    text = (built.book / "notation.md").read_text().replace("\nSee {numref}`fig-nowhere`.\n", "")
    (built.book / "notation.md").write_text(text)
    lines.clear()
    publish.build(built, say=lines.append)
    assert "unchanged" in lines[1]


def test_a_failing_notebook_leaves_the_old_site_as_it_was(built, lines):
    before = state(built.build / "site")
    (built.package / "alpha" / "__init__.py").write_text(
        "def value(seed):\n    raise KeyError(1)\n"
    )
    append(built.package / "beta" / "__init__.py", "\nextra = 1\n")
    with pytest.raises(publish.RunsFailed, match="KeyError"):
        publish.build(built, say=lines.append)
    assert state(built.build / "site") == before
    assert tiny.ran(built) == ["alpha toy", "beta toy"]
    assert publish.run("beta", project=built).cached


def test_the_site_lost_between_two_renames_comes_back(built, lines):
    site = built.build / "site"
    before = state(site)
    site.rename(site.with_name("site.old"))
    publish.build(built, say=lines.append)
    assert "unchanged" in lines[1]
    assert state(site) == before


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
    path.unlink()
    publish.record("alpha", book, say=lines.append)  # the run itself is found again
    assert path.is_file()
    assert tiny.ran(book) == []
    executed = publish.run("alpha", "book", project=book)
    assert nbformat.read(executed.path, as_version=4).cells[-1].outputs


def test_without_a_record_nothing_is_published(book, lines):
    book.records.mkdir()
    (book.records / "alpha.json").write_text("old")
    with pytest.raises(publish.NoRecord, match=r"records\.emit"):
        publish.record("alpha", book, say=lines.append)
    assert (book.records / "alpha.json").read_text() == "old"
