"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import Finding, measured_text
from companion.stats import holm, over_seeds
from companion.synthetic_data.hub import Cell
from companion.synthetic_data.lab.bilinear import Speed
from companion.synthetic_data.lab.language import Variety
from companion.synthetic_data.lab.run import AllRuns
from companion.synthetic_data.lab.threshold import rivals
from companion.synthetic_data.method.infinite import Damage
from companion.synthetic_data.method.mixing import mixing_law
from companion.synthetic_data.sources import ELSEWHERE
from companion.synthetic_data.verdict.paper import (
    Results,
    compounding,
    holm_rows,
    relative_loss,
    rise,
)
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def arms_table(runs: AllRuns, rank: int, share: float = 0.5) -> Styler:
    """Every arm at one mixing ratio: changes against s = 0 with 95 % intervals over seeds."""
    rows = []
    for (name, size), one in runs.items():
        if size != rank:
            continue
        rows.append(
            {
                "arm": name,
                "divergence added (%)": measured_text(
                    over_seeds(100 * rise(one, "kl", share) / one.at("kl", 0.0))
                ),
                "ECE, points": measured_text(over_seeds(100 * rise(one, "ece", share))),
                "over-confidence, points": measured_text(
                    over_seeds(100 * rise(one, "over", share))
                ),
                "accuracy, points": measured_text(over_seeds(100 * rise(one, "accuracy", share))),
                "4-hop chains, points": measured_text(over_seeds(100 * rise(one, "hops_4", share))),
            }
        )
    return styled(pd.DataFrame(rows), "sd-arms")


def sizes_table(runs: AllRuns, arm: str = "fixed, T=1") -> Styler:
    """The question of size, with the start of every size beside its losses."""
    rows = []
    for (name, rank), one in runs.items():
        if name != arm:
            continue
        rows.append(
            {
                "rank": rank,
                "accuracy, s = 0": one.at("accuracy", 0.0).mean(),
                "divergence, s = 0": one.at("kl", 0.0).mean(),
                "accuracy lost at 0.5 (%)": 100 * relative_loss(one, "accuracy", 0.5).mean(),
                "divergence added at 0.5 (%)": 100
                * (rise(one, "kl", 0.5) / one.at("kl", 0.0)).mean(),
                "chains over compounding": compounding(one, 0.5),
            }
        )
    formats = {
        "accuracy, s = 0": "{:.3f}",
        "divergence, s = 0": "{:.3f}",
        "accuracy lost at 0.5 (%)": "{:.1f}",
        "divergence added at 0.5 (%)": "{:.0f}",
        "chains over compounding": "{:.2f}",
    }
    return styled(pd.DataFrame(rows), "sd-sizes", formats)


def rivals_table(runs: AllRuns, rank: int) -> Styler:
    """AICc of the knot and of smooth curves on [0, 0.5], against the best; 0 is best."""
    rows = []
    for (name, size), one in runs.items():
        inside = one.shares <= 0.5 + 1e-9
        if size != rank or inside.sum() < 5:
            continue
        s = np.repeat(one.shares[inside], len(one.seeds))
        protocol = "fixed" if name.startswith("fixed") else "fresh"
        if name in ("compute matched", "real only"):
            protocol = "real only"
        scores = rivals(
            s, one.metrics["kl"][-1, inside].ravel(), lambda x, p=protocol: mixing_law(x, 3, p)
        )
        best = min(scores.values())
        rows.append({"arm": name} | {shape: value - best for shape, value in scores.items()})
    frame = pd.DataFrame(rows)
    return styled(frame, "sd-rivals", dict.fromkeys(frame.columns[1:], "{:.1f}"))


def infinite_table(found: Mapping[tuple[float, float], Damage]) -> Styler:
    """Infinite data: damage and what one scalar leaves of it."""
    rows = [
        {
            "T": t,
            "s": s,
            "divergence": d.kl,
            "after scaling": d.after_kl,
            "over-confidence": d.over,
            "after": d.after_over,
            "scalar": d.scalar,
            "accuracy": d.accuracy,
        }
        for (t, s), d in found.items()
    ]
    formats = {
        "T": "{:g}",
        "s": "{:g}",
        "divergence": "{:.4f}",
        "after scaling": "{:.4f}",
        "over-confidence": "{:.3f}",
        "after": "{:.3f}",
        "scalar": "{:.2f}",
        "accuracy": "{:.3f}",
    }
    return styled(pd.DataFrame(rows), "sd-infinite", formats)


def verdicts_table(findings: Sequence[Finding]) -> Styler:
    """Claim by laboratory: which finding answers it where."""
    by_id = {finding.claim: finding.verdict for finding in findings}
    rows = [
        ("C1 stable, then faster", "T8: a smooth law looks so", "C1", "", "L2", ""),
        ("C2 larger is more robust", "", "C2", "", "", ""),
        ("C3 calibration first", "T2, T3: if T < 1", "C3", "L1", "L3", "E1"),
        ("C4 reasoning first", "compounding", "C4", "", "L4", ""),
    ]
    heads = ("claim", "theory", "B log-bilinear", "C tables", "D transformers", "E SmolLM2")
    frame = pd.DataFrame(rows, columns=heads)
    for name in heads[2:]:
        frame[name] = [by_id.get(cell, "–") for cell in frame[name]]
    return styled(frame, "sd-verdicts")


def holm_table(results: Results) -> Styler:
    """The four claims on one condition each, p-values adjusted for four tests."""
    rows = {name: x for name, x in holm_rows(results).items() if x.p is not None}
    adjusted = holm([x.p for x in rows.values()])
    frame = pd.DataFrame(
        {
            "test": list(rows),
            "estimate": [measured_text(x) for x in rows.values()],
            "p": [x.p for x in rows.values()],
            "p, Holm": adjusted,
        }
    )
    return styled(frame, "sd-holm", {"p": "{:.2g}", "p, Holm": "{:.2g}"})


def elsewhere_table() -> Styler:
    """Who finds which limit, and in which protocol."""
    return styled(pd.DataFrame(ELSEWHERE), "sd-elsewhere")


def variety_table(found: Sequence[Variety]) -> Styler:
    """Diversity of completions, with one of them."""
    frame = pd.DataFrame(
        {
            "T": [v.temperature for v in found],
            "distinct 1": [v.distinct[0] for v in found],
            "distinct 2": [v.distinct[1] for v in found],
            "self-BLEU": [v.self_bleu for v in found],
            "spread": [v.dispersion for v in found],
            "Vendi": [v.vendi for v in found],
            "one of them": [" ".join(v.example.split()) for v in found],
        }
    )
    formats = dict.fromkeys(("distinct 1", "distinct 2", "self-BLEU", "spread", "Vendi"), "{:.2f}")
    return styled(frame, "sd-variety", formats | {"T": "{:g}"})


def speed_table(found: Speed) -> Styler:
    """Time per model, one after another and in one batch."""
    rows = [
        ("autograd, one after another", found.autograd),
        ("ours, one at a time", found.single),
        ("ours, one batch", found.batched),
    ]
    frame = pd.DataFrame(
        {
            "way": [r[0] for r in rows],
            "ms per model": [1e3 * r[1] for r in rows],
            "times faster": [found.autograd / r[1] for r in rows],
        }
    )
    return styled(frame, "sd-speed", {"ms per model": "{:.1f}", "times faster": "{:.1f}"})


def hub_table(cells: Mapping[tuple[str, str, float, int], Cell]) -> Styler:
    """The paper's path: absolute scores of every model, task, s and k."""
    frame = pd.DataFrame(
        [
            {"model": m, "task": t, "s": s, "k": k} | cell._asdict()
            for (m, t, s, k), cell in cells.items()
        ]
    )
    return styled(frame, "sd-hub", dict.fromkeys(("exact", "token", "error", "distinct"), "{:.3f}"))
