"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.claims import Finding, not_tested
from companion.data import Missing
from companion.next_token_concepts import hub
from companion.next_token_concepts.lab.dictionaries import Dictionaries
from companion.next_token_concepts.lab.learning import Trained
from companion.next_token_concepts.lab.run import Noise
from companion.next_token_concepts.lab.sweeps import Broken
from companion.next_token_concepts.lab.words import RealWords
from companion.next_token_concepts.verdict import claims
from companion.next_token_concepts.verdict import evidence as judge_words
from companion.next_token_concepts.verdict.evidence import (
    curve,
    diversity,
    identifiability,
    independence,
    linear,
    simulation,
    two_ways,
    which,
)


@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field may hold a ``Missing`` instead.

    headline, others : trained networks; etas, ways, broken, simulated, noise : of ``run``
    points : trained points of E5; dictionaries : E10; words : E11; checkpoints : Pythia
    """

    headline: Sequence[Trained]
    others: Sequence[Trained]
    etas: pd.DataFrame
    ways: pd.DataFrame
    points: pd.DataFrame
    broken: Broken
    simulated: pd.DataFrame
    noise: Sequence[Noise]
    dictionaries: Dictionaries | Missing
    words: RealWords | Missing
    checkpoints: pd.DataFrame | Missing


def evaluate(results: Results, scale: str) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    r = results
    calls: dict[str, tuple[Callable[..., Finding], tuple[object, ...]]] = {
        "E1": (identifiability, (r.headline,)),
        "E2": (curve, (r.headline,)),
        "E3": (which, (r.headline, r.others)),
        "E4": (linear, (r.headline,)),
        "E5": (two_ways, (r.ways,)),
        "E6": (simulation, (r.simulated,)),
        "E7": (diversity, (r.broken,)),
        "E8": (independence, (r.broken,)),
        "E9": (judge_words.directions, (r.noise, r.headline)),
        "E10": (judge_words.dictionaries, (r.dictionaries,)),
        "E11": (judge_words.real, (r.words,)),
    }
    return [_judged(name, scale, function, *args) for name, (function, args) in calls.items()]


def _judged(name: str, scale: str, function: Callable[..., Finding], *args: object) -> Finding:
    """``function(scale, *args)``, or `not tested` with the reason."""
    claim = claims.BY_ID[name]
    if scale not in claim.criteria:
        return not_tested(claim, scale, "shown at toy scale, tested at book scale")
    for value in args:
        if isinstance(value, Missing):
            return not_tested(claim, scale, value.reason)
    return function(scale, *args)


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    r = results
    found: dict[str, object] = {
        "etas": _rows(r.etas.groupby("eta", as_index=False)[["LM", "P"]].mean()),
        "trained": [
            {
                "eta": t.plan.eta,
                "seed": t.plan.seed,
                "targets": t.plan.targets,
                "network": t.plan.network,
                "excess": _short(t.excess),
                "LM": _short(t.enc["LM"]),
                "P": _short(t.enc["P"]),
                "curve_r2": _short(t.curve_r2),
            }
            for t in [*r.headline, *r.others]
        ],
        "curves": [
            {"eta": t.plan.eta, "points": [[_short(v, 4) for v in row] for row in t.curve[:120]]}
            for t in r.headline
            if t.plan.seed == min(h.plan.seed for h in r.headline)
        ],
        "ways": _rows(
            r.ways.groupby(["way", "length", "eta"], as_index=False)[
                ["eps", "no_fit", "slope"]
            ].mean()
        ),
    }
    if not isinstance(r.dictionaries, Missing):
        found["dictionaries"] = _rows(r.dictionaries.scores)
    if not isinstance(r.words, Missing):
        found["words"] = {
            "concepts": r.words.concepts,
            **{
                arm: {
                    "held_out": [_short(v, 4) for v in depth.held_out[-1]],
                    "null": [_short(v, 4) for v in depth.null[-1]],
                    "same": [_short(v, 4) for v in depth.same[-1]],
                    "layers": [_short(v, 4) for v in depth.held_out.mean(1)],
                }
                for arm, depth in r.words.depth.items()
            },
        }
    if not isinstance(r.checkpoints, Missing):
        found["checkpoints"] = {
            name: list(hub.gained(r.checkpoints, name)[:3])
            for name in r.checkpoints["model"].unique()
        }
    return found


def _rows(table: pd.DataFrame) -> list[Mapping[str, object]]:
    return [
        {k: _short(v) if isinstance(v, float | np.floating) else v for k, v in row.items()}
        for row in table.to_dict("records")
    ]


def _short(value: float, digits: int = 6) -> float:
    return float(f"{float(value):.{digits}g}")
