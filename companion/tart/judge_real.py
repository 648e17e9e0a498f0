"""Verdicts on the claims about real vectors.

Differences are paired by data set, number of examples and seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.claims import Finding, judge, measured_text, not_tested
from companion.data import Missing
from companion.stats import Interval, exact, holm, paired, sign_test, t_interval
from companion.tart import claims as c
from companion.tart.nulls import NULLS
from companion.tart.real import MODULE, difference, pick

PROBE = ("logistic", "LOO")
PROMPT = ("ICL", "prompt")


def _mean(values: pd.Series | np.ndarray) -> Interval:
    """t interval; with fewer than two values, or one that is not finite, nothing is resolved."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or not np.isfinite(values).all():
        return Interval(float("nan"), n=len(values))
    if np.ptp(values) == 0:
        return Interval(float(values[0]), float(values[0]), float(values[0]), None, len(values))
    return t_interval(values)


def _by(values: pd.Series, level: str) -> dict[str, Interval]:
    return {str(name): _mean(part) for name, part in values.groupby(level=level, sort=False)}


def _told(parts: dict[str, Interval]) -> str:
    return ", ".join(f"{name} {measured_text(value)}" for name, value in parts.items())


def _cells_above(name: str, scale: str, values: pd.Series, note: str) -> Finding:
    """Toy: in how many of the cells the difference is positive."""
    return judge(c.BY_ID[name], scale, exact(int((values > 0).sum()), len(values)),
                 note=f"differences {', '.join(f'{v:+.2f}' for v in values)}; {note}")  # fmt: skip


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
            return not_tested(c.BY_ID["2"], scale, needed.reason)
    level = "model" if "model" in gap.index.names else "data"
    parts = {name: (value, c.POSITIVE) for name, value in _by(gap, level).items()}
    parts["reasoning minus representation gap"] = (_gaps(cells, tuned), c.POSITIVE)
    return judge(c.BY_ID["2"], scale, _mean(gap), parts=parts, note=note)


def _gaps(table: pd.DataFrame, tuned: pd.DataFrame) -> Interval:
    """(LR - ICL) - (FT - LR) over the cells that were fine-tuned; NaN if there are too few."""
    best = tuned.set_index(["data", "k", "seed"])["accuracy"]
    frame = pd.DataFrame({"ft": best, "lr": pick(table, *PROBE), "icl": pick(table, *PROMPT)})
    frame = frame.dropna()
    if len(frame) < 2:
        return Interval(float("nan"), n=len(frame))
    return _mean(2 * frame["lr"] - frame["icl"] - frame["ft"])


def calibrated(table: pd.DataFrame) -> str:
    """How much of the gap is left when prompting gets another threshold."""
    told = {
        words: _mean(difference(table, PROBE, (method, "prompt")))
        for method, words in (
            ("ICL, contextual", "probe minus contextually calibrated prompting"),
            ("ICL, median", "probe minus prompting with the median threshold"),
        )
        if (table["method"] == method).any()
    }
    return _told(told)


def closes(scale: str, table: pd.DataFrame) -> Finding:
    """Claim 3."""
    gap = difference(table, (MODULE, "LOO"), PROMPT)
    if scale == "toy":
        return _cells_above("3", scale, gap, "module on LOO vectors minus prompting")
    if scale == "paper":
        tasks = gap.groupby(level="data", sort=False).mean()
        won = int((tasks > 0).sum())
        p = sign_test(won, len(tasks)).p
        return judge(c.BY_ID["3"], scale, exact(won, len(tasks))._replace(p=p))
    parts = _by(gap, "data")
    corrected = holm([v.p if v.p is not None else 1.0 for v in parts.values()])
    return judge(
        c.BY_ID["3"], scale, _mean(gap),
        note=f"{_told(parts)}; largest p after Holm {max(corrected):.2g}",
    )  # fmt: skip


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


def _units(values: pd.Series) -> pd.Series:
    """Means over k and kinds of vectors: one value per data set and seed, the unit of the tests."""
    return values.groupby(level=["data", "seed"], sort=False).mean()


def same(scale: str, tables: Sequence[pd.DataFrame]) -> Finding:
    """Claim 4: equivalence of module and logistic regression."""
    by_data = _by(_pooled(tables, MODULE, "logistic"), "data")
    measured = _mean(_units(_pooled(tables, MODULE, "logistic")))
    return judge(c.BY_ID["4"], scale, measured._replace(p=None), note=_told(by_data))


def null(scale: str, tables: Sequence[pd.DataFrame]) -> Finding:
    """The null model's claim, and on how many data sets the module beats the best null."""
    values = _pooled(tables, MODULE, "mean difference")
    measured = _mean(_units(values))._replace(p=None)
    won = wins(tables)
    note = f"{_told(_by(values, 'data'))}; module above every null model on {won[0]} of {won[1]}"
    return judge(
        c.BY_ID["null"], scale, measured, note=f"{note} data sets (Holm-adjusted p < 0.05)"
    )


def wins(tables: Sequence[pd.DataFrame]) -> tuple[int, int]:
    """(data sets where the module is above every null model, data sets)."""
    rivals = {name: _pooled(tables, MODULE, name) for name in NULLS}
    names = list(dict.fromkeys(rivals["logistic"].index.get_level_values("data")))
    p_values = []
    for data in names:
        worst = 0.0
        for values in rivals.values():
            one = _mean(_units(values[values.index.get_level_values("data") == data]))
            above = one.p if one.p is not None and one.estimate > 0 else 1.0
            worst = max(worst, above)
        p_values.append(worst)
    return int((holm(p_values) < 0.05).sum()), len(names)


def digits_only(scale: str, table: pd.DataFrame) -> Finding:
    """Claim 5 at toy scale: 3 against 8."""
    rows = table[(table["data"] == "3v8") & (table["k"] == table["k"].min())]
    return judge(c.BY_ID["5"], scale, _mean(pick(rows, MODULE))._replace(p=None))


def modalities(scale: str, *tables: pd.DataFrame) -> Finding:
    """Claim 5: every data set with 32 examples; the lowest decides, all are told."""
    found: dict[str, Interval] = {}
    for table in tables:
        rows = table[table["k"] == 32]
        for vectors in ("pixels", "LOO", "image model", "sound model"):
            values = pick(rows, MODULE, vectors)
            for name, part in values.groupby(level="data", sort=False):
                found[str(name)] = _mean(part)._replace(p=None)
    if not found:
        return not_tested(c.BY_ID["5"], scale, "no context of 32 examples in this run")
    lowest = min(found, key=lambda name: found[name].estimate)
    parts = {name: (value, c.ENOUGH) for name, value in found.items() if name != lowest}
    return judge(c.BY_ID["5"], scale, found[lowest], parts=parts, note=f"lowest: {lowest}")


def more(scale: str, table: pd.DataFrame) -> Finding:
    """Claim 6: 128 against 18 examples."""
    gain = _gain(table, MODULE)
    if not gain:
        return not_tested(c.BY_ID["6"], scale, "needs contexts of 18 and 128 examples")
    least = min(gain, key=lambda name: gain[name].estimate)
    parts = {name: (value, c.POSITIVE) for name, value in gain.items() if name != least}
    note = f"less: {least}; logistic regression {_told(_gain(table, 'logistic'))}"
    return judge(c.BY_ID["6"], scale, gain[least], parts=parts, note=note)


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
    note = _told(_by(values, "data"))
    module = difference(table, (MODULE, "LOO"), (MODULE, "vanilla"))
    if len(module):
        note += f"; with the module {measured_text(_mean(module))}"
    return judge(c.BY_ID["7"], scale, _mean(values), note=note)
