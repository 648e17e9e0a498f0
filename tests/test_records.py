import json
import math
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from companion import records
from companion.papers import UnknownPaper
from companion.project import Project
from companion.records._provenance import commit

PAPER = """
[[paper]]
slug = "demo"
number = 1
title = "T"
short = "S"
question = "Q?"
authors = ["A"]
year = 2025
arxiv = ""
venue = ""
part = "P"
code = ""
data_url = ""
licences = {paper = "", code = "", data = ""}
module = "companion.demo"
notebook = "01-demo"
"""

FINDING = {
    "claim": "C1",
    "statement": "it grows",
    "paper": "2.0",
    "criterion": "above 1",
    "estimate": 2.0,
    "low": 1.5,
    "high": None,
    "p": None,
    "n": 4,
    "unit": "",
    "verdict": "holds",
    "note": "",
    "of": "paper",
    "on": "real",
}


CELL = """
from companion import demo, records, scale
from companion.demo import figures
figures.Y
x = demo.X + scale.LEVEL
records.emit("demo", series={"x": x})
"""


@dataclass(frozen=True)
class Demo:
    lr: float = 0.5
    sizes: tuple = (1, 2)


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    (tmp_path / "companion" / "demo").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "companion" / "papers.toml").write_text(PAPER)
    (tmp_path / "companion" / "demo" / "__init__.py").write_text('"""Doc."""\n\nX = 1  # one\n')
    (tmp_path / "companion" / "demo" / "figures.py").write_text("Y = 1\n")
    (tmp_path / "companion" / "scale.py").write_text("LEVEL = 0.95\n")
    write_notebook(project, CELL)
    return project


def write_notebook(project, source, setup="a = 1"):
    cells = [
        nbformat.v4.new_code_cell(setup, metadata={"tags": ["setup"]}, id="a"),
        nbformat.v4.new_markdown_cell("Prose.", id="b"),
        nbformat.v4.new_code_cell(source, id="c"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), project.notebooks / "01-demo.ipynb")


def make_record(project, **changes):
    record = {
        "slug": "demo",
        "scale": "book",
        "seeds": [0, 1],
        "settings": {"steps": 3},
        "findings": [FINDING],
        "series": {"loss": [1.0, 0.5]},
        "provenance": {
            "versions": {"numpy": "2"},
            "python": "3.11.7",
            "processor": "cpu",
            "cores": 2,
            "wall_s": 1.0,
            "peak_mb": 10.0,
            "commit": None,
            "digest": records.code("demo", "book", project).digest,
            "definitions": records.code("demo", "book", project).definitions,
            "date": "2026-01-31",
        },
    }
    return record | changes


def test_save_and_load_round_trip(project):
    record = make_record(project)
    path = records.save(record, project)
    assert path == project.records / "demo.json"
    assert records.load("demo", project) == record
    assert [p.name for p in project.records.iterdir()] == ["demo.json"]


def test_no_record_is_none(project):
    assert records.load("demo", project) is None
    assert records.is_stale("demo", project) is None
    with pytest.raises(UnknownPaper, match="register has demo"):
        records.load("nothing", project)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"scale": "huge"}, r"\$\.scale"),
        ({"findings": []}, r"\$\.findings"),
        ({"extra": 1}, r"\$"),
        ({"findings": [FINDING | {"estimate": "2.0"}]}, r"estimate"),
        ({"findings": [FINDING | {"verdict": "maybe"}]}, r"verdict"),
        ({"findings": [FINDING | {"p": 1.5}]}, r"\.p"),
        ({"seeds": [0.5]}, r"seeds"),
    ],
)
def test_an_invalid_record_names_the_place_and_writes_nothing(project, change, place):
    with pytest.raises(records.RecordInvalid, match=place):
        records.save(make_record(project, **change), project)
    assert not project.records.exists()


def test_a_failed_write_keeps_the_old_record(project, monkeypatch):
    record = make_record(project)
    records.save(record, project)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        records.save(make_record(project, seeds=[5]), project)
    assert records.load("demo", project) == record
    assert [p.name for p in project.records.iterdir()] == ["demo.json"]


def test_staleness_follows_the_definitions_that_the_record_depends_on(project):
    records.save(make_record(project), project)
    assert records.is_stale("demo", project) is False
    package = project.package / "demo"
    (package / "__init__.py").write_text('"""Better words."""\n\n\nX = 1\n')
    (package / "figures.py").write_text("Y = 2\n")
    (package / "more.py").write_text("Z = 0\n")
    write_notebook(project, f"{CELL}\nx  # why", setup="a = 2")
    assert records.is_stale("demo", project) is False
    assert records.changed_definitions("demo", project) == ((), (), ())
    (project.package / "scale.py").write_text("LEVEL = 0.9\nother = 0\n")
    assert records.is_stale("demo", project) is True
    assert records.changed_definitions("demo", project).changed == ("LEVEL",)
    (project.package / "scale.py").write_text("LEVEL = 0.95\n")
    assert records.is_stale("demo", project) is False
    write_notebook(project, CELL.replace("demo.X +", "demo.X -"))
    assert records.is_stale("demo", project) is True
    assert records.changed_definitions("demo", project).text() == "changed: notebook: x"


def test_what_was_accepted_is_fresh_until_anything_else_changes(project):
    record = make_record(project)
    (project.package / "scale.py").write_text("LEVEL = 0.90\n")
    now = records.code("demo", "book", project)
    entry = {"date": "2026-02-01", "reason": "for a test", "digest": now.digest}
    entry["definitions"] = {"LEVEL": now.definitions["LEVEL"]}
    record["provenance"]["accepted"] = [entry]
    records.save(record, project)
    assert records.is_stale("demo", project) is False
    (project.package / "demo" / "__init__.py").write_text("X = 2\n")
    assert records.is_stale("demo", project) is True
    assert records.changed_definitions("demo", project).changed == ("X",)
    (project.package / "scale.py").write_text("LEVEL = 0.85\n")
    assert records.changed_definitions("demo", project).changed == ("LEVEL", "X")


def test_a_record_without_a_digest_is_stale_and_cannot_name_anything(project):
    record = make_record(project)
    del record["provenance"]["digest"], record["provenance"]["definitions"]
    with pytest.raises(records.RecordInvalid, match="provenance"):
        records.save(record, project)
    record["provenance"]["fingerprint"] = "0" * 64
    records.save(record, project)
    assert records.is_stale("demo", project) is True
    assert records.changed_definitions("demo", project) is None


def test_emit_puts_the_record_into_the_output(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append((data, raw)))
    from companion.claims import Finding

    records.emit(
        "massive-activations",
        "toy",
        seeds=range(2),
        settings=Demo(),
        sources={"corpus": "3.11, sha256 ab"},
        findings=[Finding(**FINDING)],
        series={"a": np.arange(3), "bad": [1.0, math.nan]},
    )
    data, raw = shown[0]
    assert raw is True
    assert "1 holds" in data["text/plain"]
    notebook = {"cells": [{"outputs": [{"data": json.loads(json.dumps(data))}]}, {"source": ""}]}
    record = records.from_notebook(notebook)
    assert record["series"] == {"a": [0, 1, 2], "bad": [1.0, None]}
    assert record["settings"] == {"lr": 0.5, "sizes": [1, 2]}
    assert record["provenance"]["versions"]["corpus"] == "3.11, sha256 ab"
    assert record["provenance"]["peak_mb"] > 10
    assert record["provenance"]["device"] == "cpu"
    assert record["provenance"]["digest"] == records.code("massive-activations", "toy").digest
    assert records.from_notebook({"cells": []}) is None


def test_the_device_is_what_took_memory_and_not_what_is_there(monkeypatch):
    from companion.records._provenance import device

    taken = {0: 0, 1: 0}
    gpus = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        get_device_name=lambda i: f"GPU {i}",
        max_memory_allocated=taken.get,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=gpus))
    assert device() == "cpu"
    taken[1] = 512
    assert device() == "GPU 1"
    taken[0] = 512
    assert device() == "GPU 0, GPU 1"
    gpus.is_initialized = lambda: False
    assert device() == "cpu"


def test_a_record_refuses_what_json_cannot_hold():
    from companion.records._store import plain

    with pytest.raises(records.RecordInvalid, match="cannot hold object"):
        plain({"x": object()})


def git(folder, *arguments):
    """Call git as nobody in particular."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_commit_is_the_checkout_s_own(project, tmp_path):
    assert commit(project) is None
    git(tmp_path, "init", "-q")
    assert commit(project) is None  # nothing is committed yet
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(project) == head
    (tmp_path / "link").symlink_to(tmp_path)
    assert commit(Project(tmp_path / "link")) == head
    # an unpacked archive inside of another repository
    inner = tmp_path / "inner"
    (inner / "companion").mkdir(parents=True)
    assert commit(Project(inner)) is None
    (tmp_path / "companion" / "demo" / "figures.py").write_text("Y = 2\n")
    assert commit(project) == f"{head}-dirty"
