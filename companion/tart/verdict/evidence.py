"""Verdicts on every claim, from the module's own tasks (1, 8) to real vectors.

Verdicts on the claims about real vectors.

Differences are paired by data set, number of examples and seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from companion.claims import HOLDS, Finding, judge, measured_text, not_tested
from companion.data import Missing
from companion.stats import LEVEL, Interval, exact, holm, over_seeds, paired, sign_test, t_interval
from companion.tart.lab.nulls import NULLS
from companion.tart.lab.real import MODULE, difference, pick
from companion.tart.lab.synthetic import Controls, Curve
from companion.tart.verdict import claims


# ----------------------------------------------------------------------------------------- readings
def by(values: pd.Series, level: str) -> dict[str, Interval]:
    """The mean of every group of an index level."""
    return {str(name): over_seeds(part) for name, part in values.groupby(level=level, sort=False)}


def units(values: pd.Series) -> pd.Series:
    """Means over k and kinds of vectors: one value per data set and seed, the unit of the tests."""
    return values.groupby(level=["data", "seed"], sort=False).mean()


def told(parts: Mapping[str, Interval]) -> str:
    """Name and interval, one after the other."""
    return ", ".join(f"{name} {measured_text(value)}" for name, value in parts.items())


# ---------------------------------------------------------------------------------------- synthetic
def learns(scale: str, curve: Curve, controls: Controls, long: Curve | Missing) -> Finding:
    """Claim 1."""
    claim, first = claims.BY_ID["1"], controls.first
    if scale == "paper":
        if isinstance(long, Missing):
            return not_tested(claim, scale, long.reason)
        curve, first = long, long.first or Interval(float("nan"))
    module, logistic, mean = (curve.last(a) for a in ("module", "logistic", "mean difference"))
    parts = {"first position": (first, claims.CHANCE)}
    behind = paired(logistic, module)
    measured = {
        "toy": t_interval(module)._replace(p=None),
        "book": paired(module, mean),
        "paper": behind._replace(p=None),
    }[scale]
    if scale == "book":
        parts["logistic minus module"] = (behind, claims.NEAR_LOGISTIC)
    note = (
        f"{int(curve.k[-1])} examples: module {module.mean():.3f}, logistic {logistic.mean():.3f}, "
        f"mean difference {mean.mean():.3f}, knows w {curve.last('knows w').mean():.3f}; "
        f"logistic minus module {measured_text(behind)}; first position: {around(first)}"
    )
    return judge(claim, scale, measured, parts=parts, note=note)


def around(measured: Interval) -> str:
    """The other reading of "chance": does the interval contain one half?"""
    low, high = measured.low, measured.high
    if low is None or high is None:
        return "no interval"
    return f"its interval {'contains' if low <= 0.5 <= high else 'does not contain'} one half"


def controls(scale: str, found: Controls) -> Finding:
    """Claim 8."""
    blind = {
        "shuffled labels": t_interval(found.shuffled)._replace(p=None),
        "untrained module": t_interval(found.untrained)._replace(p=None),
    }
    parts = {name: (value, claims.CHANCE) for name, value in blind.items()}
    parts["label of the example before"] = (exact(found.other_label), claims.POSITIVE)
    note = "; ".join(f"{name}: {around(value)}" for name, value in blind.items())
    return judge(claims.BY_ID["8"], scale, exact(found.own_label), parts=parts, note=note)


# --------------------------------------------------------------------------------------------- real
PROBE = ("logistic", "LOO")
PROMPT = ("ICL", "prompt")


def _cells_above(name: str, scale: str, values: pd.Series, note: str) -> Finding:
    """Toy: in how many of the cells the difference is positive."""
    return judge(
        claims.BY_ID[name],
        scale,
        exact(int((values > 0).sum()), len(values)),
        note=f"differences {', '.join(f'{v:+.2f}' for v in values)}; {note}",
    )


def fine(
    scale: str, table: pd.DataFrame, cells: pd.DataFrame | Missing, tuned: pd.DataFrame | Missing
) -> Finding:
    """Claim 2: the reasoning gap, and the representation gap of the cells that were tuned."""
    gap = difference(table, PROBE, PROMPT)
    note = calibrated(table)
    if scale == "toy":
        return _cells_above("2", scale, gap, note)
    for needed in (cells, tuned):
        if isinstance(needed, Missing):
            return not_tested(claims.BY_ID["2"], scale, needed.reason)
    level = "model" if "model" in gap.index.names else "data"
    pooled, each = over_seeds(gap), by(gap, level)
    parts = {"mean": (pooled, claims.GAP)}
    parts |= {name: (value, claims.POSITIVE) for name, value in each.items()}
    part, words = share(cells, tuned)
    parts["share"] = (part, claims.SHARE)
    note = "; ".join((note, words))
    return judge(claims.BY_ID["2"], scale, pooled, parts=parts, note=note)


def share(table: pd.DataFrame, tuned: pd.DataFrame) -> tuple[Interval, str]:
    """(LR - ICL) - (FT - LR) over the cells that were fine-tuned, and a sentence about it.

    It is above 0 where more than half of FT - ICL is the reasoning gap.  Where fine-tuning is not
    above prompting there is no total, and a weaker fine-tuning would raise the difference: it is
    NaN then, which nothing resolves.
    """
    best = tuned.set_index(["data", "k", "seed"])["accuracy"]
    frame = pd.DataFrame({"ft": best, "lr": pick(table, *PROBE), "icl": pick(table, *PROMPT)})
    frame = frame.dropna()
    total = over_seeds(frame["ft"] - frame["icl"])
    words = f"fine-tuning minus prompting {measured_text(total)} ({total.n} contexts)"
    if claims.TOTAL.verdict(total) != HOLDS:
        words += ", not resolved above 0, so there is no total to share"
        return Interval(float("nan"), n=total.n), words
    part = (frame["lr"] - frame["icl"]).mean() / total.estimate
    words += f", the reasoning gap is {part:.0%} of it"
    return over_seeds(2 * frame["lr"] - frame["icl"] - frame["ft"]), words


def calibrated(table: pd.DataFrame) -> str:
    """How much of the gap is left when prompting gets another threshold."""
    left = {
        words: over_seeds(difference(table, PROBE, (method, "prompt")))
        for method, words in (
            ("ICL, contextual", "probe minus contextually calibrated prompting"),
            ("ICL, median", "probe minus prompting with the median threshold"),
        )
        if (table["method"] == method).any()
    }
    return told(left)


def closes(scale: str, table: pd.DataFrame) -> Finding:
    """Claim 3."""
    gap = difference(table, (MODULE, "LOO"), PROMPT)
    if scale == "toy":
        return _cells_above("3", scale, gap, "module on LOO vectors minus prompting")
    if scale == "paper":
        return judge(claims.BY_ID["3"], scale, tasks_above(by(gap, "data")))
    pooled, each = over_seeds(gap), by(gap, "data")
    corrected = holm([v.p if v.p is not None else 1.0 for v in each.values()])
    note = f"{told(each)}; largest p after Holm {max(corrected):.2g}"
    return judge(claims.BY_ID["3"], scale, pooled, parts={"mean": (pooled, claims.GAP)}, note=note)


def tasks_above(each: Mapping[str, Interval]) -> Interval:
    """On how many tasks a difference is above 0; p of the sign test.

    Tasks whose interval is above 0 are the lower end, those whose interval is not below 0 the
    upper one: a task that is not resolved may count or not.
    """
    won = sum(value.estimate > 0 for value in each.values())
    above = sum(value.low > 0 for value in each.values())
    below = sum(value.high < 0 for value in each.values())
    return Interval(won, above, len(each) - below, sign_test(won, len(each)).p, len(each))


def _pooled(tables: Sequence[pd.DataFrame], a: str, b: str) -> pd.Series:
    """a minus b on the same vectors, over all tables: one value per data, vectors, k and seed."""
    found = [
        difference(rows, (a, name), (b, name))
        for table in tables
        for name, rows in table.groupby("vectors", sort=False)
        if name not in ("prompt", "vanilla")  # vanilla shares its queries with LOO
    ]
    keys = ["data", "k", "seed"]  # means over models, where there are several
    return pd.concat([one.groupby(level=keys, sort=False).mean() for one in found if len(one)])


def same(scale: str, tables: Sequence[pd.DataFrame], synthetic: Curve | Missing) -> Finding:
    """Claim 4: equivalence of module and logistic regression on real vectors.

    The note has every data set by itself, and the same module on synthetic tasks, where logistic
    regression and mean difference differ.
    """
    values = units(_pooled(tables, MODULE, "logistic"))
    each = by(values, "data")
    criterion = claims.SAME[scale]
    alone = ", ".join(
        f"{name} {measured_text(value)} {criterion.verdict(value)}" for name, value in each.items()
    )
    note = f"data sets alone: {alone}"
    if not isinstance(synthetic, Missing):
        note += f"; synthetic tasks of 16 dimensions, {between(synthetic)}"
    measured = over_seeds(values)._replace(p=None)
    return judge(claims.BY_ID["4"], scale, measured, note=note)


def between(found: Curve) -> str:
    """Where the module lies between mean difference and logistic regression, at every size."""
    arms = {name: found.accuracy[name] for name in ("mean difference", MODULE, "logistic")}
    rows = []
    for i, k in enumerate(found.k):
        above = paired(arms[MODULE][:, i], arms["mean difference"][:, i])
        behind = paired(arms[MODULE][:, i], arms["logistic"][:, i])
        rows.append(
            f"{int(k)} examples: module minus mean difference {measured_text(above)}, "
            f"minus logistic regression {measured_text(behind)}"
        )
    return "; ".join(rows)


def null(scale: str, tables: Sequence[pd.DataFrame]) -> Finding:
    """The null model's claim, and on how many data sets the module beats the best null."""
    values = units(_pooled(tables, MODULE, "mean difference"))
    measured = over_seeds(values)._replace(p=None)
    won = wins(tables)
    note = f"{told(by(values, 'data'))}; module above every null model on {won[0]} of {won[1]}"
    return judge(
        claims.BY_ID["null"], scale, measured, note=f"{note} data sets (Holm-adjusted p < 0.05)"
    )


def wins(tables: Sequence[pd.DataFrame]) -> tuple[int, int]:
    """(data sets where the module is above every null model, data sets)."""
    rivals = {name: _pooled(tables, MODULE, name) for name in NULLS}
    names = list(dict.fromkeys(rivals["logistic"].index.get_level_values("data")))
    p_values = []
    for data in names:
        worst = 0.0
        for values in rivals.values():
            one = over_seeds(units(values[values.index.get_level_values("data") == data]))
            above = one.p if one.p is not None and one.estimate > 0 else 1.0
            worst = max(worst, above)
        p_values.append(worst)
    return int((holm(p_values) < 1 - LEVEL).sum()), len(names)


def digits_only(scale: str, table: pd.DataFrame) -> Finding:
    """Claim 5 at toy scale: 3 against 8."""
    rows = table[(table["data"] == "3v8") & (table["k"] == table["k"].min())]
    return judge(claims.BY_ID["5"], scale, over_seeds(pick(rows, MODULE))._replace(p=None))


def modalities(scale: str, *tables: pd.DataFrame) -> Finding:
    """Claim 5: every data set and kind of vectors with 32 examples; the lowest decides.

    Where a table has several language models, an accuracy is their mean.
    """
    found: dict[str, Interval] = {}
    for table in tables:
        rows = table[(table["k"] == 32) & ~table["data"].isin(claims.SENTIMENT)]
        for vectors in ("pixels", "LOO", "MiniLM", "image model", "sound model"):
            values = pick(rows, MODULE, vectors)
            if "model" in table.columns:
                values = values.groupby(level=["data", "k", "seed"], sort=False).mean()
            for name, part in values.groupby(level="data", sort=False):
                where = str(name) if vectors in str(name) else f"{name}, {vectors}"
                where += f" ({len(part)} contexts)"
                where = f"{where}, Hub" if where in found else where
                found[where] = over_seeds(part)._replace(p=None)
    if not found:
        return not_tested(claims.BY_ID["5"], scale, "no context of 32 examples in this run")
    lowest = min(found, key=lambda name: found[name].estimate)
    parts = {name: (value, claims.ENOUGH) for name, value in found.items() if name != lowest}
    note = f"lowest: {lowest}"
    if scale == "paper":
        note += "; Hub, images and sound: the paper's module, the rest: the shipped one"
    return judge(claims.BY_ID["5"], scale, found[lowest], parts=parts, note=note)


def more(scale: str, table: pd.DataFrame) -> Finding:
    """Claim 6: 128 against 18 examples."""
    gain = _gain(table, MODULE)
    if not gain:
        return not_tested(claims.BY_ID["6"], scale, "needs contexts of 18 and 128 examples")
    least = min(gain, key=lambda name: gain[name].estimate)
    parts = {name: (value, claims.GAIN) for name, value in gain.items()}
    note = f"less: {least}; logistic regression {told(_gain(table, 'logistic'))}"
    return judge(claims.BY_ID["6"], scale, gain[least], parts=parts, note=note)


def _gain(table: pd.DataFrame, method: str) -> dict[str, Interval]:
    """Per data set: accuracy with 128 examples minus 18, paired by seed."""
    values = pick(table, method)
    found = {}
    for name, part in values.groupby(level="data", sort=False):
        wide = part.reset_index().pivot(index="seed", columns="k", values="accuracy")
        if {18, 128} <= set(wide.columns) and len(wide) > 1:
            found[str(name)] = paired(wide[128], wide[18])
    return found


def leave_one_out(scale: str, table: pd.DataFrame) -> Finding:
    """Claim 7."""
    if scale == "paper":
        table = table[table["k"] == 64]
    values = difference(table, PROBE, ("logistic", "vanilla"))
    note = told(by(values, "data"))
    module = difference(table, (MODULE, "LOO"), (MODULE, "vanilla"))
    if len(module):
        note += f"; with the module {measured_text(over_seeds(module))}"
    return judge(claims.BY_ID["7"], scale, over_seeds(values), note=note)
