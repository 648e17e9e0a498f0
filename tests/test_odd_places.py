"""The command in places that are not a developer's: it works, or says one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from companion import publish
from companion.project import Project
from tests import copies
from tests.publish import tiny

COMMAND = """
import sys
from pathlib import Path
from companion.cli import _app, main
from companion.project import Project
project = Project(Path(sys.argv.pop(1)))
_app.Project = lambda: project
main()
"""


def companion(root: Path, *arguments: str, **env: str | None) -> subprocess.CompletedProcess:
    """The command in a process of its own; an environment variable that is None is taken away."""
    given = {**os.environ, "PYTHONPATH": str(Project().root), **env}
    return subprocess.run(
        [sys.executable, "-c", COMMAND, str(root), *arguments],
        env={name: value for name, value in given.items() if value is not None},
        cwd=root,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def odd(tmp_path):
    """A copy of the sources below a name with spaces and umlauts, without git."""
    project = copies.make(tmp_path / "päth with späces" / "bøøk")
    copies.start(project, "tart")
    return project


def test_a_path_with_spaces_and_umlauts_no_home_no_locale_and_no_git(odd):
    """All at once, in one process: what works here works with each of them alone."""
    env = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    nobody = {"HOME": None, "XDG_CACHE_HOME": None, "USER": None, "LOGNAME": None}
    done = companion(odd.root, "list", **env, **nobody)
    assert done.returncode == 0, done.stderr
    assert b"tart" in done.stdout
    done = companion(odd.root, "run", "tart", "--set", "nonsense=1", **env, **nobody)
    assert done.returncode == 2
    assert b"nonsense" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_tarball_without_git_knows_no_commit(odd, monkeypatch):
    from companion import records

    monkeypatch.setenv("GIT_DIR", "")
    made = records.provenance("tart", "toy", odd)
    assert made["commit"] is None
    assert made["digest"]  # but the code itself is known


@pytest.fixture
def small(tmp_path):
    """A book of two small chapters, of which nothing ran yet."""
    return tiny.make(tmp_path / "späces and ümlauts")


def test_a_build_folder_that_cannot_be_written_is_said_in_one_line(small, monkeypatch):
    """As root nothing is read-only, so a file stands where the folder should be."""
    small.build.write_text("in the way")
    with pytest.raises((publish.PublishError, OSError)) as failed:
        publish.run("alpha", project=small)
    assert str(small.build) in str(failed.value)
    assert small.build.read_text() == "in the way"
    from typer.testing import CliRunner

    from companion.cli import _app, app

    monkeypatch.setattr(_app, "Project", lambda: small)
    result = CliRunner().invoke(app, ["run", "alpha"])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert str(small.build) in result.stderr


def test_sources_that_may_be_read_and_not_written_are_said_in_one_line(small):
    """Root may write anywhere, so it gives its powers away first."""
    powerless = []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if (program := shutil.which("setpriv")) is None:
            pytest.skip("root needs setpriv to be refused anything")
        powerless = [program, "--bounding-set=-all", "--inh-caps=-all"]
    folders = [small.root, *(p for p in small.root.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        done = subprocess.run(
            [*powerless, sys.executable, "-c", COMMAND, str(small.root), "run", "alpha"],
            env={**os.environ, "PYTHONPATH": str(Project().root), "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Permission denied" in done.stderr
    assert not small.build.exists()
