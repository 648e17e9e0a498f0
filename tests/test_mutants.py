"""The kept mistakes still apply to the code, and the runner tells noticed from missed."""

import ast
from dataclasses import replace

import pytest

from tests import mutants
from tests.mutants import __main__ as runner
from tests.published import published

MISTAKES = mutants.load()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.id)
def test_every_mistake_applies(mistake):
    text = (mutants.ROOT / mistake.file).read_text(encoding="utf-8")
    changed = mistake.applied(text)
    assert changed != text
    ast.parse(changed)
    assert mistake.tests
    assert not mistake.missing_tests()
    assert mistake.breaks


def test_there_are_enough_of_every_kind():
    least = {"equation": 22, "statistics": 20, "leak": 15, "verdict": 11, "shared": 8}
    assert set(least) == set(mutants.KINDS)
    for kind, n in least.items():
        assert sum(one.kind == kind for one in MISTAKES) >= n, kind
    methods = {one.file.split("/")[1] for one in MISTAKES if one.kind == "equation"}
    assert {entry.package_path().name for entry in published()} - methods == set()


EDIT = mutants.Mistake("x", "shared", "a.py", "1 + 1", "1 - 1", ("tests/test_a.py",), "sum")


@pytest.mark.parametrize(
    ("text", "change", "says"),
    [
        ("y = 1 + 2", {}, "occurs 0 times"),
        ("y = 1 + 1\nz = 1 + 1", {}, "occurs 2 times"),
        ("y = 1 + 1", {"new": "1 +"}, "no Python"),
        ("y = 1 + 1", {"new": "1 + 1"}, "the same"),
        ("y = 1 + 1  # 1+1", {"old": "# 1+1", "new": "# one"}, "program is the same"),
    ],
)
def test_a_mistake_that_does_not_fit_is_told(text, change, says):
    with pytest.raises(mutants.CannotApply, match=says):
        replace(EDIT, **change).applied(text)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A tiny checkout with one test that notices the sum and nothing else."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # its test needs none
    (tmp_path / "tests").mkdir()
    (tmp_path / "a.py").write_text("y = 1 + 1\nz = 3\n")
    (tmp_path / "tests" / "test_a.py").write_text(
        "import a\n\ndef test_sum():\n    assert a.y == 2\n"
    )
    return runner.Runner(tmp_path, 60)


def test_the_runner_tells_noticed_from_missed(copy):
    assert copy.judge(EDIT)[0] == runner.NOTICED
    assert copy.judge(replace(EDIT, old="z = 3", new="z = 4"))[0] == runner.MISSED
    assert copy.judge(replace(EDIT, old="nowhere"))[0] == runner.UNFIT
    assert copy.judge(replace(EDIT, select="no_such_test"))[0] == runner.UNFIT
    assert (copy.root / "a.py").read_text() == "y = 1 + 1\nz = 3\n"
    assert runner.Green()(copy, EDIT) is None
    (copy.root / "a.py").write_text("y = 3\n")
    assert runner.Green()(copy, EDIT)[0] == runner.RED


def test_the_table_counts_by_kind():
    two = [EDIT, replace(EDIT, id="z", kind="leak")]
    results = {
        "x": {"outcome": runner.NOTICED, "detail": ""},
        "z": {"outcome": runner.MISSED, "detail": "1 passed"},
    }
    text, share = runner.table(two, results)
    assert share == 0.5
    assert "leak           0 of   1" in text
    assert "missed: z (sum); 1 passed" in text


def test_a_kept_result_belongs_to_code_and_tests(tmp_path, copy):
    before = EDIT.key(tmp_path)
    (tmp_path / "tests" / "test_a.py").write_text("")
    assert EDIT.key(tmp_path) != before
    assert replace(EDIT, new="2").key(tmp_path) != EDIT.key(tmp_path)
