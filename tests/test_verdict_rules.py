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


# A chapter's verdict.py: claims through the registry, and nothing beside it.

VERDICTS = [path for path in MODULES if path.name == "verdict.py"]

BY_HAND = {"Criterion", "Claim", "Finding", "judge", "as_verdict", "not_tested", "verdict"}
"""What a chapter's verdicts leave to the registry."""


def by_hand(source: str) -> list[str]:
    """Calls that judge past the registry, and criteria whose text no number checks."""
    return [
        ast.unparse(call)
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", getattr(call.func, "attr", "")) in BY_HAND
    ]


def measurements(source: str) -> list[ast.FunctionDef]:
    """Functions that measure a claim."""
    return [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
        and any("claim" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]


def cut(source: str) -> list[str]:
    """Where a measurement takes the interval from an estimate, or looks at the scale."""
    found = []
    for function in measurements(source):
        for node in ast.walk(ast.Module(function.body, [])):
            name = getattr(getattr(node, "func", None), "id", "")
            if name == "Interval" and node.args and _reads_an_estimate(node.args[0]):
                found.append(ast.unparse(node))
            if isinstance(node, ast.Name) and node.id.lower() == "scale":
                found.append(ast.unparse(node))
        found += [a.arg for a in function.args.args if a.arg.lower() == "scale"]
    return found


MEASURED = """
@verdicts.claim("C1", "x", of=PAPER, paper="", region=above(1.0), needs=("found",))
def measure({}):
    return Measured({})
"""


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("found", "Interval(found.estimate, n=found.n)"),
        ("found", "Interval(np.mean(found), 0, 2)"),
        ("found, scale", "found"),
        ("found", "found[scale]"),
    ],
)
def test_a_measurement_that_cuts_its_interval_or_looks_at_the_scale_is_seen(arguments, value):
    assert cut(MEASURED.format(arguments, value))
    assert not cut(MEASURED.format("found", "Interval(found[0], found[1], found[2])"))


@pytest.mark.parametrize(
    "text", ["judge(claim, x)", 'Criterion("above 1", low=2.0)', "region.verdict(found)"]
)
def test_what_judges_past_the_registry_is_seen(text):
    assert by_hand(MEASURED.format("found", text))
    assert not by_hand(MEASURED.format("found", "found"))


@pytest.mark.parametrize("path", VERDICTS, ids=lambda path: path.parent.name)
def test_verdicts_are_left_to_the_registry(path):
    source = path.read_text(encoding="utf-8")
    assert len(measurements(source)) > 1
    assert by_hand(source) == []
    assert cut(source) == []


@pytest.mark.parametrize("path", VERDICTS, ids=lambda path: path.parent.name)
def test_a_chapter_judges_in_one_place(path):
    others = {one.name for one in path.parent.glob("*.py")} & {"claims.py", "findings.py"}
    assert not others | {one.name for one in path.parent.glob("judge_*.py")}


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)
def test_record_and_claims_say_alike_whose_claim_it_is(paper):
    from companion import records

    claims = {claim.id: claim for claim in claimed.by(paper.module)}
    record = records.load(paper.slug)
    said = {row["claim"]: (row["of"], row["on"]) for row in record["findings"]}
    assert said == {name: (claim.of, claim.on) for name, claim in claims.items()}
    assert any(claim.of == "paper" for claim in claims.values())
