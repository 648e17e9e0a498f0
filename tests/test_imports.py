"""The direction of imports: notebooks, chapter packages, shared modules, third party."""

import nbformat
import pytest

from companion import imports
from companion.papers import chapters, papers
from companion.project import Project

CHAPTERS = {paper.module for paper in papers()}


def chapter_of(module):
    return ".".join(module.split(".")[:2]) if ".".join(module.split(".")[:2]) in CHAPTERS else None


def violations(graph):
    """Edges that go backwards or sideways."""
    return [
        (module, target)
        for module, targets in graph.items()
        for target in targets
        if chapter_of(target) and chapter_of(target) != chapter_of(module)
    ]


def test_no_import_goes_backwards_or_sideways():
    assert violations(imports.graph()) == []


def test_the_check_sees_a_violation():
    assert violations({"companion.scale": {"companion.mamba3"}})
    assert violations({"companion.tart.head": {"companion.mamba3.method.layer"}})
    assert not violations({"companion.tart.head": {"companion.tart", "companion.scale"}})


@pytest.mark.parametrize("paper", chapters(), ids=lambda paper: paper.slug)
def test_a_notebook_imports_only_its_own_chapter(paper):
    notebook = nbformat.read(paper.notebook_path(), as_version=4)
    names = imports.notebook_imports(c.source for c in notebook.cells if c.cell_type == "code")
    others = {chapter_of(name) for name in names} - {None, paper.module}
    assert not others


@pytest.fixture
def project(tmp_path):
    files = {
        "__init__.py": "",
        "a.py": "from companion import b\n",
        "b.py": "def f():\n    from .pack import c\n",
        "pack/__init__.py": "",
        "pack/c.py": "from ..d import x\nimport numpy.linalg\n",
        "d.py": "x = 1\n",
        "e.py": "",
    }
    for name, text in files.items():
        path = tmp_path / "companion" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Project(tmp_path)


def test_graph_of_a_small_package(project):
    graph = imports.graph(project)
    assert graph["companion.a"] == {"companion", "companion.b"}
    assert graph["companion.b"] == {"companion", "companion.pack", "companion.pack.c"}
    assert graph["companion.pack.c"] == {"companion", "companion.d"}


def test_closure_is_transitive_and_leaves_the_rest_out(project):
    reached = imports.closure(["companion.a"], project)
    assert "companion.d" in reached
    assert "companion.e" not in reached
    assert imports.closure(["numpy"], project) == set()


def test_notebook_cells_with_magic_are_read():
    assert "companion.tart" in imports.notebook_imports(
        ["%pip install x\nif True:\n    %config y\nfrom companion.tart import z"]
    )
