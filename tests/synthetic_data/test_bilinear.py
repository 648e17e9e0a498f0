"""The batched model against autograd and finite differences; the penalty; the world."""

import numpy as np
import pytest
import torch

from companion.scale import generator
from companion.synthetic_data.lab import bilinear
from companion.synthetic_data.lab.loop import chain, draw, keep, make_world, measure

WORLD = make_world(0)


@pytest.fixture(scope="module")
def counts():
    return np.stack([draw(WORLD.truth, WORLD.weight, 1000, generator(i, "test")) for i in range(3)])


def by_autograd(counts, rank, seed, penalty):
    """The same training of one model as one would write it: autograd and ``torch.optim``."""
    shares = torch.as_tensor(counts / counts.sum())[None]
    p = [x[0].requires_grad_() for x in bilinear.initial(shares, rank, [seed], torch.float64)]
    u, w, b = p
    optimizer = torch.optim.Adam(p, lr=bilinear.RATE, betas=bilinear.BETAS, eps=bilinear.EPSILON)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, bilinear.STEPS)
    for _ in range(bilinear.STEPS):
        optimizer.zero_grad()
        loss = -(shares[0] * torch.log_softmax(u @ w.T + b, -1)).sum()
        norms = (u**2).sum() / len(u) + (w**2).sum() / len(w)
        (loss + penalty / 2 * norms).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return torch.softmax(u @ w.T + b, -1).numpy()


def test_one_batch_equals_one_fit_after_another(counts):
    penalties = [0.02, 0.08, 0.32]
    together = bilinear.fit(counts, 4, [0, 1, 2], penalties, torch.float64)
    alone = [by_autograd(c, 4, i, penalties[i]) for i, c in enumerate(counts)]
    assert np.abs(together - np.stack(alone)).max() < 1e-6
    single = bilinear.fit(counts, 4, [0, 1, 2], penalties)
    assert np.abs(single - together).max() < 1e-4
    again = np.concatenate(
        [bilinear.fit(counts[i : i + 1], 4, [i], penalties[i : i + 1]) for i in range(3)]
    )
    assert np.abs(single - again).max() < 1e-6


def test_gradients_are_finite_differences(counts):
    shares = torch.tensor(counts[:1] / counts[0].sum())
    asked = shares.sum(-1, keepdim=True)
    penalty = torch.tensor([[[0.3]]], dtype=torch.float64)
    p = bilinear.initial(shares, 3, [0], torch.float64)

    def loss(q):
        logits = q.u @ q.w.mT + q.b.unsqueeze(1)
        fit = -(shares * torch.log_softmax(logits, -1)).sum()
        shrink = (q.u**2).sum() / q.u.shape[1] + (q.w**2).sum() / q.w.shape[1]
        return float(fit + 0.3 / 2 * shrink)

    found = bilinear.gradients(p, shares, asked, penalty)
    for name in ("u", "w", "b"):
        direction = torch.randn(
            getattr(p, name).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
        )
        step = 1e-5 * direction
        ends = [loss(p._replace(**{name: getattr(p, name) + sign * step})) for sign in (1, -1)]
        slope = float((getattr(found, name) * direction).sum())
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slope, rel=1e-4)


def test_the_penalty_is_the_best_of_all_on_held_out_samples(counts):
    held_out = np.stack(
        [draw(WORLD.truth, WORLD.weight, 250, generator(i, "other")) for i in range(3)]
    )
    laws, chosen = bilinear.fit_chosen(counts, 4, [0, 1, 2], held_out)
    for i in range(3):
        losses = {}
        for penalty in bilinear.PENALTIES:
            law = bilinear.fit(counts[i : i + 1], 4, [i], [penalty])[0]
            losses[penalty] = -(held_out[i] * np.log(law)).sum()
            if penalty == chosen[i]:
                assert np.abs(law - laws[i]).max() < 1e-5
        assert chosen[i] == min(losses, key=losses.get)


def test_fewer_data_choose_a_larger_penalty():
    def penalties(n):
        tables = [draw(WORLD.truth, WORLD.weight, n, generator(i, "few", n)) for i in range(3)]
        held = [draw(WORLD.truth, WORLD.weight, 1000, generator(i, "held")) for i in range(3)]
        return bilinear.fit_chosen(np.stack(tables), 8, [0, 1, 2], np.stack(held))[1]

    assert penalties(800).mean() > 1.5 * penalties(8000).mean()


def test_training_approaches_the_frequencies_of_many_samples():
    much = 1e6 * WORLD.weight[:, None] * WORLD.truth
    law = bilinear.fit(much[None], 24, [0], [1e-3])[0]
    assert measure(WORLD, law)["kl"] < 0.2
    assert measure(WORLD, law)["em"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": [0]}, "one seed and one penalty"),
        ({"penalties": [0.1]}, "one seed and one penalty"),
        ({"rank": 0}, "at least 1"),
        ({"counts": np.zeros((3, 160, 40))}, "no data"),
    ],
)
def test_impossible_fits(counts, change, words):
    given = {"counts": counts, "rank": 4, "seeds": [0, 1, 2], "penalties": [0.1] * 3} | change
    with pytest.raises(ValueError, match=words):
        bilinear.fit(**given)


def test_the_world_is_what_it_says():
    assert WORLD.truth.sum(-1) == pytest.approx(np.ones(160))
    assert WORLD.weight.sum() == pytest.approx(1)
    assert (WORLD.truth.argmax(-1) == WORLD.right).all()
    assert WORLD.weight @ WORLD.truth.max(-1) == pytest.approx(0.71, abs=0.01)
    assert sorted(WORLD.facts[0]) == list(range(40))
    assert (make_world(1).facts != WORLD.facts).any()
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
    found = measure(WORLD, WORLD.truth)
    assert found["kl"] == pytest.approx(0, abs=1e-12)
    assert found["ece"] == pytest.approx(0, abs=1e-12)
    assert found["regret"] == pytest.approx(0, abs=1e-12)
    assert found["accuracy"] == pytest.approx(WORLD.weight @ WORLD.truth.max(-1))
    assert found["hops_4"] == found["em"] == found["facts"] == 1


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
        assert chain(WORLD, greedy, hops) == pytest.approx(good / 40)
