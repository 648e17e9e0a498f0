"""Verdicts on made-up runs: what must hold, what must not, and what does nothing."""

from __future__ import annotations

import numpy as np
import pytest

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED, Criterion
from companion.consistent_diffusion.lab.molecule.chains import Simulated
from companion.consistent_diffusion.lab.molecule.scores import reference_of
from companion.consistent_diffusion.verdict import parts as judge
from companion.consistent_diffusion.verdict.claims import BY_ID, MODES_KEPT
from tests.consistent_diffusion.molecule_made import chain_beads, simulated

NEAR, FAR = "Two For One, t = 0.01", "Two For One, t = 0.02"
ABOVE_5 = Criterion("above 5", low=5.0)


@pytest.fixture(scope="module")
def reference():
    return reference_of(chain_beads(4000, np.random.default_rng(9)).reshape(2, 2000, 5, 3))


def two_for_one(found, reference):
    return judge.judge_two_for_one(
        BY_ID["C6"], "book", found, reference, structure=ABOVE_5, modes=MODES_KEPT
    )


def narrow(found: Simulated, label: str) -> None:
    """Let the chains of `label` stay at one shape of the backbone: wrong modes, right bonds."""
    for key, run in found.runs.items():
        if key[0] == label:
            run.frames[...] = run.frames[:1, :1]


def test_lost_bonds_and_better_modes_hold(reference):
    found = simulated(**{NEAR: {"loose": 0.02}, FAR: {"loose": 0.03}})
    narrow(found, "Diffusion")
    result = two_for_one(found, reference)
    assert result.verdict == HOLDS
    assert result.estimate > 5
    assert result.n == 3


def test_lost_bonds_alone_are_not_enough(reference):
    result = two_for_one(simulated(**{NEAR: {"loose": 0.02}, FAR: {"loose": 0.03}}), reference)
    assert result.verdict in (NOT_RESOLVED, DOES_NOT_HOLD)


def test_nothing_lost_does_not_hold(reference):
    found = simulated()
    narrow(found, "Diffusion")
    assert two_for_one(found, reference).verdict == DOES_NOT_HOLD


def test_one_seed_resolves_nothing(reference):
    found = simulated(1, **{NEAR: {"loose": 0.02}, FAR: {"loose": 0.03}})
    assert two_for_one(found, reference).verdict == NOT_RESOLVED


def test_a_run_that_is_missing_is_not_tested(reference):
    found = simulated()
    part = Simulated({k: v for k, v in found.runs.items() if k[0] != FAR}, found.iid)
    result = two_for_one(part, reference)
    assert (result.verdict, FAR in result.note) == (NOT_TESTED, True)


def lose(found: Simulated, label: str, counts: tuple[int, ...]) -> None:
    """Let as many chains of each training heat up."""
    for seed, n in enumerate(counts):
        found.runs[label, seed].heat[:n] = 2.0


def test_lost_chains_are_counted_and_named():
    found = simulated()
    lose(found, "No energy", (5, 6, 7))
    lose(found, "Mixture", (1, 1, 1))
    result = judge.judge_conservative(BY_ID["C9"], "book", found)
    # by hand: gaps 4, 5, 6 of 16; t with 2 degrees of freedom at 97.5 % is 4.3027
    half = 4.3027 * 1 / np.sqrt(3)
    assert result.estimate == pytest.approx(5 / 16)
    assert (result.low, result.high) == pytest.approx(((5 - half) / 16, (5 + half) / 16), rel=1e-4)
    assert result.n == 3  # trainings, not chains
    assert result.verdict == HOLDS
    assert "No energy 18 of 48, " not in result.note  # the order is that of the figures
    assert "Mixture 3 of 48, No energy 18 of 48" in result.note
    assert "per training: 5 and 1 of 16, 6 and 1 of 16, 7 and 1 of 16" in result.note


def test_one_training_of_three_that_loses_its_chains_resolves_nothing():
    """Forty chains more are lost, all by one network: over chains that would be beyond doubt."""
    found = simulated()
    lose(found, "No energy", (16, 0, 0))
    result = judge.judge_conservative(BY_ID["C9"], "book", found)
    assert judge.share_difference(16, 48, 0, 48).low > 0
    assert result.verdict == NOT_RESOLVED


def test_trainings_that_lose_equally_many_resolve_nothing():
    """Three equal counts have no spread, which is no proof that a fourth would be equal."""
    found = simulated()
    lose(found, "No energy", (3, 3, 3))
    result = judge.judge_conservative(BY_ID["C9"], "book", found)
    assert result.estimate == pytest.approx(3 / 16)
    assert (result.verdict, result.low, result.n) == (NOT_RESOLVED, None, 3)


def test_the_p_of_the_bonds_tests_their_threshold(reference):
    from scipy import stats

    found = simulated(**{NEAR: {"loose": 0.02}, FAR: {"loose": 0.03}})
    result = two_for_one(found, reference)
    logs = [
        np.log(a.bond / b.bond)
        for a, b in zip(
            *(
                [judge.score(judge.settled(run), reference) for run in found.of(label)]
                for label in (NEAR, "Both")
            ),
            strict=True,
        )
    ]
    assert result.p == pytest.approx(stats.ttest_1samp(logs, np.log(5)).pvalue)


@pytest.mark.parametrize("lost", [0, 4])
def test_as_many_lost_with_an_energy_does_not_hold(lost):
    found = simulated(**{"No energy": {"lost": lost}, "Mixture": {"lost": lost}})
    result = judge.judge_conservative(BY_ID["C9"], "book", found)
    assert result.estimate == 0
    assert result.verdict == NOT_RESOLVED
    assert ("none" in result.note) == (lost == 0)


def test_the_interval_over_chains_covers_the_truth():
    """The note's interval, against what it promises: 95 % of draws with known shares."""
    rng = np.random.default_rng(0)
    truth, hits = 0.08 - 0.01, 0
    for _ in range(400):
        found = judge.share_difference(rng.binomial(384, 0.08), 384, rng.binomial(384, 0.01), 384)
        hits += found.low <= truth <= found.high
    assert 0.92 < hits / 400 < 0.99
