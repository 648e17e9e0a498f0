"""Costs of runs beside their limits."""

from __future__ import annotations

import json

import pytest

from companion import budgets, records
from companion.records import _provenance
from tests import copies


@pytest.fixture
def book(tmp_path):
    """A copy of the sources with one chapter."""
    project = copies.make(tmp_path / "book")
    copies.start(project, "tart")
    return project


def record(scale, **provenance):
    made = records.load("tart") | {"scale": scale}
    return made | {"provenance": made["provenance"] | provenance}


def keep_run(book, name, **provenance):
    """An executed notebook as a run leaves it."""
    folder = book.build / "runs" / "tart" / "toy"
    folder.mkdir(parents=True, exist_ok=True)
    output = {"output_type": "display_data", "data": {records.MIME: record("toy", **provenance)}}
    cell = {"cell_type": "code", "outputs": [output]}
    (folder / f"{name}.ipynb").write_text(json.dumps({"cells": [cell]}))


def found(book):
    return {(c.scale, c.what): c for c in budgets.measured(book) if c.slug == "tart"}


def test_limits_are_met_missed_or_not_measured(book):
    (book.records / "tart.json").unlink(missing_ok=True)
    assert {c.verdict for c in found(book).values()} == {budgets.OPEN, ""}
    keep_run(book, "a", cpu_s=29.9, peak_mb=1200.1)
    records.save(record("book", wall_s=900.0, peak_mb=4000.1), book)
    now = found(book)
    assert now["toy", "processor"].verdict == budgets.MET
    assert now["toy", "memory"].verdict == budgets.OVER
    assert now["toy", "wall"].verdict == ""
    assert now["book", "wall"].verdict == budgets.MET
    assert now["book", "memory"].verdict == budgets.OVER
    text = budgets.text(budgets.measured(book))
    assert "30 s" in text
    assert "1,200 MB*" in text
    assert "limits: 2 met, 2 over, 0 not measured" in text


def test_a_damaged_run_and_a_record_of_another_scale_do_not_count(book):
    records.save(record("toy"), book)
    folder = book.build / "runs" / "tart" / "toy"
    folder.mkdir(parents=True)
    (folder / "x.ipynb").write_text("{")
    assert {c.value for c in found(book).values()} == {None}


def test_every_record_of_the_book_is_measured():
    costs = [cost for cost in budgets.measured() if cost.scale == "book"]
    assert {cost.what for cost in costs} == {"wall", "memory"}
    assert [cost for cost in costs if cost.value is None] == []
    assert all(line.split()[4] == "-" for line in budgets.text(costs).splitlines()[1:-2])


def test_processor_time_is_counted_with_children():
    import subprocess
    import sys

    before = _provenance.cpu_s()
    work = "import os\nwhile sum(os.times()[:2]) < 0.3: pass"
    child = subprocess.Popen(
        [sys.executable, "-c", f"{work}\nprint(1, flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    child.stdout.readline()
    running = _provenance.cpu_s() - before
    child.communicate(b"\n")
    finished = _provenance.cpu_s() - before
    assert 0.25 < running < 5
    assert 0.25 < finished < 5
