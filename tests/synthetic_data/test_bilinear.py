"""The batched model against autograd and finite differences; the world and the loop."""

import numpy as np
import pytest
import torch

from companion.scale import generator
from companion.synthetic_data.lab import bilinear, loop
from companion.synthetic_data.lab.bilinear import draw, keep, make_world
from companion.synthetic_data.lab.loop import Arm, run_arm
from companion.synthetic_data.method.calibration import sharpen

WORLD = make_world(0)


@pytest.fixture(scope="module")
def counts():
    return np.stack([draw(WORLD.truth, WORLD.weight, 1000, generator(i, "test")) for i in range(3)])


def test_one_batch_equals_one_fit_after_another(counts):
    together = bilinear.fit(counts, 4, [0, 1, 2], dtype=torch.float64)
    alone = [bilinear.fit_by_autograd(c, 4, i, torch.float64) for i, c in enumerate(counts)]
    assert np.abs(together - np.stack(alone)).max() < 1e-6
    single = bilinear.fit(counts, 4, [0, 1, 2])
    assert np.abs(single - together).max() < 1e-4
    again = np.concatenate([bilinear.fit(counts[i : i + 1], 4, [i]) for i in range(3)])
    assert np.abs(single - again).max() < 1e-6


def test_gradients_are_finite_differences(counts):
    shares = torch.tensor(counts[:1] / counts[0].sum())
    asked = shares.sum(-1, keepdim=True)
    p = bilinear.initial(shares, 3, [0], torch.float64)

    def loss(q):
        logits = q.u @ q.w.mT + q.b.unsqueeze(1)
        data = -(shares * torch.log_softmax(logits, -1)).sum()
        shrink = (q.u**2).sum() / q.u.shape[1] + (q.w**2).sum() / q.w.shape[1]
        return float(data + bilinear.PENALTY / 2 * shrink)

    found = bilinear.gradients(p, shares, asked)
    for name in ("u", "w", "b"):
        direction = torch.randn(
            getattr(p, name).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
        )
        step = 1e-5 * direction
        ends = [loss(p._replace(**{name: getattr(p, name) + sign * step})) for sign in (1, -1)]
        slope = float((getattr(found, name) * direction).sum())
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slope, rel=1e-4)


def test_training_approaches_the_frequencies_of_many_samples():
    much = 1e6 * WORLD.weight[:, None] * WORLD.truth
    law = bilinear.fit(much[None], 24, [0])[0]
    assert bilinear.measure(WORLD, law)["kl"] < 0.2
    assert bilinear.measure(WORLD, law)["em"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": [0]}, "one seed per model"),
        ({"rank": 0}, "at least 1"),
        ({"counts": np.zeros((3, 160, 40))}, "no data"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_impossible_fits(counts, change, words):
    arguments = {"counts": counts, "rank": 4, "seeds": [0, 1, 2], "steps": 5} | change
    with pytest.raises(ValueError, match=words):
        bilinear.fit(
            arguments.pop("counts"), arguments.pop("rank"), arguments.pop("seeds"), **arguments
        )


def test_the_world_is_what_it_says():
    assert WORLD.truth.sum(-1) == pytest.approx(np.ones(160))
    assert WORLD.weight.sum() == pytest.approx(1)
    assert (WORLD.truth.argmax(-1) == WORLD.right).all()
    assert WORLD.weight @ WORLD.truth.max(-1) == pytest.approx(0.71, abs=0.01)
    assert sorted(WORLD.facts[0]) == list(range(40))
    with pytest.raises(ValueError, match="noise"):
        make_world(0, noise=1.0)


def test_draws_and_subsets():
    rng = np.random.default_rng(0)
    counts = draw(WORLD.truth, WORLD.weight, 500, rng)
    assert counts.sum() == 500
    part = keep(counts, 200, rng)
    assert part.sum() == 200
    assert (part <= counts).all()
    many = draw(WORLD.truth, WORLD.weight, 400_000, rng) / 400_000
    assert np.abs(many - WORLD.weight[:, None] * WORLD.truth).max() < 3e-3


def test_metrics_of_the_truth_itself():
    found = bilinear.measure(WORLD, WORLD.truth)
    assert found["kl"] == pytest.approx(0, abs=1e-12)
    assert found["ece"] == pytest.approx(0, abs=1e-12)
    assert found["accuracy"] == pytest.approx(WORLD.weight @ WORLD.truth.max(-1))
    assert found["hops_4"] == found["em"] == found["tail"] == 1
    assert found["loss"] == pytest.approx(found["entropy"])


def test_chains_by_walking_every_start():
    rng = np.random.default_rng(1)
    greedy = np.where(rng.random(160) < 0.2, rng.integers(0, 40, 160), WORLD.right)
    for hops in (1, 2, 3, 4):
        good = 0
        for start in range(40):
            here, right = start, True
            for a in range(hops):
                right &= greedy[40 * a + here] == WORLD.facts[a, here]
                here = greedy[40 * a + here]
            good += right
        assert bilinear.chain(WORLD, greedy, hops) == pytest.approx(good / 40)


def run(arm, shares=(0.0, 0.5), **options):
    chosen = {"rank": 8, "seeds": (0, 1), "n_samples": 1000, "generations": 2} | options
    return run_arm(WORLD, arm, shares=shares, **chosen)


def test_without_synthetic_data_fixed_real_data_give_the_same_model():
    runs = run(Arm("fixed", 0.7))
    for values in runs.metrics.values():
        assert (values[1:, 0] == values[0, 0]).all()


def test_an_arm_does_not_depend_on_the_others_beside_it():
    wide, narrow = run(Arm("fixed", 1.0), (0.0, 0.2, 0.5)), run(Arm("fixed", 1.0), (0.5,))
    assert wide.at("kl", 0.5) == pytest.approx(narrow.at("kl", 0.5), rel=1e-4)


def test_the_negative_control_and_what_it_controls():
    settings = {"seeds": range(4), "rank": 24, "n_samples": 4000, "generations": 1}
    truth, own = (run(Arm("fixed", 0.0, source), **settings) for source in ("truth", "model"))
    assert truth.at("kl", 0.5).mean() < 1.08 * truth.at("kl", 0.0).mean()
    assert own.at("over", 0.5).mean() > own.at("over", 0.0).mean() + 0.1


def test_controls_train_on_the_real_part_alone():
    arm = Arm("fixed", source="none")
    runs = run(arm)
    first = draw(WORLD.truth, WORLD.weight, 1000, generator(0, "real"))
    part = keep(first, 500, generator(0, "kept", "0.5000"))
    law = bilinear.fit(part[None], 8, [0])[0]
    assert runs.at("kl", 0.5)[0] == pytest.approx(bilinear.measure(WORLD, law)["kl"], rel=1e-4)
    with pytest.raises(ValueError, match="leave out"):
        run(arm, (0.0, 1.0))


def test_the_second_generation_learns_from_the_first():
    """Both generations by hand, from the draws' own names."""
    runs = run(Arm("fixed", 0.7), (0.5,), seeds=(0,))
    first = draw(WORLD.truth, WORLD.weight, 1000, generator(0, "real"))
    part = keep(first, 500, generator(0, "kept", "0.5000"))
    law = bilinear.fit(first[None], 8, [0])[0]
    for k in (1, 2):
        written = draw(sharpen(law, 0.7), WORLD.weight, 500, generator(0, "synthetic", k, "0.5000"))
        law = bilinear.fit((part + written)[None], 8, [0])[0]
        expected = bilinear.measure(WORLD, law)["kl"]
        assert runs.at("kl", 0.5, k)[0] == pytest.approx(expected, rel=1e-4)


def test_a_perfect_verifier_lets_nothing_wrong_through():
    law = np.full((160, 40), 1 / 40)
    assert (loop.verified(WORLD, law, 0.0)[np.arange(160), WORLD.right] == 1).all()
    assert loop.verified(WORLD, law, 1.0) == pytest.approx(law)


@pytest.mark.parametrize(
    "options", [{"real": "old"}, {"source": "web"}, {"temperature": -1.0}, {"verifier": 2.0}]
)
def test_impossible_arms(options):
    with pytest.raises(ValueError, match="got"):
        Arm(**options)


def test_impossible_mixing_ratios():
    with pytest.raises(ValueError, match="mixing ratios"):
        run(Arm(), (0.0, 1.2))
    with pytest.raises(ValueError, match="was not run"):
        run(Arm()).at("kl", 0.3)
