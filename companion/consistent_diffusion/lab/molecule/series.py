"""The molecule's results as plain numbers: what figures, tables, and the record are made from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.consistent_diffusion.lab.molecule.langevin import Run
from companion.consistent_diffusion.lab.molecule.runs import Simulated
from companion.consistent_diffusion.lab.molecule.scores import (
    BINS,
    CURVE_BINS,
    Floor,
    Reference,
    Score,
    divergence_curve,
    floor,
    n_settled,
    score,
    settled,
    windows,
)
from companion.scale import generator


class Summary(NamedTuple):
    """Scores of everything.

    times_ps : (5,) middle of each window of simulated time
    curves : label -> (n_seeds, 5) divergence in each window
    curve_floor : of real dynamics with as many chains and frames
    simulated, iid : label -> scores of every seed; simulated_floor, iid_floor : divergences for
        their sizes; simulated_pmf, iid_pmf : errors of the free energy for their sizes
    lost, left, chains : label -> how many chains left or heated, left, were started, per seed
    iid_lost : method -> how many denoised samples were not finite, per seed
    """

    times_ps: np.ndarray
    curves: dict[str, np.ndarray]
    curve_floor: Floor
    simulated: dict[str, list[Score]]
    iid: dict[str, list[Score]]
    simulated_floor: Floor
    iid_floor: Floor
    simulated_pmf: Floor
    iid_pmf: Floor
    lost: dict[str, list[int]]
    left: dict[str, list[int]]
    chains: dict[str, list[int]]
    iid_lost: dict[str, list[int]]


def summarize(simulated: Simulated, reference: Reference, seed: int) -> Summary:
    """All scores of a run, and their floors."""
    curves, scores, lost, left, chains = {}, {}, {}, {}, {}
    for label in simulated.labels:
        runs = simulated.of(label)
        found = [divergence_curve(run, reference) for run in runs]
        curves[label] = np.array([curve.divergence for curve in found])
        scores[label] = [score(settled(run), reference) for run in runs]
        lost[label] = [int(run.lost.sum()) for run in runs]
        left[label] = [int(run.left.sum()) for run in runs]
        chains[label] = [run.n_chains for run in runs]
    iid: dict[str, list[Score]] = {}
    iid_lost: dict[str, list[int]] = {}
    for (method, _), drawn in simulated.iid.items():
        iid.setdefault(method, []).append(score(drawn.beads, reference))
        iid_lost.setdefault(method, []).append(drawn.n_lost)
    one: Run = next(iter(simulated.runs.values()))
    n_iid = max(len(drawn.beads) for drawn in simulated.iid.values())
    rng, other = (generator(seed, "molecule", name) for name in ("floor", "floor of the PMF"))
    n_sim = n_settled(one)
    return Summary(
        found[0].times_ps,
        curves,
        floor(reference, one.n_chains, windows(one)[-1].n, rng, bins=CURVE_BINS),
        scores,
        iid,
        floor(reference, one.n_chains, n_sim, rng, bins=BINS),
        floor(reference, n_iid, 1, rng, bins=BINS, repeats=10),
        floor(reference, one.n_chains, n_sim, other, bins=BINS, repeats=10, pmf=True),
        floor(reference, n_iid, 1, other, bins=BINS, repeats=10, pmf=True),
        lost,
        left,
        chains,
        iid_lost,
    )


def series(summary: Summary) -> dict[str, object]:
    """What the record keeps: lists and numbers only; a missing number is None."""

    def plain(values: np.ndarray) -> list:
        return [None if not np.isfinite(v) else round(float(v), 6) for v in values]

    def table(found: dict[str, list[Score]]) -> dict[str, dict[str, list]]:
        return {
            label: {
                name: plain([getattr(s, name) for s in scores])
                for name in ("divergence", "pmf", "bond")
            }
            for label, scores in found.items()
        }

    return {
        "times_ps": plain(summary.times_ps),
        "curves": {label: [plain(row) for row in rows] for label, rows in summary.curves.items()},
        "curve_floor": plain(summary.curve_floor),
        "simulated": table(summary.simulated),
        "simulated_floor": plain(summary.simulated_floor),
        "iid": table(summary.iid),
        "iid_floor": plain(summary.iid_floor),
        "simulated_pmf_floor": plain(summary.simulated_pmf),
        "iid_pmf_floor": plain(summary.iid_pmf),
        "lost": summary.lost,
        "left": summary.left,
        "chains": summary.chains,
        "iid_lost": summary.iid_lost,
    }
