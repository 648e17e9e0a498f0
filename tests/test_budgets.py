"""Costs of runs beside their limits."""

from __future__ import annotations

import json

import pytest

from companion import budgets, records
from companion._quick import LOADED
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
    assert budgets.text(costs).endswith("0 not measured")


def whole(book):
    return {(c.slug, c.what): c for c in budgets.for_all(book)}


def test_what_the_whole_book_takes_is_noted(book):
    assert {c.verdict for c in whole(book).values()} == {budgets.OPEN, ""}
    budgets.note(book, "make book", 250.04, 300)
    budgets.note(book, "make book, unchanged", 9, 9)
    budgets.note(book, "make test", 500, 900)
    assert whole(book)["make test", "wall"].value is None  # one of two passes
    budgets.note(book, "make test, benches", 220, 210)
    now = whole(book)
    assert now["make test", "wall"].value == 720
    assert now["make test", "processor"].value == 1_110
    assert now["make test", "wall"].verdict == budgets.MET
    assert now["make book", "wall"].verdict == budgets.OVER
    assert now["make book, unchanged", "wall"].verdict == budgets.MET
    text = budgets.text([*budgets.measured(book), *budgets.for_all(book)])
    assert "250 s*" in text
    assert "make book 240 s" in text
    (book.build / budgets.NOTES).write_text("{")
    assert whole(book)["make test", "wall"].value is None


def test_the_heaviest_page_is_weighed(book):
    site = book.build / "site"
    (site / "_static" / "fonts").mkdir(parents=True)
    (site / "notebooks").mkdir()
    (site / "notebooks" / "a.html").write_text("<article><img src='b.svg'></article>")
    (site / "notebooks" / "b.html").write_text("<article></article>")
    (site / "notebooks" / "b.svg").write_bytes(bytes(2_500_000))
    now = whole(book)
    assert now["heaviest page", "weight"].value == pytest.approx(2_500_000, abs=100)
    assert now["heaviest page", "weight"].verdict == budgets.OVER
    # zeros compress well on their way
    assert now["heaviest up to its first figure", "weight"].verdict == budgets.MET
    assert "2,500 kB*" in budgets.text(budgets.for_all(book))


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


def test_processor_time_has_what_was_loaded_before_a_fork(monkeypatch):
    before = _provenance.cpu_s()
    monkeypatch.setenv(LOADED, "1e6")
    # other children of this process may begin and end meanwhile
    assert _provenance.cpu_s() - before == pytest.approx(1e6, rel=0.01)
