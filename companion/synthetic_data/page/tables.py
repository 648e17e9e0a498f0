"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.stats import over_seeds, paired
from companion.synthetic_data.lab.evidence import arm, measured_share
from companion.synthetic_data.lab.language import Lives
from companion.synthetic_data.lab.run import ARMS, ByHand, Loops
from companion.synthetic_data.method.mixing import mixing_law, synthetic_share
from companion.synthetic_data.sources import ELSEWHERE
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def arms_table(loops: Loops, share: float = 0.5) -> Styler:
    """Every arm at one mixing ratio: changes against all real data, and what was chosen.

    The over-confidence is that of the last generation, and no change.
    """
    rows = []
    for name in ARMS:
        runs = arm(loops, name)
        size, inside = runs.on_grid(share)
        rows.append(
            {
                "arm": name,
                "divergence added": measured_text(over_seeds(runs.rise("kl", share))),
                "accuracy, points": measured_text(over_seeds(100 * runs.rise("accuracy", share))),
                "ECE, points": measured_text(over_seeds(100 * runs.rise("ece", share))),
                "over-confidence, points": measured_text(over_seeds(100 * runs.at("over", share))),
                "inside the grid (%)": 100 * inside / size,
            }
        )
    formats = {"inside the grid (%)": "{:.0f}"}
    return styled(pd.DataFrame(rows), "sd-arms", formats)


def shares_table(loops: Loops) -> Styler:
    """Share of the added damage that the synthetic samples cause, by the law and measured."""
    rows = []
    runs = arm(loops, "fixed, T=1")
    for k in range(1, len(runs.metrics["kl"])):
        for s in (0.2, 0.5):
            rows.append(
                {
                    "generation": k,
                    "s": s,
                    "by eq. 8": synthetic_share(s, k),
                    "of the divergence": measured_text(measured_share(loops, s, k)),
                    "of the lost accuracy": measured_text(measured_share(loops, s, k, "accuracy")),
                }
            )
    return styled(pd.DataFrame(rows), "sd-shares", {"s": "{:g}", "by eq. 8": "{:.2f}"})


def by_hand_table(found: Sequence[ByHand], loops: Loops) -> Styler:
    """Mixture and real part alone at s = 0.5, by who chose the penalty."""
    chosen = (arm(loops, "fixed, T=1"), arm(loops, "real only"))
    rows = [(f"{one.penalty:g} for every model", one.mixed, one.alone) for one in found]
    rows.append(("chosen on held-out samples", *chosen))
    frame = pd.DataFrame(
        [
            {
                "penalty": name,
                "divergence, all real data": mixed.metrics["kl"][0, 0].mean(),
                "mixture": mixed.at("kl", 0.5).mean(),
                "real part alone": alone.at("kl", 0.5).mean(),
                "difference": measured_text(paired(mixed.at("kl", 0.5), alone.at("kl", 0.5))),
            }
            for name, mixed, alone in rows
        ]
    )
    return styled(frame, "sd-by-hand", dict.fromkeys(frame.columns[1:4], "{:.3f}"))


def crossing(k: int) -> float:
    """Share above which a mixture of fixed real data is better than its real part alone."""
    s = np.linspace(0, 1, 100_001)[1:-1]
    return float(s[np.argmax(mixing_law(s, k, "fixed") < mixing_law(s, k, "real only"))])


def crossings_table(generations: Sequence[int] = (1, 2, 3, 10)) -> Styler:
    """Where eqs. 5 and 6 cross."""
    rows = [{"generations": k, "mixture better from s =": crossing(k)} for k in generations]
    return styled(pd.DataFrame(rows), "sd-crossings", {"mixture better from s =": "{:.2f}"})


def language_table(lives: Sequence[Lives]) -> Styler:
    """The last generation on real text: mixture, real part alone, and what lies between them."""
    rows = []
    for one in lives:
        for temperature, share in one.plan.arms:
            row = {
                "model": "x".join(map(str, one.plan.shape)),
                "T": temperature,
                "s": share,
                "test loss, all real": one.at("loss", temperature, share, 0).mean(),
                "too sure, all real": 100 * one.at("over", temperature, share, 0).mean(),
            }
            for name, words, times in (
                ("loss", "loss", 1),
                ("accuracy", "accuracy, points", 100),
                ("ece", "ECE, points", 100),
            ):
                now, start = one.at(name, temperature, share), one.at(name, temperature, share, 0)
                row[f"{words}: change"] = measured_text(paired(times * now, times * start))
                if name != "ece":
                    alone = one.real_alone(name, share)
                    row[f"{words}: less alone"] = measured_text(paired(times * now, times * alone))
            row["ended early (%)"] = 100 * float((one.stopped < 1).mean())
            rows.append(row)
    formats = {"T": "{:g}", "s": "{:g}", "test loss, all real": "{:.3f}"}
    formats |= {"ended early (%)": "{:.0f}", "too sure, all real": "{:.1f}"}
    return styled(pd.DataFrame(rows), "sd-language", formats)


def elsewhere_table() -> Styler:
    """Who finds which limit, in which protocol."""
    return styled(pd.DataFrame(ELSEWHERE), "sd-elsewhere")
