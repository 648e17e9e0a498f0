"""One address, in one place, written everywhere."""

from __future__ import annotations

import re
import tomllib

import nbformat
import pytest
import yaml

from companion import catalogue, repository, sync
from companion.papers import chapters
from companion.project import Project
from tests import copies

URL = "https://github.com/someone/some-book"


@pytest.fixture
def book(tmp_path):
    """A copy of the sources with one chapter and no address."""
    project = copies.make(tmp_path)
    copies.start(project, "tart")
    return project


def places(project: Project) -> dict[str, str | None]:
    """The address as each place has it, read without the code that writes it."""
    root = project.root
    settings = yaml.safe_load(project.config.read_text())
    urls = tomllib.loads((root / "pyproject.toml").read_text())["project"].get("urls", {})
    found = {
        "_config.yml": settings["repository"]["url"] or None,
        "pyproject.toml": urls.get("Repository"),
        "CITATION.cff": yaml.safe_load((root / "CITATION.cff").read_text()).get("repository-code"),
    }
    clone = re.search(r"git clone (\S+)\.git", (root / "README.md").read_text())
    found["README.md"] = clone[1] if clone else None
    for entry in chapters(project):
        notebook = nbformat.read(entry.notebook_path(project), as_version=4)
        tagged = {tag: c.source for c in notebook.cells for tag in c.metadata.get("tags", ())}
        line = re.search(r'^REPOSITORY = "(.*)"$', tagged["setup"], re.MULTILINE)
        found[f"{entry.slug}, setup"] = line[1] or None
        link = re.search(r"\((\S+)/raw/main/notebooks/", tagged["card"])
        found[f"{entry.slug}, card"] = link[1] if link else None
    return found


def test_all_places_of_the_book_agree(project: Project):
    assert len(set(places(project).values())) == 1, places(project)
    assert repository.url(project) == places(project)["_config.yml"]


def test_setting_the_address_writes_it_everywhere(book):
    changed = sync.set_address(URL, book)
    assert set(places(book).values()) == {URL}
    assert len(places(book)) == 6
    assert {path.name for path in changed} == {
        *("_config.yml", "pyproject.toml", "CITATION.cff", "README.md", "02-tart.ipynb"),
    }
    assert repository.url(book) == URL
    assert sync.set_address(URL, book) == []


def test_another_address_replaces_it_and_none_takes_it_away(book):
    before = copies.snapshot(book.root)
    sync.set_address(URL, book)
    sync.set_address("https://github.com/other/name", book)
    assert set(places(book).values()) == {"https://github.com/other/name"}
    sync.set_address(None, book)
    assert set(places(book).values()) == {None}
    assert copies.snapshot(book.root) == before


def test_only_the_address_changes_in_the_configuration(book):
    before = book.config.read_text()
    sync.set_address(URL, book)
    after = book.config.read_text()
    old, new = yaml.safe_load(before), yaml.safe_load(after)
    assert new["repository"].pop("url") == URL
    old["repository"].pop("url")
    assert old == new
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments


@pytest.mark.parametrize(
    "line",
    ['url: ""', "url:", "url: null", "url: https://github.com/a/b", 'url: "x"  # why'],
)
def test_every_way_to_write_the_line_is_replaced(line):
    text = f"title: t\n\nrepository:\n  # one place\n\n  branch: main\n  {line}\nhtml:\n  url: z\n"
    settings = yaml.safe_load(sync.config(text, URL))
    assert settings == {
        "title": "t",
        "repository": {"branch": "main", "url": URL},
        "html": {"url": "z"},
    }
    assert ("# why" in sync.config(text, URL)) == ("# why" in line)


@pytest.mark.parametrize(
    "text",
    [
        "title: t\n",
        "repository:\n  branch: main\nhtml:\n  url: z\n",
        "repository:\n  inner:\n    url: a\n  url: b\n",
    ],
)
def test_a_configuration_without_the_line_is_refused(text):
    with pytest.raises(sync.CannotSync, match=r"_config\.yml"):
        sync.config(text, URL)


@pytest.mark.parametrize(
    "address",
    [
        *("", "someone/some-book", "http://github.com/a/b", "https://github.com/a"),
        *("https://github.com/a/b/c", "https://github.com/a b/c", 'https://github.com/a/b"'),
        "https://github.com/a/b\n",
    ],
)
def test_a_bad_address_is_refused_and_nothing_is_written(book, address):
    before = copies.snapshot(book.root)
    if address.strip() == address:
        with pytest.raises(ValueError, match="expected https"):
            sync.set_address(address, book)
        assert copies.snapshot(book.root) == before
    else:  # surrounding white space is forgiven
        assert repository.check_url(address) == address.strip()


@pytest.mark.parametrize("ending", ["", "/", ".git", "/ "])
def test_endings_are_forgiven(ending):
    assert repository.check_url(URL + ending) == URL


def test_a_file_without_its_place_is_refused_before_anything_is_written(book):
    path = book.notebooks / "02-tart.ipynb"
    path.write_text(path.read_text().replace("REPOSITORY", "ADDRESS"))
    before = copies.snapshot(book.root)
    with pytest.raises(sync.CannotSync, match=r"02-tart\.ipynb.*REPOSITORY"):
        sync.set_address(URL, book)
    assert copies.snapshot(book.root) == before


def test_the_address_of_a_file(book):
    assert repository.blob("notebooks/x.ipynb", book) is None
    sync.set_address(URL, book)
    assert repository.blob("notebooks/x.ipynb", book) == f"{URL}/blob/main/notebooks/x.ipynb"


def test_the_setup_cell_explains_itself_without_an_address(book):
    notebook = nbformat.read(book.notebooks / "02-tart.ipynb", as_version=4)
    setup = next(c.source for c in notebook.cells if "setup" in c.metadata.get("tags", ()))
    plain = "\n".join(line for line in setup.splitlines() if "%pip" not in line)
    plain = plain.replace("find_spec(", "(lambda name: None)(")
    with pytest.raises(ModuleNotFoundError, match="no public address yet"):
        exec(plain, {})
    assert catalogue.run_it(chapters(book)[0], book).startswith("Colab, Binder, and download: not")
