"""Networks, training, directions, twins, autoencoders, the simulation: against other ways."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from companion.next_token_concepts.lab import dictionaries, learning, measurements, run, sweeps
from companion.next_token_concepts.lab.learning import BagPerceptron, Transformer
from companion.next_token_concepts.method import autoencoders as ae
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method import world as wd
from companion.next_token_concepts.settings import TOY
from companion.training import TrainingDiverged


@pytest.fixture
def world():
    return wd.make_world(np.random.default_rng(1), 0.01)


def test_the_transformer_looks_back_only_and_has_no_bias(world):
    torch.manual_seed(0)
    model = Transformer(world, d=16)
    words = torch.from_numpy(world.sample(4, 6, np.random.default_rng(0)).words)
    tokens = model.tokens(words)
    assert tokens[:, 0].unique().tolist() == [model.bos]
    assert tokens[:, -1].unique().tolist() == [model.ask]
    changed = tokens.clone()
    changed[:, 4] = (changed[:, 4] + 1) % world.n_words
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert (before[:, 4:] - after[:, 4:]).abs().max() > 1e-4
    f = model.states(words)[-1]
    torch.testing.assert_close(model.name_logits(f), before[:, -1, world.n_words : model.bos])
    assert model.unembedding.bias is None


def test_attention_is_that_of_explicit_softmax(world):
    torch.manual_seed(0)
    block = Transformer(world, d=16).blocks[0]
    h = torch.randn(2, 5, 16)
    q, k, v = block.qkv(block.norm_1(h)).split(16, dim=-1)
    heads = []
    for i in range(4):
        part = slice(4 * i, 4 * i + 4)
        scores = q[..., part] @ k[..., part].mT / 2
        mask = torch.ones(5, 5).triu(1).bool()
        heads.append(scores.masked_fill(mask, -torch.inf).softmax(-1) @ v[..., part])
    mixed = h + block.out(torch.cat(heads, -1))
    expected = mixed + block.down(torch.nn.functional.gelu(block.up(block.norm_2(mixed))))
    torch.testing.assert_close(block(h), expected, rtol=1e-4, atol=1e-5)


def test_a_perceptron_cannot_see_order(world):
    model = BagPerceptron(world, d=8)
    words = torch.from_numpy(world.sample(6, 7, np.random.default_rng(0)).words)
    counts = torch.from_numpy(world.counts(words.numpy())).float() / 4
    torch.testing.assert_close(model.features(words), counts)
    torch.testing.assert_close(model.states(words)[-1], model.states(words.flip(1))[-1])
    torch.testing.assert_close(model.name_logits(model.states(words)[-1]), model(counts))


def test_a_short_training_finds_the_log_posterior_and_an_untrained_network_does_not():
    plan = learning.Plan(0.01, 0, "exact", 400, 16, "perceptron")
    run = learning.train_and_evaluate(plan, 12, 2048)
    assert run.excess < 0.05
    assert run.enc["LM"] > 0.95 > run.enc["P"] + 0.02
    assert run.enc_untrained["LM"] < 0.5
    assert run.curve_r2 > 0.95
    assert run.dec["f"][[0, 3]].mean() - run.dec["counts"][[0, 3]].mean() > 0.3
    assert 0.8 < run.twins.slope < 1.15
    again = learning.train_and_evaluate(plan, 12, 2048)
    assert again.enc == run.enc


def test_a_few_steps_of_the_transformer_lower_its_loss(world):
    for targets in learning.TARGETS:
        plan = learning.Plan(0.01, 0, targets, 30, 16)
        model, untrained, losses = learning.train_transformer(world, plan)
        assert losses[-5:].mean() < losses[:5].mean()
        assert not torch.equal(model.unembedding.weight, untrained.unembedding.weight)
    run = learning.train_and_evaluate(learning.Plan(0.3, 0, "exact", 2, 16), 12, 256)
    assert list(run.dec) == ["counts", "untrained", "layer 0", "layer 1", "layer 2", "f"]
    assert run.excess > 0.1


def test_exact_targets_are_the_mean_of_sampled_ones(world):
    contexts = world.sample(1, 4, np.random.default_rng(0))
    words = np.repeat(contexts.words, 20_000, 0)
    rng = np.random.default_rng(1)
    posterior = np.exp(world.log_posterior(contexts.words))[0]
    labels = rng.choice(16, size=20_000, p=posterior)
    sampled = learning.name_targets(world, words, labels, "sampled", rng).mean(0)
    exact = learning.name_targets(world, words[:1], labels[:1], "exact", rng)[0]
    torch.testing.assert_close(sampled, exact, atol=0.015, rtol=0)


def test_training_errors(world):
    with pytest.raises(ValueError, match="unknown targets"):
        learning.name_targets(
            world, np.zeros((1, 2), int), np.zeros(1, int), "guess", np.random.default_rng(0)
        )
    weight = torch.nn.Linear(1, 1)
    with pytest.raises(TrainingDiverged, match="step 0, seed 7"):
        learning.fit(weight, lambda step: weight.weight.sum() * torch.nan, 3, 7)


def test_the_rate_falls_to_zero_over_the_last_half():
    assert learning.rate(0, 100) == learning.rate(50, 100) == learning.LR
    assert learning.rate(75, 100) == pytest.approx(learning.LR / 2)


def test_probe_against_a_general_optimizer():
    rng = np.random.default_rng(0)
    pairs = dr.Pairs(rng.normal(size=(30, 5)), rng.normal(size=(30, 5)) + np.eye(5)[0])
    x = np.concatenate(pairs)
    sign = np.repeat([-1.0, 1.0], 30)

    def loss(w, c=0.5):
        return 0.5 * w[:5] @ w[:5] + c * np.log1p(np.exp(-sign * (x @ w[:5] + w[5]))).sum()

    best = minimize(loss, np.zeros(6), tol=1e-10).x[:5]
    np.testing.assert_allclose(measurements.probe(pairs, 0.5), dr.unit(best), atol=1e-3)


def test_same_pairs_agree_on_pure_noise_and_disjoint_ones_do_not():
    pairs = dr.isotropic([50] * 8, 256, np.random.default_rng(0))
    same = np.diag(measurements.cosines(pairs, measurements.PAPER_C, held_out=False))
    held = np.diag(measurements.cosines(pairs, measurements.PAPER_C, held_out=True))
    assert same.min() > 0.95
    assert abs(held.mean()) < 0.1
    assert (
        abs(
            np.diag(
                measurements.permuted(pairs, measurements.PAPER_C, np.random.default_rng(1))
            ).mean()
        )
        < 0.2
    )


def test_a_planted_direction_is_found_by_both_halves():
    rng = np.random.default_rng(0)
    pairs = [
        dr.Pairs(p.zero, p.one + 4 * np.eye(64)[i])
        for i, p in enumerate(dr.isotropic([40] * 3, 64, rng))
    ]
    assert np.diag(measurements.cosines(pairs, 1e-4, held_out=True)).min() > 0.5
    shuffled = dr.repaired(pairs, rng)
    np.testing.assert_allclose(dr.direction(pairs[0]), dr.direction(shuffled[0]))


def test_matched_noise_has_the_covariance_and_no_concept():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 6))
    pairs = [dr.Pairs(rng.normal(size=(2000, 6)) @ mix, rng.normal(size=(2000, 6)) @ mix + 1)]
    noise = dr.matched(pairs, rng)[0]
    every, own = np.concatenate(pairs[0]), np.concatenate(noise)
    scale = np.abs(np.cov(every.T)).max()
    np.testing.assert_allclose(np.cov(own.T), np.cov(every.T), atol=0.12 * scale)
    draws = measurements.matched_diagonal(pairs, 1.0, rng, draws=30)
    assert draws.shape == (30, 1)
    assert abs(draws.mean()) < 0.4


def test_frobenius_by_hand():
    a = np.eye(3)[:2]
    assert dr.frobenius(a, a) == pytest.approx(0)
    assert dr.frobenius(a, -a) == pytest.approx(np.linalg.norm(2 * np.diag([1, 1, 0])))
    assert dr.off_diagonal(np.arange(4).reshape(2, 2)).tolist() == [1, 2]


def test_a_twin_flips_what_speaks_of_the_concept_and_nothing_else(world):
    words = np.arange(world.n_words)[None]
    for k in range(4):
        other = measurements.twin(world, words, k)
        np.testing.assert_array_equal(measurements.twin(world, other, k), words)
        flip = world.configs.copy()
        flip[:, k] ^= 1
        flipped = [int(i) for i in flip @ [8, 4, 2, 1]]
        # the twin is as probable under the flipped configuration as the word was before
        np.testing.assert_allclose(world.words[:, other[0]], world.words[flipped])


def test_sides_are_sorted_and_exact_log_odds_pass_the_scale_aware_test(world):
    contexts = world.sample(50, 12, np.random.default_rng(0))
    zero, one = measurements.sided(world, contexts.words, contexts.labels, 1)
    lam = [theory.log_odds(world.log_posterior(w), world.configs)[:, 1] for w in (zero, one)]
    assert (lam[1] - lam[0]).mean() > 1
    found = measurements.measure(
        world,
        lambda w: theory.log_odds(world.log_posterior(w), world.configs),
        12,
        np.random.default_rng(1),
    )
    assert 0.85 < found.slope < 1.15
    assert found.r2 > 0.97


def test_top_k_keeps_the_largest():
    x = torch.tensor([[3.0, 1.0, 2.0, 0.0], [0.0, 5.0, 4.0, 1.0]])
    assert ae.keep_largest(x, 2).tolist() == [[3, 0, 2, 0], [0, 5, 4, 0]]
    torch.manual_seed(0)
    model = ae.Autoencoder("batch top-k", 2, 6, 20)
    assert (model.sparse(torch.randn(8, 6)) > 0).sum() <= 16
    with pytest.raises(ValueError, match="unknown autoencoder"):
        ae.Autoencoder("gated", 2, 6, 20)


def test_the_nuclear_norm_of_a_batch_by_its_thin_factor():
    torch.manual_seed(0)
    batch, dense = torch.randn(40, 5).double(), torch.nn.Linear(5, 30).double()
    full = torch.linalg.svdvals(dense(batch)).sum()
    torch.testing.assert_close(ae.nuclear_norm(dictionaries._thin(batch, dense)), full)


def test_annealing_keeps_the_penalty_when_p_falls():
    s = torch.rand(16, 10).double() * 3
    annealing = ae.Annealing(0.1, 100)
    before = 0.1 * float(ae.norm_p(s, 1.0))
    assert annealing.at(10, s) == 1.0
    assert annealing.at(60, s) < 1.0
    assert annealing.weight * float(ae.norm_p(s, annealing.p)) == pytest.approx(before)
    assert annealing.at(99, s) == pytest.approx(0.1)


def test_correlations_against_numpy_and_features_chosen_apart():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    np.testing.assert_allclose(ae.correlations(a, b), np.corrcoef(a.T, b.T)[:3, 3:])
    many = rng.normal(size=(200, 2000))
    assert ae.best_feature(many, rng.normal(size=(200, 1)))[0] < 0.3
    assert ae.best_feature(
        np.column_stack([many, b[:, :1].repeat(4, 0)[:200]]), b[:, :1].repeat(4, 0)[:200]
    )[0] == pytest.approx(1)


@pytest.mark.parametrize("kind", ae.KINDS)
def test_every_autoencoder_reconstructs_sparse_sources(kind):
    rng = np.random.default_rng(0)
    sources = rng.exponential(size=(3000, 12)) * (rng.random((3000, 12)) < 0.15)
    x = sources @ rng.normal(size=(12, 8))
    x = (x - x.mean(0)) / x.std()
    found = dictionaries.score(
        kind, ae.LEVELS[kind][-1], 0, x[:2000], x[2000:], sources[2000:, :3], 24, 250
    )
    assert found.mse < 0.5
    assert 0 < found.active <= 24


def test_scores_at_equal_error_are_interpolated():
    points = [
        dictionaries.Score("top-k", 1, 0, mse, 1, r, r, r) for mse, r in ((0.1, 0.9), (0.4, 0.5))
    ]
    assert dictionaries.at_error(points, 0.2) == pytest.approx(0.7)
    assert np.isnan(dictionaries.at_error(points, 0.9))


def test_bits_are_balanced_and_their_posterior_is_plain_bayes():
    rng = np.random.default_rng(0)
    table = sweeps.bit_table(3, 7, rng)
    assert (table.mean(0) == 0.5).all()
    prior = wd.random_prior(3, 1, rng)
    bits = rng.integers(0, 2, (6, 7))
    for row, found in zip(bits, sweeps.log_posterior(bits, table, prior), strict=True):
        likelihood = np.where(row == table, 1 - sweeps.FLIP, sweeps.FLIP).prod(1)
        weights = prior * likelihood
        np.testing.assert_allclose(np.exp(found), weights / weights.sum())


def test_the_probe_of_the_simulation_nears_its_ceiling():
    row = sweeps.run_one(5, 1, 8, 0, 400, 2000)
    assert row["raw"] < row["probe"] <= row["bayes"] + 0.02
    assert row["bayes"] - row["probe"] < 0.06
    assert np.isnan(sweeps.run_one(5, 1, 2, 0, 0, 400)["probe"])
    labels = (np.arange(40) // 2 % 2)[:, None].repeat(2, 1)
    assert sweeps.accuracy(labels[:, :1].astype(float), labels) == 1


def test_trained_logits_come_near_exact_ones_where_an_assumption_is_broken():
    found = sweeps.broken_of(0, 512, 150)
    assert found.merged["trained"].notna().all()
    assert (found.unnamed.set_index("named").loc[True, "trained"]) > 0.6
    points = sweeps.trained_lengths(0, 256, 150)
    assert points["length"].tolist() == [4, 12, 24]
    assert points["no_fit"].iloc[0] > points["no_fit"].iloc[-1]


def test_results_do_not_depend_on_how_many_run_at_once():
    settings = replace(
        TOY, sim_m=(5,), sim_edges=(1,), sim_bits=(2, 4), sim_seeds=1, sim_steps=5, contexts=600
    )
    one, two = (run.simulate(replace(settings, n_jobs=n), 0, progress=False) for n in (1, 2))
    assert one.equals(two)


@pytest.mark.bench
def test_the_thin_nuclear_norm_is_not_slower_than_the_full_one():
    from time import perf_counter

    torch.manual_seed(0)
    batch, dense = torch.randn(256, 32), torch.nn.Linear(32, 128)

    def best(function):
        times = []
        for _ in range(5):
            start = perf_counter()
            function()
            times.append(perf_counter() - start)
        return min(times)

    thin = best(lambda: ae.nuclear_norm(dictionaries._thin(batch, dense)))
    full = best(lambda: torch.linalg.svdvals(dense(batch)))
    assert thin < full


def test_logistic_regression_is_the_mean_difference_when_the_penalty_is_strong():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 40)), np.repeat([0, 1], 30)
    weights = LogisticRegression(C=1e-4).fit(x, y).coef_[0]
    expected = 1e-4 * ((y - 0.5) @ x)
    np.testing.assert_allclose(weights, expected, rtol=0.02, atol=1e-5)
