"""Steps: computed once, loaded where the key matches, and computed again where it does not."""

from __future__ import annotations

import errno
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from companion import chapter, results
from companion.data import Missing
from tests import steps


@pytest.fixture
def lab(tmp_path, monkeypatch):
    return steps.install(tmp_path, monkeypatch)


@pytest.fixture
def begin(tmp_path):
    def begin(lab, *, fresh=False, verify=(), as_published=False, **changes):
        settings = lab.Settings(**changes)
        places = tmp_path / "shipped", tmp_path / "kept"
        lab.CALLS.clear()
        how = {"fresh": fresh, "verify": verify, "as_published": as_published}
        return chapter.Run("demo", "toy", 0, settings, *places, **how)

    return begin


def ship(tmp_path):
    """Make what is kept the published results."""
    kept, shipped = tmp_path / "kept", tmp_path / "shipped"
    shipped.mkdir(exist_ok=True)
    for path in kept.glob("*.npz"):
        path.rename(shipped / path.name)
    (report,) = (kept / "runs").glob("*.json")
    lines = json.loads(report.read_text())
    (shipped / chapter.STEPS).write_text(json.dumps({"steps": lines}))


def test_a_step_is_computed_once(lab, begin):
    run = begin(lab)
    first = run.step(lab.grid, run.settings, 1)
    assert run.log[-1].how == "computed"
    again = begin(lab)
    second = again.step(lab.grid, again.settings, 1)
    assert again.log[-1].how == "kept"
    assert again.log[-1].n_bytes == run.log[-1].n_bytes > 100
    assert lab.CALLS == []
    assert type(second) is lab.Grid
    assert results.dump(first) == results.dump(second)


def test_settings_count_by_the_fields_that_a_step_reads(lab, begin):
    run = begin(lab)
    run.step(lab.grid, run.settings, 1)
    assert list(run.log[-1].reads) == ["n"]
    for changes, how in ({"width": 2.0}, "kept"), ({"n_jobs": 2}, "kept"), ({"n": 4}, "computed"):
        run = begin(lab, **changes)
        run.step(lab.grid, run.settings, 1)
        assert run.log[-1].how == how, changes
    run = begin(lab)
    run.step(lab.area, run.settings)
    assert list(run.log[-1].reads) == ["n", "width"]  # through the property
    run = begin(lab, n=3)
    assert run.step(lab.grid, run.settings, 1).x.size == 3
    assert run.log[-1].how == "kept"


def test_another_seed_another_result(lab, begin):
    run = begin(lab)
    first, second = (run.step(lab.grid, run.settings, seed) for seed in (1, 2))
    assert not np.array_equal(first.x, second.x)
    assert [done.how for done in run.log] == ["computed", "computed"]


def test_keys_chain_and_a_result_of_other_settings_is_not_taken(lab, begin):
    """The second step reads no settings: its key must still tell which grid it was given."""
    totals = {}
    for n in (3, 5, 3):
        run = begin(lab, n=n)
        totals.setdefault(n, []).append(run.step(lab.total, run.step(lab.grid, run.settings, 0)))
    assert totals == {3: [6.0, 6.0], 5: [20.0]}
    assert run.log[-1].how == "kept"


def test_an_input_that_no_step_made_counts_by_its_content(lab, begin):
    run = begin(lab)
    for x, how in ((1.0, "computed"), (2.0, "computed"), (1.0, "kept")):
        run.step(lab.total, lab.Grid(np.full(3, x)))
        assert run.log[-1].how == how


@pytest.mark.parametrize(
    ("old", "new", "how"),
    [
        ("return 2.0", "return 3.0", "computed"),
        ("arange(settings.n) + seed", "arange(settings.n) - seed", "computed"),
        ("n: int = 3", "n: int = 30", "kept"),  # the settings that are given decide
        ("return float(found.x.sum())", "return 0", "kept"),
        ('"""A chapter for tests."""', '"""Other words."""', "kept"),
        ('CALLS.append("grid")', 'CALLS.append("other")', "computed"),
    ],
)
def test_the_definition_decides(lab, begin, tmp_path, monkeypatch, old, new, how):
    run = begin(lab)
    run.step(lab.grid, run.settings, 1)
    ship(tmp_path)
    changed = steps.install(tmp_path, monkeypatch, old, new)
    run = begin(changed, n=3)
    run.step(changed.grid, run.settings, 1)
    assert run.log[-1].how == how.replace("kept", "shipped")
    assert run.stale == (["grid"] if how == "computed" else [])
    if how == "computed":
        assert run.log[-1].note == "stale: another definition"


def test_other_settings_or_inputs_are_told_from_other_code(lab, begin, tmp_path):
    run = begin(lab)
    run.step(lab.grid, run.settings, 1)
    ship(tmp_path)
    run = begin(lab, n=9)
    run.step(lab.grid, run.settings, 1)
    assert run.stale == []
    run = begin(lab)
    run.step(lab.grid, run.settings, 2)
    assert run.log[-1].note == "stale: another input 2"


def test_fresh_computes_everything(lab, begin):
    run = begin(lab)
    run.step(lab.grid, run.settings, 1)
    run = begin(lab, fresh=True)
    run.step(lab.grid, run.settings, 1)
    assert run.log[-1].how == "computed"
    assert lab.CALLS == ["grid"]


def test_what_is_cheap_is_called_each_time_and_has_a_key(lab, begin):
    for how in ("computed", "kept"):
        run = begin(lab)
        found = run.step(lab.table, keep=False)
        run.step(lab.of_table, found, run.settings)
        assert [done.how for done in run.log] == ["computed", how]
        assert lab.CALLS[0] == "table"


def test_a_shipped_result_is_loaded_where_its_data_are_missing(lab, begin, tmp_path):
    run = begin(lab)
    there = run.step(lab.of_table, run.step(lab.table, keep=False), run.settings)
    ship(tmp_path)
    lab.GONE = True
    run = begin(lab)
    found = run.step(lab.table, keep=False)
    assert isinstance(found, Missing)
    assert run.step(lab.of_table, found, run.settings) == there
    assert [done.how for done in run.log] == ["missing", "shipped"]
    run = begin(lab, width=3.0)  # nothing is stored for these settings
    missing = run.step(lab.of_table, run.step(lab.table, keep=False), run.settings)
    assert missing == Missing("the table is not here", "No table.")
    assert run.step(lab.total, missing) == missing
    assert [done.how for done in run.log] == ["missing"] * 3


def test_a_missing_step_in_the_middle_breaks_nothing(lab, begin, tmp_path):
    """A step that reads settings and cannot run here: the published run says which it read."""
    run = begin(lab)
    middle = run.step(lab.of_table, run.step(lab.table, keep=False), run.settings, keep=False)
    last = run.step(lab.size, middle)
    ship(tmp_path)
    lab.GONE = True
    run = begin(lab, n=8)  # a field that no step here reads
    middle = run.step(lab.of_table, run.step(lab.table, keep=False), run.settings, keep=False)
    assert isinstance(middle, Missing)
    assert run.step(lab.size, middle) == last
    assert run.log[-1].how == "shipped"


def test_a_missing_result_is_handed_on_and_never_kept(lab, begin, tmp_path):
    run = begin(lab)
    first = run.step(lab.absent, run.settings)
    second = run.step(lab.total, first)
    assert first == second == Missing("3 pairs")
    assert first is not second
    assert not list((tmp_path / "kept").glob("*.npz"))


def test_a_damaged_file_is_computed_again_and_said(lab, begin, tmp_path):
    run = begin(lab)
    first = run.step(lab.grid, run.settings, 0)
    (path,) = (tmp_path / "kept").glob("*.npz")
    whole = path.read_bytes()
    for data in (whole[:300], b"", whole[:-30] + bytes(30)):
        path.write_bytes(data)
        run = begin(lab)
        with pytest.warns(UserWarning, match="grid-.* is damaged"):
            again = run.step(lab.grid, run.settings, 0)
        assert run.log[-1].how == "computed"
        assert "computed again" in run.log[-1].note
        assert results.dump(first) == results.dump(again)
        assert path.read_bytes() == whole


def test_a_file_of_another_key_is_not_taken(lab, begin, tmp_path):
    """Its name says that it fits; what stands in it decides."""
    run = begin(lab)
    run.step(lab.grid, run.settings, 0)
    (path,) = (tmp_path / "kept").glob("*.npz")
    about = results.load(path, "about")
    results.save(path, lab.Grid(np.zeros(3)), **{**about, "key": "0" * 64})
    run = begin(lab)
    assert run.step(lab.grid, run.settings, 0).x[1] == 2.0
    assert run.log[-1].how == "computed"


def test_a_full_disk_costs_the_file_and_not_the_run(lab, begin, tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(results, "write_bytes", full)
    run = begin(lab)
    with pytest.warns(UserWarning, match="not kept: .*no space left"):
        found = run.step(lab.grid, run.settings, 0)
    assert found.x.size == 3
    assert "not kept" in run.log[-1].note
    assert not list(tmp_path.glob("kept/*"))


def test_verify_tells_one_changed_digit(lab, begin, tmp_path):
    run = begin(lab)
    grid = run.step(lab.grid, run.settings, 0)
    run.step(lab.clock, timing=True)
    run = begin(lab, verify={"grid", "clock"})
    run.step(lab.grid, run.settings, 0)
    run.step(lab.clock, timing=True)
    assert [done.note for done in run.log] == ["verified", "times are not compared"]
    (path,) = (tmp_path / "kept").glob("grid-*.npz")
    x = grid.x.copy()
    x[2] = np.nextafter(x[2], 9)
    results.save(path, grid._replace(x=x), **results.load(path, "about"))
    run = begin(lab, verify={"grid"})
    with pytest.warns(
        UserWarning, match=r"another result than grid-.*result\.x: relative 2\.2e-16"
    ):
        run.step(lab.grid, run.settings, 0)
    assert run.log[-1].note.startswith("differs: result.x")


@pytest.mark.parametrize(
    ("changed", "timing", "outcome"),
    [
        ("seconds", ("seconds",), "verified"),
        ("seconds", False, "differs: result"),
        ("seconds", True, "times are not compared"),
        ("x", ("seconds",), "differs: result"),
    ],
)
def test_columns_of_times_are_not_compared(lab, begin, tmp_path, changed, timing, outcome):
    run = begin(lab)
    run.step(lab.timed, 1, timing=("seconds",))
    path = tmp_path / "kept" / run.log[-1].file
    table, about = results.load(path), results.load(path, "about")
    table[changed] += 1
    results.save(path, table, **about)
    run = begin(lab, verify=["timed"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run.step(lab.timed, 1, timing=timing)
    assert run.log[-1].note.startswith(outcome)


def test_fields_of_times_are_left_out_of_a_named_tuple():
    made = chapter.Done(*range(len(chapter.Done._fields)))
    field = chapter.Done._fields[-1]
    assert chapter._without(made, (field,)) == made._replace(**{field: None})


def test_the_published_run_computes_nothing_that_ships(lab, begin, tmp_path):
    run = begin(lab)
    table = run.step(lab.table, keep=False)
    total = run.step(lab.total, run.step(lab.grid, run.settings, 1))
    run.step(lab.absent, run.settings)
    with_table = run.step(lab.of_table, table, run.settings)
    report = run.report.read_text()
    ship(tmp_path)

    run = begin(lab, as_published=True)
    assert run.step(lab.total, run.step(lab.grid, run.settings, 1)) == total
    assert isinstance(run.step(lab.absent, run.settings), Missing)  # so it was when published
    lab.GONE = True
    table = run.step(lab.table, keep=False)
    assert run.step(lab.of_table, table, run.settings) == with_table
    assert lab.CALLS == ["absent", "table"]
    with pytest.raises(chapter.Stale, match="area: no result of it ships"):
        run.step(lab.area, run.settings)
    run = begin(lab, as_published=True, n=4)  # the same key, other settings
    with pytest.raises(chapter.Stale, match="grid: no result of it ships"):
        run.step(lab.grid, run.settings, 1)
    assert begin(lab).report.read_text() == report  # what the recording run left is untouched


def test_a_stale_step_stops_the_published_run_and_says_what_differs(
    lab, begin, tmp_path, monkeypatch
):
    run = begin(lab)
    run.step(lab.grid, run.settings, 1)
    ship(tmp_path)
    for new in ("return 2.0", "return 3.0"):
        lab = steps.install(tmp_path, monkeypatch, "return 2.0", new)
        run = begin(lab, as_published=True)
        if new == "return 2.0":
            run.step(lab.grid, run.settings, 1)
            continue
        with pytest.raises(chapter.Stale, match="grid: stale: another definition"):
            run.step(lab.grid, run.settings, 1)
        assert lab.CALLS == []
        # results of this machine are not the published ones
        run = begin(lab)
        run.step(lab.grid, run.settings, 1)
        run = begin(lab, as_published=True)
        with pytest.raises(chapter.Stale, match="another definition"):
            run.step(lab.grid, run.settings, 1)


def test_a_step_that_kept_nothing_is_not_stale_when_its_code_changes(
    lab, begin, tmp_path, monkeypatch
):
    run = begin(lab)
    run.step(lab.absent, run.settings)
    run.step(lab.grid, run.settings, 1)
    ship(tmp_path)
    lab = steps.install(tmp_path, monkeypatch, "{settings.n} pairs", "{settings.n} PAIRS")
    run = begin(lab, as_published=True)
    assert isinstance(run.step(lab.absent, run.settings), Missing)
    with pytest.raises(chapter.Stale, match="area: no result of it ships"):
        run.step(lab.area, run.settings)


def test_what_cannot_be_a_step_is_refused(lab, begin):
    run = begin(lab)
    with pytest.raises(TypeError, match="a step is a named function of the package"):
        run.step(lambda: 1)
    with pytest.raises(results.NotStorable, match=r"result is a .*iterator"):
        run.step(lab.network)
    with pytest.raises(results.NotStorable, match=r"input is a numpy\.random"):
        run.step(lab.total, np.random.default_rng(0))


def test_the_number_of_processes_does_not_count(lab, begin):
    run = begin(lab)
    run.step(lab.many, run.settings, 5, n_jobs=1)
    run = begin(lab)
    run.step(lab.many, run.settings, 5, n_jobs=2)
    assert run.log[-1].how == "kept"


def test_an_interrupted_step_goes_on_with_the_seeds_that_are_left(lab, begin):
    lab.BAD.add(-7)  # Ctrl-C while the third is running
    run = begin(lab)
    with pytest.raises(KeyboardInterrupt):
        run.step(lab.many, run.settings, 5)
    assert lab.CALLS == ["many", 5, 6, 7]
    lab.BAD.clear()
    run = begin(lab)
    found = run.step(lab.many, run.settings, 5)
    assert lab.CALLS == ["many", 7, 8]
    assert [float(x[0]) for x in found] == [5.0, 6.0, 7.0, 8.0]
    run = begin(lab, seeds=6)
    run.step(lab.many, run.settings, 5)
    assert lab.CALLS == ["many", 9, 10]


def test_begin_reads_the_parameters_of_a_notebook(tmp_path):
    run = chapter.begin("model-ecosystem", "toy", 3, {"seeds": 2})
    assert (run.scale, run.seed, run.settings.seeds) == ("toy", 3, 2)
    assert run.published["slug"] == "model-ecosystem"
    assert run.places["shipped"].name == "model-ecosystem"
    for arguments, message in (
        (("model-ecosystem", "huge"), "unknown scale"),
        (("model-ecosystem", "toy", -1), "a seed is a whole number"),
        (("model-ecosystem", "toy", 0.5), "a seed is a whole number"),
        (("model-ecosystem", "toy", 2**70), "a seed is a whole number"),
        (("model-ecosystem", "toy", 0, {"sedes": 2}), "unknown setting 'sedes'"),
        (("nothing", "toy"), "unknown paper"),
    ):
        with pytest.raises(ValueError, match=message):
            chapter.begin(*arguments)


def test_without_a_checkout_results_are_kept_in_the_users_cache(tmp_path, monkeypatch):
    from companion.project import Project

    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    assert chapter.kept_folder("tart", Project(tmp_path)) == tmp_path / "results" / "tart"
    assert chapter.kept_folder("tart") == Project().build / "results" / "tart"
    assert isinstance(chapter.shipped_folder("tart"), Path)
