"""Results of a published run: what ships, what goes on after a kill, what verify says."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from companion import chapter, publish, records, results, rounding
from companion.project import PACKAGE, Project
from companion.publish import recording
from tests import steps
from tests.test_records import FINDING

SLUG = "model-ecosystem"  # any registered chapter; its own code is not run


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path / "book")
    project.records.mkdir(parents=True)
    project.config.write_text("title: T\n")
    (project.package / "papers.toml").write_text((PACKAGE / "papers.toml").read_text())
    return project


@pytest.fixture
def lab(tmp_path, monkeypatch):
    return steps.install(tmp_path, monkeypatch)


def begin(lab, project, **options):
    places = chapter.shipped_folder(SLUG, project), chapter.kept_folder(SLUG, project)
    run = chapter.Run(SLUG, "book", 0, lab.Settings(), *places, project=project, **options)
    chapter._RUNS[SLUG] = run
    lab.CALLS.clear()
    return run


def work(lab, run):
    """What the notebook does."""
    table = run.step(lab.table, keep=False)
    grid = run.step(lab.grid, run.settings, 1)
    run.step(lab.of_table, table, run.settings)
    run.step(lab.clock, timing=True)
    return run.step(lab.total, grid)


def names(folder):
    return {path.name.partition("-")[0] for path in folder.glob("*.npz")}


def test_the_results_that_a_run_used_ship_and_others_go(lab, project):
    run = begin(lab, project)
    total = work(lab, run)
    run.step(lab.grid, run.settings, 99)
    shipped = chapter.shipped_folder(SLUG, project)
    shipped.mkdir()
    (shipped / "old-000000000000-000000.npz").write_bytes(b"of another time")
    chapter.ship(SLUG, run.report.name, project)
    assert names(shipped) == {"grid", "of_table", "clock", "total"}
    assert len(list(shipped.glob("grid-*.npz"))) == 2
    lines = json.loads((shipped / chapter.STEPS).read_text())["steps"]
    assert [line["step"] for line in lines][:2] == ["table", "grid"]
    assert all(line["seconds"] >= 0 for line in lines if line["file"])
    assert [line["step"] for line in chapter.shipped_steps(SLUG, project)] == [
        "grid",
        "of_table",
        "clock",
        "total",
        "grid",
    ]

    run = begin(lab, project)
    assert work(lab, run) == total
    assert {done.how for done in run.log} == {"computed", "shipped"}
    assert lab.CALLS == ["table"]
    before = {path: path.read_bytes() for path in shipped.glob("*.npz")}
    cost = chapter.ship(SLUG, run.report.name, project)
    after = {path: path.read_bytes() for path in shipped.glob("*.npz")}
    assert after.items() < before.items()  # the same bytes; the grid of seed 99 was not used
    assert cost["peak_mb"] > 10


def test_a_killed_run_goes_on_with_the_steps_that_are_done(lab, project):
    run = begin(lab, project)
    run.step(lab.grid, run.settings, 1)  # and then the process is killed
    seconds = run.log[-1].seconds
    run = begin(lab, project)
    work(lab, run)
    assert lab.CALLS == ["table", "of_table", "clock", "total"]
    cost = chapter.ship(SLUG, run.report.name, project)
    assert cost["seconds"] == pytest.approx(seconds, abs=1e-3)  # counted as if it had run now
    assert names(chapter.shipped_folder(SLUG, project)) == {"grid", "of_table", "clock", "total"}


def test_a_result_that_is_gone_is_said_and_nothing_ships(lab, project):
    run = begin(lab, project)
    work(lab, run)
    next(chapter.kept_folder(SLUG, project).glob("grid-*.npz")).unlink()
    with pytest.raises(FileNotFoundError, match="run the chapter again"):
        chapter.ship(SLUG, run.report.name, project)
    assert not chapter.shipped_folder(SLUG, project).exists()


PROCESSOR = records.processor()


def executed(monkeypatch, lab, project, before=lambda run: None):
    """Stands for a notebook that runs the small chapter and emits a record."""

    def run(slug, scale, *, project, env=None):
        verify = (env or {}).get(chapter.VERIFY, "").split(",")
        this = begin(lab, project, verify=verify)
        work(lab, this)
        made = {"versions": {}, "python": "3", "processor": PROCESSOR, "cores": 1, "wall_s": 1.0}
        made |= {"peak_mb": 5.0, "commit": None, "date": "2026-01-01"}
        made |= {"digest": None, "definitions": {}}
        record = {"slug": slug, "scale": scale, "seeds": [0], "settings": {}}
        record |= {"findings": [FINDING], "series": {}, "provenance": made}
        data = {records.MIME: record, **records._store._report(slug)}
        output = nbformat.v4.new_output("display_data", data)
        cell = nbformat.v4.new_code_cell("", outputs=[output])
        path = project.root / "executed.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        return publish.Run(slug, scale, path, False, 1.0)

    monkeypatch.setattr(recording, "run", run)


def test_record_ships_what_the_notebook_used(monkeypatch, lab, project):
    executed(monkeypatch, lab, project)
    run = begin(lab, project)
    run.step(lab.grid, run.settings, 1)
    path = chapter.kept_folder(SLUG, project) / run.log[-1].file
    path.with_suffix(chapter.COST).write_text('{"seconds": 100.0, "peak_mb": 900.0}')
    publish.record(SLUG, project, say=lambda text: None)
    record = records.load(SLUG, project)
    assert names(chapter.shipped_folder(SLUG, project)) == {"grid", "of_table", "clock", "total"}
    assert (record["provenance"]["wall_s"], record["provenance"]["peak_mb"]) == (101.0, 900.0)


def test_verify_leaves_out_what_takes_too_long(monkeypatch, lab, project):
    executed(monkeypatch, lab, project)
    publish.record(SLUG, project, say=lambda text: None)
    path = chapter.shipped_folder(SLUG, project) / chapter.STEPS
    told = json.loads(path.read_text("utf-8"))
    for line in told["steps"]:
        line["seconds"] = {"grid": 100.0, "total": 40.0}.get(line["step"], 30.0)
    path.write_text(json.dumps(told), "utf-8")

    def chosen(minutes: float) -> set[str]:
        return set(dict(publish.verify(SLUG, 9, project, minutes=minutes, say=lambda text: None)))

    for _ in range(8):  # the draw is random, the limit is not
        assert chosen(0.5) in ({"clock"}, {"of_table"})
        assert chosen(1.5) & {"grid"} == set()
    with pytest.raises(publish.NoRecord, match=r"recorded in less than 0\.1 minutes"):
        chosen(0.1)


def test_verify_finds_one_digit_that_was_changed_by_hand(monkeypatch, lab, project):
    executed(monkeypatch, lab, project)
    with pytest.raises(publish.NoRecord, match="ships no results"):
        publish.verify(SLUG, 3, project, say=lambda text: None)
    publish.record(SLUG, project, say=lambda text: None)
    outcomes = dict(publish.verify(SLUG, 9, project, say=lambda text: None))
    assert outcomes == {
        "grid": "verified",
        "of_table": "verified",
        "total": "verified",
        "clock": "times are not compared",
    }
    assert len(publish.verify(SLUG, 1, project, say=lambda text: None)) == 1
    (path,) = chapter.shipped_folder(SLUG, project).glob("grid-*.npz")
    grid = results.load(path)
    grid.x[1] = np.nextafter(grid.x[1], 9)
    results.save(path, grid, **results.load(path, "about"))
    monkeypatch.setattr("companion.cli._run.checkout", lambda: project)
    monkeypatch.setattr("companion.cli._run.chapter", lambda slug, project: None)
    from companion.cli import app

    with pytest.warns(UserWarning, match="another result"):
        result = CliRunner().invoke(app, ["verify", SLUG, "--steps", "9"])
    assert result.exit_code == 1
    assert "grid: differs: result.x: relative 8.9e-17" in result.output
    assert "of_table: verified" in result.output
    # arithmetic of another processor may round otherwise: told, and no failure
    monkeypatch.setattr(records, "processor", lambda: "another")
    with pytest.warns(UserWarning, match="another result"):
        result = CliRunner().invoke(app, ["verify", SLUG, "--steps", "9"])
    assert result.exit_code == 0
    assert "grid: on another processor differs: result.x" in result.output
    # garbage is no rounding, whatever the processor
    for factor, status in ((1 + 1e-12, 0), (1 + 1e-3, 1), (np.nan, 1)):
        changed = grid._replace(x=np.where(np.arange(grid.x.size) == 1, grid.x * factor, grid.x))
        results.save(path, changed, **results.load(path, "about"))
        with pytest.warns(UserWarning, match="another result"):
            result = CliRunner().invoke(app, ["verify", SLUG, "--steps", "9"])
        assert result.exit_code == status, factor
        assert ("grid: differs: result.x" in result.output) == bool(status)


def test_what_trains_may_end_elsewhere_and_what_does_not_may_not():
    from companion import corpora, stats, training
    from companion.scaling_laws.lab import solvers

    assert rounding.bound(stats.bootstrap) == rounding.ONE_PASS == 1e-6
    assert rounding.bound(corpora.king_james) == rounding.ONE_PASS
    assert rounding.bound(training.train) == math.inf
    solving = [
        f for f in vars(solvers).values() if getattr(f, "__module__", "") == solvers.__name__
    ]
    assert rounding.LOOSE in {rounding.bound(f) for f in solving if callable(f)}


@pytest.mark.parametrize("shape", ["array", "frame", "tree"])
def test_a_tolerance_is_a_share_of_the_largest_number(shape):
    def value(x: np.ndarray) -> object:
        frame = pd.DataFrame({"name": ["a", "b", "c"], "x": x})
        return {"array": x, "frame": frame, "tree": {"a": [(1, "x"), x]}}[shape]

    first = value(np.array([1.0, np.nan, -4.0]))
    near, far = value(np.array([1.0 + 1e-7, np.nan, -4.0])), value(np.array([1.1, np.nan, -4.0]))
    assert results.difference(first, near) is not None
    assert results.difference(first, near, 1e-6) is None
    assert "result" in results.difference(first, far, 1e-6)
    for other in (np.array([1.0, 2.0, -4.0]), np.array([1.0, np.inf, -4.0])):
        assert results.difference(first, value(other), 1e-6) is not None
    assert results.difference(1, 2, 1e9) is not None, "counts are equal or not"
    assert results.difference("a", "b", 1e9) is not None


def test_verify_of_all_chapters_looks_at_those_that_ship_results(monkeypatch, project):
    """A folder that is no chapter is not asked, and a chapter too slow or without results is told.

    One result that differs makes the status 1, whichever chapter it is of.
    """
    outcomes = {"one": [("a", "verified")], "two": [("b", "differs: result: 1 and 2")]}

    def verified(slug, steps, project, *, minutes):
        if slug == "slow":
            raise publish.NoRecord("slow: no step was recorded in less than 1 minutes")
        return outcomes[slug]

    entries = [SimpleNamespace(slug=slug) for slug in ("bare", "one", "slow", "two")]
    monkeypatch.setattr("companion.cli._run.checkout", lambda: project)
    monkeypatch.setattr("companion.cli._run.chapters", lambda project: entries)
    monkeypatch.setattr(publish, "verify", verified)
    monkeypatch.setattr(chapter, "shipped_steps", lambda slug, project: slug != "bare")
    from companion.cli import app

    result = CliRunner().invoke(app, ["verify", "--all"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "bare: ships no results of steps",
        "one, a: verified",
        "slow: no step was recorded in less than 1 minutes",
        "two, b: differs: result: 1 and 2",
    ]
    outcomes["two"] = [("b", "verified")]
    assert CliRunner().invoke(app, ["verify", "--all"]).exit_code == 0
    for wrong in ([], ["one", "--all"]):
        assert CliRunner().invoke(app, ["verify", *wrong]).exit_code == 2


def test_what_ships_is_small():
    """At most 1 MB a chapter."""
    for folder in (PACKAGE / "records").iterdir():
        if folder.is_dir():
            sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
            largest = sorted(sizes, key=sizes.get, reverse=True)[:3]
            assert sum(sizes.values()) <= 1e6, (folder.name, largest)
