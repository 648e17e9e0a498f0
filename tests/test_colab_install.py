"""The first cell of a notebook installs the book from its address, and the next ones then run.

The address is that of a public repository; git is told to find a bare repository of this machine
behind it, so that the cell is run as it is published.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import nbformat
import pytest

from companion import sync
from companion.papers import paper
from companion.project import Project

ROOT = Project().root
ADDRESS = "https://github.com/someone/some-book"
SLUG = "leximark"
FILES = ("pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "_config.yml", "book/_toc.yml")

RUNNER = """
import json, sys
from importlib.util import find_spec
from IPython.core.interactiveshell import InteractiveShell

assert find_spec("companion") is None or "again" in sys.argv, find_spec("companion")
shell = InteractiveShell.instance()
for source in json.loads(sys.stdin.read()):
    shell.run_cell(source, store_history=True).raise_error()
import companion, matplotlib.figure
from importlib import metadata
from companion import extras
print(json.dumps({
    "place": companion.__file__,
    "origin": json.loads(metadata.distribution(extras.DISTRIBUTION).read_text("direct_url.json")),
    "figure": str(type(shell.user_ns["Out"][max(shell.user_ns["Out"])])),
}))
"""


def git(folder: Path, *arguments: object) -> None:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    subprocess.run(["git", *who, *map(str, arguments)], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A bare repository with the package and one notebook, in which the address is set."""
    folder = tmp_path_factory.mktemp("published")
    project = Project(folder / "work")
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "companion", project.root / "companion", ignore=skip)
    notebook = paper(SLUG).notebook_path().relative_to(ROOT).as_posix()
    for name in (*FILES, notebook):
        (project.root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project.root / name)
    sync.set_address(ADDRESS, project)
    git(project.root, "init", "--quiet", "--initial-branch", "main")
    git(project.root, "add", "--all")
    git(project.root, "commit", "--quiet", "--message", "the book")
    bare = folder / "book.git"
    git(folder, "clone", "--quiet", "--bare", project.root, bare)
    return bare


@pytest.fixture(scope="module")
def cells(repository: Path) -> list[str]:
    """The code cells of the published notebook up to the first figure, which is shown."""
    notebook = nbformat.read(
        repository.parent / "work" / paper(SLUG).notebook_path().relative_to(ROOT), as_version=4
    )
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    hero = next(i for i, c in enumerate(code) if "hero" in c.metadata.get("tags", ()))
    return [cell.source for cell in code[: hero + 1]]


def environment(folder: Path, *without: str) -> Path:
    """The Python of a fresh environment with all that is installed here but the book."""
    venv.create(folder, symlinks=os.name != "nt")
    linked = folder / "linked"
    linked.mkdir()
    hidden = ("companion", "runnable_papers", "__editable__", "__pycache__", *without)
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(hidden) and entry.suffix != ".pth":
            (linked / entry.name).symlink_to(entry, target_is_directory=entry.is_dir())
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
    Path(site.strip(), "linked.pth").write_text(f"{linked}\n", encoding="utf-8")
    return python


def run(python: Path, cells: list[str], behind: Path, *arguments: str):
    """Run cells as a notebook would; git finds `behind` at the book's address."""
    hidden = ("COMPANION_", "PYTHON", "PYTEST", "VIRTUAL_ENV", "PIP_CONFIG")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    env |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{behind.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        # pip reads these as they say, not as their names say
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_COMPILE": "0",  # most of the package is never imported here
        "IPYTHONDIR": str(python.parents[1] / "ipython"),
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [python, "-c", RUNNER, *arguments],
        input=json.dumps(cells),
        cwd=python.parents[1],
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.notebook
def test_the_first_cell_installs_from_the_address_and_the_next_ones_run(
    repository, cells, tmp_path
):
    assert f'REPOSITORY = "{ADDRESS}"' in cells[0]
    python = environment(tmp_path / "fresh")
    done = run(python, cells, repository)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["place"]).is_relative_to(tmp_path)
    assert found["origin"]["url"] == ADDRESS
    assert found["origin"]["vcs_info"]["vcs"] == "git"
    assert "Figure" in found["figure"]

    # The first cell finds the package and asks for nothing; a missing extra has its name.
    gone = tmp_path / "nothing-is-here.git"
    linked = tmp_path / "fresh" / "linked"
    unlink = f"for p in __import__('pathlib').Path({str(linked)!r}).glob('wordfreq*'): p.unlink()"
    lacking = run(python, [cells[0], "print('found')", unlink, *cells], gone, "again")
    assert lacking.returncode != 0
    assert "found" in lacking.stdout.splitlines()
    assert "MissingExtra: leximark needs wordfreq" in lacking.stdout + lacking.stderr


@pytest.mark.notebook
def test_an_address_without_a_book_fails_in_the_first_cell(cells, tmp_path):
    done = run(environment(tmp_path / "fresh"), cells[:1], tmp_path / "nothing-is-here.git")
    assert done.returncode != 0
    assert "No module named 'companion'" in done.stdout + done.stderr


def test_this_environment_is_the_one_that_is_linked():
    assert Path(sys.prefix) in Path(sysconfig.get_path("purelib")).parents
