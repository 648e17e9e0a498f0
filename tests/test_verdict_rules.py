"""What a verdict may rest on, held over the source of every chapter."""

import ast
from pathlib import Path

import pytest

import companion
from companion.papers import papers
from tests import claimed

PACKAGE = Path(companion.__file__).parent
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "stats.py"]

ESTIMATES = {"estimate", "p", "pvalue", "low", "high", "mean", "median", "nanmean", "nanmedian"}
"""Names under which estimates, their ends, and p-values are read."""


def dressed(source: str) -> list[str]:
    """Calls ``exact(...)`` whose argument is an estimate or a p-value, as text.

    A comparison inside the argument is a fact about numbers and no estimate.
    """
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name == "exact" and _reads_an_estimate(call.args[0]):
            found.append(ast.unparse(call))
    return found


def _reads_an_estimate(node: ast.expr) -> bool:
    if isinstance(node, ast.Compare):
        return False
    if isinstance(node, ast.Attribute) and node.attr in ESTIMATES:
        return True
    return any(_reads_an_estimate(child) for child in ast.iter_child_nodes(node))


@pytest.mark.parametrize(
    "text", ["exact(x.estimate)", "exact(f.p)", "exact(values.mean(), 3)", "exact(np.median(x))"]
)
def test_an_estimate_dressed_as_exact_is_seen(text):
    assert dressed(text)


@pytest.mark.parametrize(
    "text", ["exact(3)", "exact(f.low <= 0 <= f.high)", "t_interval(x.mean())"]
)
def test_a_count_or_a_comparison_is_not(text):
    assert not dressed(text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_estimate_is_dressed_as_exact(path):
    assert dressed(path.read_text(encoding="utf-8")) == []


def test_there_is_one_mean_over_seeds():
    found = [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and "over_seeds" in node.name
    ]
    assert found == []


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)
def test_record_and_claims_say_alike_whose_claim_it_is(paper):
    from companion import records

    claims = {claim.id: claim for claim in claimed.by(paper.module)}
    record = records.load(paper.slug)
    said = {row["claim"]: (row["of"], row["on"]) for row in record["findings"]}
    assert said == {name: (claim.of, claim.on) for name, claim in claims.items()}
    assert any(claim.of == "paper" for claim in claims.values())
