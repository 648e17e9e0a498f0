"""Verdicts on made-up runs: what must hold, what must not, and what does nothing."""

from __future__ import annotations

import numpy as np
import pytest

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED, Criterion
from companion.consistent_diffusion import molecule_judge as judge
from companion.consistent_diffusion.claims import BY_ID, MODES_KEPT
from companion.consistent_diffusion.molecule_run import Simulated
from companion.consistent_diffusion.molecule_scores import reference_of
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


def test_lost_chains_are_counted_and_named():
    found = simulated(**{"No energy": {"lost": 3, "hot": 2}, "Mixture": {"hot": 1}})
    result = judge.judge_conservative(BY_ID["C9"], "book", found)
    assert result.estimate == pytest.approx(15 / 48 - 3 / 48)
    assert result.verdict == HOLDS
    assert "No energy 15 of 48, " not in result.note  # the order is that of the figures
    assert "Mixture 3 of 48, No energy 15 of 48" in result.note
    assert result.n == 96


@pytest.mark.parametrize("lost", [0, 4])
def test_as_many_lost_with_an_energy_does_not_hold(lost):
    found = simulated(**{"No energy": {"lost": lost}, "Mixture": {"lost": lost}})
    result = judge.judge_conservative(BY_ID["C9"], "book", found)
    assert result.estimate == 0
    assert result.verdict != HOLDS
    assert ("none" in result.note) == (lost == 0)


def test_the_interval_is_newcombe_s_by_hand():
    from companion.stats import proportion

    found = judge.share_difference(20, 50, 5, 40)
    a, b = proportion(20, 50), proportion(5, 40)
    gap = a.estimate - b.estimate
    assert found.estimate == pytest.approx(gap)
    low = gap - np.hypot(a.estimate - a.low, b.high - b.estimate)
    high = gap + np.hypot(a.high - a.estimate, b.estimate - b.low)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
