"""The loop, generation by generation and arm by arm, from the draws' own names."""

import numpy as np
import pytest

from companion.scale import generator
from companion.synthetic_data.lab import bilinear
from companion.synthetic_data.lab.loop import Arm, draw, keep, make_world, measure, run_arm
from companion.synthetic_data.method.calibration import fit_temperature, sharpen

TWO = (0.05, 0.2)
"""A grid of two is quicker than one of seven, and chooses as well."""


def run(arm, shares=(0.0, 0.5), **options):
    chosen = {"rank": 4, "seeds": (0, 1), "n_samples": 1000, "generations": 2} | options
    return run_arm(arm, shares=shares, penalties=TWO, **chosen)


def real(seed, stream, n):
    world = make_world(seed)
    return draw(world.truth, world.weight, n, generator(seed, stream))


def test_without_synthetic_data_fixed_real_data_are_the_first_model():
    for kept in ("fixed", "accumulate", "subsample", "real only"):
        runs = run(Arm(kept, 0.7))
        for values in runs.metrics.values():
            assert (values[1:, 0] == values[0, 0]).all()
            assert (values[0, 0] == values[0, 1]).all()


def test_an_arm_does_not_depend_on_the_others_beside_it():
    wide, narrow = run(Arm(), (0.0, 0.2, 0.5)), run(Arm(), (0.5,))
    assert wide.at("kl", 0.5) == pytest.approx(narrow.at("kl", 0.5), rel=1e-4)
    assert run(Arm(), (0.5,), seeds=(1,)).at("kl", 0.5)[0] == pytest.approx(
        wide.at("kl", 0.5)[1], rel=1e-4
    )


@pytest.mark.parametrize("kept", ["fixed", "fresh", "accumulate", "subsample"])
def test_every_generation_learns_from_the_one_before(kept):
    """Two generations by hand."""
    runs = run(Arm(kept, 0.7), (0.5,), seeds=(0,))
    world, first, held = make_world(0), real(0, "real", 1000), real(0, "penalty", 250)

    def fitted(table):
        laws, chosen = bilinear.fit_chosen(table[None], 4, [0], held[None], TWO)
        return laws[0], chosen[0]

    (law, _), pool = fitted(first), first
    for k in (1, 2):
        rng = generator(0, "synthetic", k, "0.5000")
        written = draw(sharpen(law, 0.7), world.weight, 500, rng)
        pool = pool + written
        if kept == "fixed":
            table = keep(first, 500, generator(0, "kept", "0.5000")) + written
        elif kept == "fresh":
            table = draw(world.truth, world.weight, 500, generator(0, "fresh", k, "0.5000"))
            table = table + written
        elif kept == "accumulate":
            table = pool
            assert table.sum() == 1000 + 500 * k
        else:
            table = keep(pool, 1000, generator(0, "subset", k, "0.5000"))
        law, chosen = fitted(table)
        assert runs.at("kl", 0.5, k)[0] == pytest.approx(measure(world, law)["kl"], rel=1e-3)
        assert runs.penalty[k, 0, 0] == chosen
    scalar = fit_temperature(law[None], real(0, "held out", 250)[None])[0]
    expected = measure(world, sharpen(law, scalar))["ece"]
    assert runs.scaled["ece"][0, 0] == pytest.approx(expected, rel=1e-2)


def test_the_control_trains_on_the_real_part_alone():
    runs = run(Arm("real only"))
    part = keep(real(0, "real", 1000), 500, generator(0, "kept", "0.5000"))
    law = bilinear.fit_chosen(part[None], 4, [0], real(0, "penalty", 250)[None], TWO)[0][0]
    for k in (1, 2):
        assert runs.at("kl", 0.5, k)[0] == pytest.approx(
            measure(make_world(0), law)["kl"], rel=1e-3
        )
    with pytest.raises(ValueError, match="leave out"):
        run(Arm("real only"), (0.0, 1.0))


def test_the_negative_control_and_what_it_controls():
    options = {"seeds": range(4), "rank": 8, "n_samples": 4000, "generations": 1}
    truth, own = (run(Arm(temperature=0.0, by_truth=by), **options) for by in (True, False))
    assert truth.at("kl", 0.5).mean() < 1.15 * truth.at("kl", 0.0).mean()
    assert own.at("over", 0.5).mean() > own.at("over", 0.0).mean() + 0.1


def test_changes_are_against_generation_0():
    runs = run(Arm("fresh"))
    for name, sign in (("accuracy", -1), ("kl", 1)):
        start = runs.metrics[name][0, 0]
        assert runs.rise(name, 0.5) == pytest.approx(runs.at(name, 0.5) - start)
        expected = -sign * runs.relative_loss(name, 0.5) * start
        assert sign * runs.rise(name, 0.5) == pytest.approx(expected)


def test_penalties_at_the_ends_are_counted():
    runs = run(Arm(), (0.5,))
    assert runs.on_grid(0.5) == (6, 6)  # two generations and the first, two seeds
    runs.penalty[1, 0] = bilinear.PENALTIES[-1], bilinear.PENALTIES[0]
    assert runs.on_grid(0.5) == (6, 4)
    assert run(Arm("real only"), (0.5,)).on_grid(0.5) == (4, 4)  # trained once


@pytest.mark.parametrize("options", [{"kept": "old"}, {"temperature": -1.0}])
def test_impossible_arms(options):
    with pytest.raises(ValueError, match="got"):
        Arm(**options)


def test_impossible_mixing_ratios():
    with pytest.raises(ValueError, match="mixing ratios"):
        run(Arm(), (0.0, 1.2))
    with pytest.raises(ValueError, match="was not run"):
        run(Arm(), (0.0,)).at("kl", 0.3)


def test_shapes():
    runs = run(Arm(), (0.0, 0.2, 0.5))
    assert runs.metrics["kl"].shape == runs.penalty.shape == (3, 3, 2)
    assert runs.scaled["ece"].shape == (3, 2)
    assert np.isfinite(runs.metrics["kl"]).all()
