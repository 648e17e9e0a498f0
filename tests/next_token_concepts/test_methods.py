"""Networks, training, directions, twins, autoencoders, the simulation: against other ways."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from companion.next_token_concepts.lab import dictionaries, learning, measurements, run, worlds
from companion.next_token_concepts.lab.learning import BagPerceptron, Transformer
from companion.next_token_concepts.method import autoencoders as ae
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method import world as wd
from companion.next_token_concepts.settings import PRESETS
from companion.next_token_concepts.sources import PAPER_C
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
    for i in range(2):
        part = slice(8 * i, 8 * i + 8)
        scores = q[..., part] @ k[..., part].mT / 8**0.5
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
    plan = learning.Plan(0.01, 0, 400, 16, "perceptron")
    one = learning.train_and_measure(plan, 12, 2048, twins=True)
    assert one.excess == one.course[-1, 1] < 0.05 < one.course[0, 1]
    assert one.course[-1, 0] == 400
    assert one.logits["LM"] > 0.95 > one.logits["P"] + 0.02
    assert one.untrained["LM"] < 0.5
    assert one.curve_r2 > 0.95
    assert one.dec["f"][[0, 3]].mean() - one.dec["counts"][[0, 3]].mean() > 0.3
    assert 0.8 < one.twins.slope < 1.15
    few = plan._replace(steps=40)
    first, again = (learning.train_and_measure(few, 12, 512, twins=t) for t in (True, False))
    assert again.logits == first.logits
    assert again.twins is None


def test_the_plain_loss_is_the_mean_surprise_of_all_tokens_alike(world):
    """Token by token, each with logits from the tokens before it, over all of the vocabulary."""
    torch.manual_seed(0)
    model = Transformer(world, d=16)
    tokens = learning.sentences(model, world, 3, 5, np.random.default_rng(0))
    assert tokens.shape == (3, 8)
    assert (tokens[:, 0] == model.bos).all()
    assert (tokens[:, 6] == model.ask).all()
    assert ((tokens[:, 7] >= world.n_words) & (tokens[:, 7] < model.bos)).all()
    assert (tokens[:, 1:6] < world.n_words).all()
    surprise = []
    with torch.no_grad():
        for sentence in tokens:
            for t in range(1, 8):
                p = model(sentence[None, :t])[0, -1].softmax(-1)
                surprise.append(-float(p[sentence[t]].log()))
        loss = learning.plain_loss(model, tokens).item()
    assert loss == pytest.approx(np.mean(surprise), rel=1e-5)


def test_a_few_steps_of_plain_prediction_lower_its_loss(world):
    model, loss_at = learning.plain_transformer(world, learning.Plan(0.01, 0, 30, 16))
    losses = []

    def kept(step):
        losses.append(loss_at(step))
        return losses[-1]

    learning.fit(model, kept, 30)
    assert sum(losses[-5:]) < sum(losses[:5])
    one = learning.train_and_measure(learning.Plan(0.01, 0, 2, 16), 12, 256)
    assert list(one.dec) == ["counts", "untrained", "layer 0", "layer 1", "f"]
    assert one.excess > 0.1


def test_sampled_names_are_p_of_y_given_x_on_average(world):
    """What plain prediction samples has the distribution that perceptrons are given."""
    contexts = world.sample(1, 4, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    log_p = world.log_posterior(contexts.words)
    labels = rng.choice(16, size=20_000, p=np.exp(log_p)[0])
    found = np.bincount(world.sample_names(labels, rng), minlength=8) / 20_000
    np.testing.assert_allclose(found, np.exp(theory.log_predict(log_p, world.names))[0], atol=0.015)


def test_training_stops_where_the_loss_is_not_finite_and_is_looked_at_on_the_way():
    weight = torch.nn.Linear(1, 1)
    with pytest.raises(TrainingDiverged, match="step 0, seed 7"):
        learning.fit(weight, lambda step: weight.weight.sum() * torch.nan, 3, 7)
    seen = []
    learning.fit(weight, lambda step: weight.weight.square().sum(), 16, watch=seen.append)
    assert seen == learning.stops(16) == [1, 2, 4, 8, 16]
    assert len(learning.stops(8000)) == learning.STOPS


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
    same = np.diag(measurements.cosines(pairs, pairs, PAPER_C))
    held = np.diag(measurements.cosines(*measurements.alternate(pairs), PAPER_C))
    assert same.min() > 0.95
    assert abs(held.mean()) < 0.1
    assert abs(measurements.permuted(pairs, PAPER_C, np.random.default_rng(1)).mean()) < 0.2


def test_a_planted_direction_is_found_by_both_halves():
    rng = np.random.default_rng(0)
    pairs = [
        dr.Pairs(p.zero, p.one + 4 * np.eye(64)[i])
        for i, p in enumerate(dr.isotropic([40] * 3, 64, rng))
    ]
    halves = measurements.alternate(pairs)
    assert np.diag(measurements.cosines(*halves, 1e-4)).min() > 0.5
    for half, start in zip(halves, (0, 1), strict=True):
        np.testing.assert_array_equal(half[0].one, pairs[0].one[start::2])


def test_matched_noise_has_the_covariance_and_no_concept():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 6))
    pairs = [dr.Pairs(rng.normal(size=(2000, 6)) @ mix, rng.normal(size=(2000, 6)) @ mix + 1)]
    noise = dr.matched(pairs, rng)[0]
    every, own = np.concatenate(pairs[0]), np.concatenate(noise)
    scale = np.abs(np.cov(every.T)).max()
    np.testing.assert_allclose(np.cov(own.T), np.cov(every.T), atol=0.12 * scale)
    few = [dr.Pairs(pairs[0].zero[:200], pairs[0].one[:200])]  # each draw trains two probes
    mean = measurements.matched_diagonal(*measurements.alternate(few), 1.0, rng, draws=30)
    assert mean.shape == (1,)
    assert abs(mean[0]) < 0.4


def test_frobenius_by_hand():
    a = np.eye(3)[:2]
    assert dr.frobenius(a, a) == pytest.approx(0)
    assert dr.frobenius(a, -a) == pytest.approx(np.linalg.norm(2 * np.diag([1, 1, 0])))


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
    found = measurements.measure_twins(
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
    sizes = torch.rand(30).double() + 0.5
    full = torch.linalg.svdvals(dense(batch) * sizes).sum()
    torch.testing.assert_close(ae.nuclear_norm(dictionaries._thin(batch, dense, sizes)), full)


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


def cache_of(x, targets):
    """Activations with the log odds that a concept of each target would have."""
    return dictionaries.Cache(0, x[:2000], x[2000:], targets[2000:], 0.9, 0.01)


@pytest.mark.parametrize("kind", ae.KINDS)
def test_every_autoencoder_reconstructs_sparse_sources(kind):
    rng = np.random.default_rng(0)
    sources = rng.exponential(size=(3000, 12)) * (rng.random((3000, 12)) < 0.15)
    x = sources @ rng.normal(size=(12, 8))
    x = (x - x.mean(0)) / x.std()
    level = (0.3, 0.1) if kind == "structured" else dictionaries.LEVELS[kind][-1]
    found = dictionaries.score(kind, level, cache_of(x, sources[:, :3]), 24, 250)
    assert found["mse"] < 0.5
    assert 0 < found["active"] <= 24


def test_the_nuclear_norm_keeps_the_sparse_half_of_a_structured_code():
    """Nearly free, the dense half does everything; at a price, sparse features are used."""
    rng = np.random.default_rng(0)
    sources = rng.exponential(size=(3000, 12)) * (rng.random((3000, 12)) < 0.15)
    x = sources @ rng.normal(size=(12, 8))
    found = cache_of((x - x.mean(0)) / x.std(), sources[:, :3])
    free, dear = (
        dictionaries.score("structured", (1.0, price), found, 24, 400)["active"]
        for price in (1e-3, 3.0)
    )
    assert free < dear


def test_a_random_code_and_the_papers_score_by_hand():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(400, 5))
    code = dictionaries.random_code(f, 300, rng)
    assert code.shape == (400, 300)
    assert (code >= 0).all()
    assert code.max() <= np.linalg.norm(f, axis=1).max()
    odds = rng.normal(0, 2, (400, 2))
    p = 1 / (1 + np.exp(-odds))
    assert dictionaries.paper_score(np.log(p), odds) == pytest.approx(1)
    r = np.corrcoef(np.exp(odds[1::2, 0]), p[1::2, 0])[0, 1]
    assert dictionaries.paper_score(odds[:, :1], odds[:, :1]) == pytest.approx(r)


def test_a_small_network_is_cached_probed_and_coded():
    found = dictionaries.cache(3, 1000, 60)
    assert found.x.shape == (1000, dictionaries.WIDTH)
    assert found.odds.shape == (8192, dictionaries.M)
    np.testing.assert_allclose(found.x.mean(0), 0, atol=1e-9)
    assert 0.3 < found.x.std() < 2
    row = dictionaries.probe_row(found, 32)
    assert 0 < row["random"] < 1
    assert 0 < row["probe"] < 1


def test_scores_at_equal_error_are_interpolated_and_never_extrapolated():
    points = pd.DataFrame({"mse": [0.4, 0.1], "exp_r": [0.5, 0.9]})
    assert dictionaries.at_error(points, 0.2) == pytest.approx(0.7)
    assert np.isnan(dictionaries.at_error(points, 0.09))
    assert np.isnan(dictionaries.at_error(points, 0.9))
    assert np.isnan(dictionaries.at_error(points[:0], 0.2))


def test_bits_are_balanced_and_their_posterior_is_plain_bayes():
    rng = np.random.default_rng(0)
    table = worlds.bit_table(3, 7, rng)
    assert (table.mean(0) == 0.5).all()
    prior = wd.random_prior(3, 1, rng)
    bits = rng.integers(0, 2, (6, 7))
    for row, found in zip(bits, worlds.log_posterior(bits, table, prior), strict=True):
        likelihood = np.where(row == table, 1 - worlds.FLIP, worlds.FLIP).prod(1)
        weights = prior * likelihood
        np.testing.assert_allclose(np.exp(found), weights / weights.sum())


def test_the_probe_of_the_simulation_nears_its_ceiling():
    row = worlds.run_one(5, 1, 8, 0, 400, 2000)
    assert row["raw"] < row["probe"] <= row["bayes"] + 0.02
    assert row["bayes"] - row["probe"] < 0.06
    assert np.isnan(worlds.run_one(5, 1, 2, 0, 0, 400)["probe"])
    labels = (np.arange(40) // 2 % 2)[:, None].repeat(2, 1)
    assert worlds.accuracy(labels[:, :1].astype(float), labels) == 1


def test_trained_logits_come_near_exact_ones_where_an_assumption_is_broken():
    found = worlds.broken_of(0, 512, 150)
    assert found.merged[["trained", "excess"]].notna().all().all()
    assert (found.unnamed.set_index("named").loc[True, "trained"]) > 0.6


def test_results_do_not_depend_on_how_many_run_at_once(monkeypatch):
    """A job after others in one process, and as in one of two: first there, from other states."""
    settings = replace(PRESETS["toy"], sim_bits=(2, 4), sim_steps=40, contexts=600)
    one, asked = run.simulate(settings, 0), []

    def apart(function, jobs, *, n_jobs, label, unpack):
        asked.append((n_jobs, label, unpack))
        found = {}
        for i, job in reversed(list(enumerate(jobs))):
            torch.manual_seed(100 + i)
            np.random.seed(100 + i)  # noqa: NPY002
            found[i] = function(**pickle.loads(pickle.dumps(job)))
        return [found[i] for i in range(len(jobs))]

    monkeypatch.setattr(run, "sweep", apart)
    two = run.simulate(replace(settings, jobs=2), 0)
    assert asked == [(2, "the paper's simulation", True)]
    assert len(one) == 2
    assert one.equals(two)


def test_the_nuclear_norm_is_that_of_a_thin_matrix():
    """The rows are one more than the numbers of a row, and not the rows of the batch."""
    torch.manual_seed(0)
    batch, dense = torch.randn(256, 32), torch.nn.Linear(32, 128)
    thin = dictionaries._thin(batch, dense, torch.ones(128))
    assert thin.shape == (33, 128)
    both = ae.nuclear_norm(thin), torch.linalg.svdvals(dense(batch)).sum()
    torch.testing.assert_close(*both, rtol=1e-5, atol=0)


def test_logistic_regression_is_the_mean_difference_when_the_penalty_is_strong():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 40)), np.repeat([0, 1], 30)
    weights = LogisticRegression(C=1e-4).fit(x, y).coef_[0]
    expected = 1e-4 * ((y - 0.5) @ x)
    np.testing.assert_allclose(weights, expected, rtol=0.02, atol=1e-5)
