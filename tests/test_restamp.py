"""Digests for records that carry a fingerprint of files, proven in a small history."""

from __future__ import annotations

import json
import subprocess

import pytest

from companion import records, restamp
from companion.project import Project
from companion.records import _fingerprint
from tests.test_records import PAPER, make_record, write_notebook

CELL = """
from companion import demo, records, scale
x = demo.X + scale.LEVEL
records.emit("demo", series={"x": x})
"""


def git(project, *arguments):
    name = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *name, *arguments], cwd=project.root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(project, message="change"):
    git(project, "add", "-A")
    git(project, "commit", "-qm", message)
    return git(project, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    (project.package / "demo").mkdir(parents=True)
    project.notebooks.mkdir()
    (project.package / "papers.toml").write_text(PAPER)
    (project.package / "demo" / "__init__.py").write_text("X = 1\n")
    (project.package / "scale.py").write_text("LEVEL = 0.95\n")
    write_notebook(project, CELL)
    git(project, "init", "-q")
    return project


def old_record(project, named):
    """A record as it was before there were digests."""
    record = make_record(project)
    made = record["provenance"]
    del made["digest"], made["definitions"]
    made |= {"commit": named, "fingerprint": _fingerprint.fingerprint("demo", project)}
    records.save(record, project)
    return record


def test_the_digest_is_that_of_the_code_that_made_the_record(project):
    made = commit(project)
    before = records.code("demo", "book", project)
    record = old_record(project, made)
    commit(project, "record")
    (project.package / "scale.py").write_text("LEVEL = 0.9\n")
    commit(project, "another level")
    found = restamp.stamp("demo", project)
    assert (found.commit, found.made) == (made, before)
    assert found.changes.changed == ("LEVEL",)
    assert "changed: LEVEL (companion.scale)" in found.text()
    restamp.write(found, project)
    after = records.load("demo", project)
    assert after["provenance"].pop("digest") == before.digest
    assert after["provenance"].pop("definitions") == before.definitions
    assert after == record
    assert records.is_stale("demo", project)
    assert not list(project.root.glob("companion-*"))


def test_the_first_later_commit_that_matches_is_taken_and_said(project):
    named = commit(project)
    (project.package / "demo" / "__init__.py").write_text("X = 2\n")
    old_record(project, f"{named}-dirty")
    later = commit(project, "code and record together")
    (project.package / "demo" / "__init__.py").write_text("X = 3\n")
    commit(project)
    found = restamp.stamp("demo", project)
    assert found.commit == later
    assert f"the record names {named[:9]}-dirty" in found.text()
    restamp.write(found, project)
    assert records.load("demo", project)["provenance"]["digest_commit"] == later
    assert records.changed_definitions("demo", project).changed == ("X",)


def test_a_record_that_no_commit_made_is_refused_and_stays(project):
    named = commit(project)
    (project.package / "demo" / "__init__.py").write_text("X = 2\n")
    old_record(project, named)
    (project.package / "demo" / "__init__.py").write_text("X = 3\n")
    commit(project)
    before = (project.records / "demo.json").read_bytes()
    with pytest.raises(restamp.CannotRestamp, match="has another fingerprint"):
        restamp.stamp("demo", project)
    assert (project.records / "demo.json").read_bytes() == before
    (project.package / "demo" / "__init__.py").write_text("X = 4\n")
    old_record(project, "0" * 40)
    with pytest.raises(restamp.CannotRestamp, match="git archive"):
        restamp.stamp("demo", project)


def test_accepted_changes_are_kept_with_their_reason(project):
    made = commit(project)
    old_record(project, made)
    with pytest.raises(restamp.CannotRestamp, match="no digest"):
        restamp.accept("demo", "because", project)
    restamp.write(restamp.stamp("demo", project), project)
    assert not restamp.accept("demo", "nothing to accept", project)
    assert "accepted" not in records.load("demo", project)["provenance"]
    (project.package / "scale.py").write_text("LEVEL = 0.9\n")
    with pytest.raises(restamp.CannotRestamp, match="say why"):
        restamp.accept("demo", " ", project)
    assert restamp.accept("demo", "the level is only printed", project).changed == ("LEVEL",)
    (entry,) = records.load("demo", project)["provenance"]["accepted"]
    assert entry["reason"] == "the level is only printed"
    assert list(entry["definitions"]) == ["LEVEL"]
    assert records.is_stale("demo", project) is False
    (project.package / "demo" / "__init__.py").write_text("X = 9\n")
    assert restamp.accept("demo", "nor is this", project).changed == ("X",)
    assert len(records.load("demo", project)["provenance"]["accepted"]) == 2
    assert records.is_stale("demo", project) is False
    (project.package / "scale.py").write_text("LEVEL = 0.95\n")
    assert records.is_stale("demo", project) is True


def test_an_outdated_record_is_stale_whatever_the_code(project):
    old_record(project, commit(project))
    restamp.write(restamp.stamp("demo", project), project)
    assert records.outdated(records.load("demo", project)) == ""
    with pytest.raises(restamp.CannotRestamp, match="say what"):
        restamp.outdate("demo", " ", project)
    before = records.load("demo", project)
    restamp.outdate("demo", "C1 is judged by its interval now", project)
    record = records.load("demo", project)
    assert records.outdated(record) == "C1 is judged by its interval now"
    assert records.is_stale("demo", project) is True
    assert record["findings"] == before["findings"]
    assert record["series"] == before["series"]


def test_dry_writes_nothing(project, monkeypatch):
    from typer.testing import CliRunner

    from companion.cli import _maintain, app

    made = commit(project)
    old_record(project, made)
    project.config.write_text("title: T\n")
    monkeypatch.setattr(_maintain, "checkout", lambda: project)
    before = (project.records / "demo.json").read_bytes()
    result = CliRunner().invoke(app, ["restamp", "--dry"])
    assert result.exit_code == 0
    assert "nothing has changed since" in result.output
    assert (project.records / "demo.json").read_bytes() == before
    refused = CliRunner().invoke(app, ["restamp", "--accept", "why"])
    assert refused.exit_code == 2
    both = ["restamp", "demo", "--accept", "why", "--outdated", "why"]
    assert CliRunner().invoke(app, both).exit_code == 2
    assert json.loads(before)["provenance"]["commit"] == made
