"""Every notebook of the book: how it is stored, that it runs, and what it leaves behind."""

import json
import os
import re

import nbformat
import pytest
import yaml

from companion import data, publish, records
from companion.claims import NOT_TESTED, VERDICTS
from companion.papers import chapters, papers
from companion.project import Project
from tests import claimed
from tests.notebooks import lint
from tests.runs import Runs, wanted

pytestmark = pytest.mark.notebook

TOO_FEW = {"model-ecosystem": {"C7"}, "synthetic-data": {"C5"}}
"""Claims that nothing that may be had can test: too few cases, or numbers whose unit is not known.

Their findings say so."""

CHAPTERS = {paper.slug: paper for paper in chapters()}

each_chapter = pytest.mark.parametrize("slug", CHAPTERS)
all_of_them = pytest.mark.timeout(3600)  # may have to run every notebook of the book


def apart(slug):
    """Data files of a chapter that may not ship with the package."""
    return [name for name in CHAPTERS[slug].data if not data.registry()[name].ships]


def with_its_data(slug):
    """The chapter's slug; marked where it reads files that may not ship."""
    return pytest.param(slug, marks=[pytest.mark.mirror(*apart(slug))] if apart(slug) else [])


def with_criterion(slug):
    """Ids of the claims that a run at toy scale can test."""
    claims = claimed.by(CHAPTERS[slug].module)
    return {claim.id for claim in claims if "toy" in claim.criteria}


@pytest.fixture(scope="session")
def without_data(tmp_path_factory):
    """Environment of a machine that has no other data than those that ship."""
    cache = str(tmp_path_factory.mktemp("empty-cache"))
    # where a mirror was taken away, pages are made of these runs
    drawn = {"COMPANION_PUBLISH": "1"} if os.environ.get("COMPANION_DATA") else {}
    return {"COMPANION_DATA": None, "COMPANION_CACHE": cache, **drawn}


@pytest.fixture(scope="session")
def bare(request, without_data):
    """Runs of the chapters on such a machine; a machine that is one has them already."""
    return Runs(wanted(request.session, "bare"), env=without_data)


def source(slug):
    return nbformat.read(CHAPTERS[slug].notebook_path(), as_version=4)


def executed(run):
    return nbformat.read(run.path, as_version=4)


@each_chapter
@pytest.mark.parametrize("check", [lint.stored, lint.layout, lint.sections, lint.figures])
def test_a_notebook_is_stored_as_it_should_be(slug, check):
    notebook = source(slug)
    nbformat.validate(notebook)
    assert check(notebook) == []


def test_register_and_notebooks_agree(project):
    registered = {paper.notebook for paper in papers()}
    assert {path.stem for path in project.notebooks.glob("*.ipynb")} <= registered
    for paper in CHAPTERS.values():
        assert paper.notebook == f"{paper.number:02}-{paper.slug}"
        assert paper.module == f"companion.{paper.slug.replace('-', '_')}"
        assert paper.package_path().is_dir()
        assert (project.root / "tests" / paper.package_path().name).is_dir()


def test_table_of_contents_and_notebooks_agree(project):
    contents = yaml.safe_load((project.book / "_toc.yml").read_text(encoding="utf-8"))
    listed = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    notebooks = [f"notebooks/{paper.notebook}" for paper in CHAPTERS.values()]
    assert [name for name in listed if name.startswith("notebooks/")] == notebooks
    for name in [contents["root"], *listed]:
        generated = name in {"book/scoreboard", "book/languages"}
        assert generated or any(
            (project.root / f"{name}.{end}").is_file() for end in ("md", "ipynb")
        )


def test_records_and_notebooks_agree(project):
    schema = "schema"
    found = {path.stem for path in project.records.glob("*.json")} - {schema}
    assert found <= set(CHAPTERS)
    for slug in found:
        record = records.load(slug)
        records.validate(record)
        assert (record["slug"], record["scale"]) == (slug, "book")


def test_figure_names_are_unique_in_the_book():
    names = [
        data["name"]
        for slug in CHAPTERS
        for _, cell in lint.code(source(slug))
        if (data := lint.figure(cell))
    ]
    assert sorted(names) == sorted(set(names))


@each_chapter
@all_of_them
def test_a_chapter_runs_at_toy_scale(slug, runs):
    assert (runs[slug].slug, runs[slug].scale) == (slug, "toy")


@each_chapter
@all_of_them
def test_a_run_leaves_a_record_with_a_finding_for_every_claim(slug, runs):
    notebook = executed(runs[slug])
    record = records.from_notebook(notebook)
    assert (record["slug"], record["scale"]) == (slug, "toy")
    claims = [finding["claim"] for finding in record["findings"]]
    assert len(claims) == len(set(claims)) >= 1
    assert {finding["verdict"] for finding in record["findings"]} <= set(VERDICTS)
    published = records.load(slug)
    if published:
        assert claims == [finding["claim"] for finding in published["findings"]]


@each_chapter
@all_of_them
def test_every_picture_has_caption_and_description(slug, runs, pages):
    assert lint.pictures(executed(runs[slug])) == []
    assert lint.pictures(nbformat.read(pages[slug], as_version=4)) == []


@each_chapter
@all_of_them
def test_a_chapter_has_an_explorer(slug, pages):
    shown = [
        output.data["text/html"]
        for _, cell in lint.code(nbformat.read(pages[slug], as_version=4))
        for output in cell.outputs
        if re.search("rp-(explorer|live)", output.get("data", {}).get("text/html", ""))
    ]
    assert shown, "no explorer and no live figure"


@pytest.mark.parametrize("slug", [with_its_data(slug) for slug in CHAPTERS])
@all_of_them
def test_with_all_data_every_claim_that_has_a_criterion_is_tested(slug, runs):
    record = records.from_notebook(executed(runs[slug]))
    tested = {f["claim"] for f in record["findings"] if f["verdict"] != NOT_TESTED}
    assert with_criterion(slug) - tested == TOO_FEW.get(slug, set())


@each_chapter
@all_of_them
def test_without_data_and_network_a_chapter_runs_and_says_what_it_did_not_test(slug, bare):
    notebook = executed(bare[slug])
    record = records.from_notebook(notebook)
    untested = {f["claim"]: f["note"] for f in record["findings"] if f["verdict"] == NOT_TESTED}
    assert len(untested) < len(record["findings"]), "some claims need no data"
    if not apart(slug):
        due = with_criterion(slug) - TOO_FEW.get(slug, set())
        assert due.isdisjoint(untested), "all that the chapter reads is here"
    assert all(note for note in untested.values())
    page = json.dumps([cell.get("outputs", []) for cell in notebook.cells])
    assert not untested or NOT_TESTED in page


@all_of_them
def test_the_site_builds_from_runs_without_data(project, runs, bare, site, tmp_path):
    """A fresh clone has no data but those that ship; its pages must be as sound as ours."""
    if bare.paths == runs.paths:
        assert (site / "index.html").is_file()  # this machine is such a clone: it was built
        return
    for name in ("_config.yml", "book", "companion", "notebooks"):
        (tmp_path / name).symlink_to(project.root / name)
    other = Project(tmp_path)
    assert publish.build_site(publish.stage(bare.paths, other), other)
