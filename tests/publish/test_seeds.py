"""``companion seeds``: every chapter at every seed, and what stopped those that failed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from companion.cli import _app, app
from companion.publish import seeds
from tests.publish import tiny

CLAIMS = """\
import json
record = json.loads({record!r})
finding = record["findings"][0]
verdicts = ["holds", "holds", "not resolved", "does not hold" if SEED == 3 else "not tested"]
record["findings"] = [
    {{**finding, "claim": f"C{{i}}", "verdict": one}} for i, one in enumerate(verdicts)
]
record["seeds"] = [SEED]
class Shown:
    def _repr_mimebundle_(self, **asked):
        return {{"application/vnd.runnable-papers.record+json": record}}

Shown()"""
"""The record of a chapter with four claims."""

CHECK = """\
class ClaimFailed(Exception):
    pass

if SEED == 3:
    raise ClaimFailed("claims that must hold at this scale do not:\\n  C3: It is so.\\n  rest")"""
"""One of them stops the run at one seed."""

LOST = "if SEED == 4:\n    raise MemoryError"
"""Another seed does not come as far as the record."""


@pytest.fixture
def few(book, quick, monkeypatch):
    """Alpha ends badly at the seeds 3 and 4, beta never; the command works on this book."""
    record = tiny.record("alpha")
    more = [tiny.code(one) for one in (LOST, CLAIMS.format(record=record), CHECK)]
    tiny.write_notebook(book, 1, "alpha", [*tiny.cells("alpha"), *more])
    monkeypatch.setattr(_app, "Project", lambda: book)
    return book


def call(*arguments):
    return CliRunner().invoke(app, ["seeds", *arguments])


def test_a_table_of_chapters_and_seeds_with_what_stopped_a_run(few, tmp_path):
    file = tmp_path / "runs.json"
    result = call("--seeds", "2-4", "--json", str(file))
    assert result.exit_code == 1
    head, alpha, beta, *below = result.stdout.splitlines()
    assert head.split() == ["seed", "2", "seed", "3", "seed", "4"]
    cells = alpha.split(maxsplit=2)
    assert cells[:2] == ["alpha", "2/0/1/1"]
    assert cells[2] == "STOPPED C3, cell 9  STOPPED MemoryError, cell 7"
    assert beta.split() == ["beta", *["ends", "well"] * 3]
    assert "claims: holds/does not hold/not resolved/not tested" in below
    assert below[-1] == "4 of 6 runs ended well"
    apart = few.build / "failed"
    for seed in (3, 4):
        notebook = apart / f"alpha-seed-{seed}.ipynb"  # one does not take the other's place
        assert f"seed {seed}, alpha: cell" in result.stdout
        assert f"    executed up to there: {notebook}" in below
        assert f"SEED = {seed}" in notebook.read_text()
    assert sorted(path.name for path in apart.iterdir()) == [
        "alpha-seed-3.ipynb",
        "alpha-seed-4.ipynb",
    ]

    rows = {(row["slug"], row["seed"]): row for row in json.loads(file.read_text())["runs"]}
    assert list(rows) == [(slug, seed) for seed in (2, 3, 4) for slug in ("alpha", "beta")]
    good, bad, lost = (rows["alpha", seed] for seed in (2, 3, 4))
    assert good["ends_well"]
    assert good["wall_s"] > 0
    assert good["verdicts"] == {
        "C0": "holds",
        "C1": "holds",
        "C2": "not resolved",
        "C3": "not tested",
    }
    assert list(good["counts"].values()) == [2, 0, 1, 1]
    assert (bad["ends_well"], bad["stopped"]) == (False, "C3, cell 9")
    assert bad["verdicts"]["C3"] == "does not hold"  # the record came before the end
    assert (lost["ends_well"], lost["verdicts"]) == (False, {})


def test_what_was_run_is_found_again_and_what_failed_is_tried_again(few):
    assert call("alpha", "beta", "alpha", "--seeds", "3").exit_code == 1
    assert tiny.ran(few) == ["alpha toy", "beta toy"]
    apart = few.build / "failed" / "alpha-seed-3.ipynb"
    assert apart.is_file()
    assert call("--seeds", "3").exit_code == 1
    assert tiny.ran(few) == ["alpha toy"]
    assert apart.is_file()
    # where the mistake is mended the failed notebook goes
    tiny.write_notebook(few, 1, "alpha", tiny.cells("alpha"))
    mended = call("alpha", "--seeds", "3", "--scale", "book")
    assert (mended.exit_code, tiny.ran(few)) == (0, ["alpha book"])
    assert mended.stdout.splitlines()[1].split() == ["alpha", "ends", "well"]
    assert not apart.exists()


def test_the_command_runs_six_seeds_at_toy_scale_if_nothing_is_said(few, monkeypatch):
    asked = []
    monkeypatch.setattr(seeds, "repeat", lambda *given: asked.append(given) or [])
    assert call().exit_code == 0
    assert asked == [(["alpha", "beta"], [0, 1, 2, 3, 4, 5], "toy", few)]
