"""The whole chain on a small book: build, skip, rebuild, and never a half-built site."""

import hashlib
import json
import shutil

import nbformat
import pytest

from companion import publish
from companion.publish import recording
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
    noted = {"tmp", "costs.json"}  # the second says what a build without changes takes
    same = {path: path.stat().st_mtime_ns for path in stamps if path.name not in noted}
    assert same == {path: stamp for path, stamp in stamps.items() if path.name not in noted}


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


def test_a_failing_notebook_leaves_the_old_site_as_it_was(built, lines, quick):
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


def test_without_a_record_nothing_is_published(book, lines, quick):
    book.records.mkdir()
    old = tiny.record("alpha")
    (book.records / "alpha.json").write_text(old)
    with pytest.raises(publish.NoRecord, match=r"records\.emit"):
        publish.record("alpha", book, say=lines.append)
    assert (book.records / "alpha.json").read_text() == old


class _Ran(Exception):
    """The notebook would run now."""


NODES, EDGES = (f"model-ecosystem/hub_families_{what}.csv.gz" for what in ("nodes", "edges"))
SHIPPED = "model-ecosystem/mteb_models.csv.gz"


@pytest.fixture
def reading(book, tmp_path, monkeypatch):
    """The chapter alpha reads files of which two do not ship, and its record was made from them.

    Gives a function that records it with other findings or from other files.
    """

    def stop(*_arguments, **_options):
        raise _Ran

    (book.package / "data").mkdir()
    shutil.copy(tiny.REAL.package / "data" / "registry.toml", book.package / "data")
    source = f"FILES = {[NODES, EDGES, SHIPPED]}\n\n\ndef value(seed):\n    return FILES\n"
    (book.package / "alpha" / "__init__.py").write_text(source)
    monkeypatch.setattr(recording, "run", stop)
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    book.records.mkdir()

    def record(files=(NODES, EDGES, SHIPPED), note=""):
        made = json.loads(tiny.record("alpha"))
        made["provenance"]["definitions"] = {f"data: {name}": "0" * 12 for name in files}
        made["findings"][0]["note"] = note
        (book.records / "alpha.json").write_text(json.dumps(made))
        publish.record("alpha", book, say=lambda text: None)

    return record


def test_no_record_is_made_without_the_data_of_the_last_one(book, reading):
    with pytest.raises(publish.DataMissing) as refused:
        reading()
    assert refused.value.files == (EDGES, NODES)
    text = str(refused.value)
    assert text.startswith("alpha: the published record was made from data")
    assert f"{NODES}  (taken from a repository without a license; from github.com/" in text
    assert text.endswith("set COMPANION_DATA to that folder.")
    assert SHIPPED not in text


def test_only_what_is_not_here_is_named(reading, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "mirror"))
    (tmp_path / "mirror" / "model-ecosystem").mkdir(parents=True)
    (tmp_path / "mirror" / EDGES).write_text("")
    with pytest.raises(publish.DataMissing) as refused:
        reading()
    assert refused.value.files == (NODES,)
    (tmp_path / "mirror" / NODES).write_text("")
    with pytest.raises(_Ran):
        reading()


def test_what_ships_can_be_downloaded(reading, tmp_path, monkeypatch):
    """A package without its files: the run fetches them, or says why not."""
    monkeypatch.setattr("companion.data._registry.FILES", tmp_path)
    with pytest.raises(_Ran):
        reading([SHIPPED])


def test_data_that_no_finding_needed_are_not_asked_for(book, reading):
    with pytest.raises(_Ran):
        reading([SHIPPED])
    with pytest.raises(publish.DataMissing):
        reading([NODES], note=f"{EDGES} is not on this machine")
    with pytest.raises(_Ran):
        reading([NODES], note=f"{NODES} is not on this machine")
    (book.package / "alpha" / "__init__.py").write_text("def value(seed):\n    return seed\n")
    with pytest.raises(_Ran):  # the code reads none of them any more
        reading()


def test_without_the_data_the_stored_results_are_judged(book, reading, monkeypatch):
    """What ships is enough for a record; a step of other code is not computed without its data."""
    asked = []

    def run(slug, scale, *, project, env):
        asked.append(env)
        raise publish.NotebookFailed(slug, 3, "run.step(read)", error, "read: stale")

    monkeypatch.setattr(recording, "run", run)
    (book.records / "alpha").mkdir()
    (book.records / "alpha" / "steps.json").write_text('{"steps": []}')
    error = "Stale"
    with pytest.raises(publish.DataMissing, match="not all of its stored results are of this code"):
        reading()
    error = "ZeroDivisionError"
    with pytest.raises(publish.NotebookFailed):  # another failure is shown as it is
        reading()
    error = "Stale"
    with pytest.raises(publish.NotebookFailed):
        reading([SHIPPED])
    assert asked == [{"COMPANION_PUBLISHED": "1"}] * 2 + [None]


def test_a_first_record_needs_no_data(book, reading):
    with pytest.raises(_Ran):
        publish.record("alpha", book, say=lambda text: None)
