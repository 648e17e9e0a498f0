"""World and theory: enumeration against plain Bayes and sampling, closed forms, the identity."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.next_token_concepts.lab import measurements as ms
from companion.next_token_concepts.lab import worlds
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method import world as wd

seeds = st.integers(0, 10_000)


@pytest.fixture
def world():
    return wd.make_world(np.random.default_rng(1), 0.05)


def plain_bayes(world, sentence):
    """p(c | sentence) as a product of single probabilities, without logarithms or matrices."""
    weights = []
    for c in range(len(world.prior)):
        weight = world.prior[c]
        for word in sentence:
            weight *= world.words[c, word]
        weights.append(weight)
    return np.array(weights) / sum(weights)


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_the_posterior_is_that_of_plain_bayes(seed):
    rng = np.random.default_rng(seed)
    world = wd.make_world(rng, 0.1)
    words = world.sample(5, 6, rng).words
    for sentence, row in zip(words, world.log_posterior(words), strict=True):
        np.testing.assert_allclose(np.exp(row), plain_bayes(world, sentence), rtol=1e-10)


def test_the_posterior_is_that_of_sampling(world):
    rng = np.random.default_rng(0)
    contexts = world.sample(400_000, 2, rng)
    key = np.sort(contexts.words, axis=1) @ [100, 1]
    values, counts = np.unique(key, return_counts=True)
    common = values[np.argsort(-counts)[:3]]
    for value in common:
        chosen = key == value
        share = np.bincount(contexts.labels[chosen], minlength=16) / chosen.sum()
        exact = np.exp(world.log_posterior(contexts.words[chosen][:1]))[0]
        assert np.abs(share - exact).max() < 5 * np.sqrt(0.25 / chosen.sum())


def test_names_are_sampled_as_the_table_says(world):
    rng = np.random.default_rng(0)
    names = world.sample_names(np.full(50_000, 5), rng)
    share = np.bincount(names, minlength=8) / 50_000
    assert np.abs(share - world.names[5]).max() < 0.01


def test_priors_sum_to_one_and_dense_graphs_are_dense():
    for edges in (1, 2, 3):
        prior = wd.random_prior(5, edges, np.random.default_rng(edges))
        assert prior.sum() == pytest.approx(1)
        assert (prior >= 0.2**5 - 1e-12).all()
    independent = wd.random_prior(3, 0, np.random.default_rng(0)).reshape(2, 2, 2)
    marginals = [independent.sum(tuple(j for j in range(3) if j != k)) for k in range(3)]
    np.testing.assert_allclose(independent, np.einsum("i,j,k->ijk", *marginals))


def test_a_hint_speaks_of_the_xor(world):
    first = world.words[:, 1] > world.words[:, 0]  # "the XOR of the first two concepts is 1"
    assert (first == (world.configs[:, 0] != world.configs[:, 1])).all()


@given(seeds, st.sampled_from([0.002, 0.05, 0.3]))
@settings(max_examples=15, deadline=None)
def test_the_identity_holds_for_every_context_and_name(seed, eta):
    rng = np.random.default_rng(seed)
    world = wd.make_world(rng, eta)
    for named in (world, world.with_names(wd.joint_names(16, eta))):
        log_p = named.log_posterior(named.sample(50, 20, rng).words)
        terms = theory.identity(log_p, named.names, named.prior)
        left = theory.log_predict(log_p, named.names)
        np.testing.assert_allclose(left, terms.linear + terms.beta - terms.residual, atol=1e-10)


@given(st.floats(0.001, 0.49), st.floats(-12, 12))
def test_the_curve_is_that_of_mixing_two_names(eta, lam):
    p = 1 / (1 + np.exp(-lam))
    mixed = np.log(p * (1 - eta) + (1 - p) * eta) - np.log(p * eta + (1 - p) * (1 - eta))
    assert theory.g_eta(eta, lam) == pytest.approx(mixed, abs=1e-6)
    assert abs(theory.g_eta(eta, lam)) <= np.log((1 - eta) / eta) + 1e-9


def test_slope_at_zero_and_the_bound():
    for eta in (0.01, 0.2):
        h = 1e-5
        assert (theory.g_eta(eta, h) - theory.g_eta(eta, -h)) / (2 * h) == pytest.approx(
            1 - 2 * eta
        )
        assert theory.g_eta(eta, 100.0) == pytest.approx(np.log((1 - eta) / eta))


def test_contrasts_of_a_perfect_predictor_lie_on_the_curve(world):
    words = world.sample(300, 12, np.random.default_rng(3)).words
    log_p = world.log_posterior(words)
    contrast = ms.contrasts(theory.log_predict(log_p, world.names))
    np.testing.assert_allclose(
        contrast, theory.g_eta(0.05, theory.log_odds(log_p, world.configs)), atol=1e-9
    )


def test_the_jacobian_is_the_posterior_given_both(world):
    log_p = world.log_posterior(world.sample(1, 8, np.random.default_rng(4)).words)
    names = world.names
    both = np.exp(log_p[0][:, None] + np.log(names) - theory.log_predict(log_p, names))
    for c in (0, 7):
        up, down = log_p.copy(), log_p.copy()
        up[0, c] += 1e-6
        down[0, c] -= 1e-6
        slope = (theory.log_predict(up, names) - theory.log_predict(down, names))[0] / 2e-6
        np.testing.assert_allclose(slope, both[c], atol=1e-6)


def test_marginals_uncertainty_and_information_by_brute_force(world):
    words = world.sample(40, 5, np.random.default_rng(5)).words
    log_p = world.log_posterior(words)
    p = np.exp(log_p)
    eps, info = 0.0, 0.0
    joint = p[:, :, None] * world.names  # p(c, y | x)
    y = joint.sum(1)
    for i, name in product(range(len(p)), range(8)):
        eps += y[i, name] * (1 - joint[i, :, name].max() / y[i, name]) / len(p)
        info += y[i, name] * np.log(y[i, name] / y.mean(0)[name]) / len(p)
    assert theory.uncertainty(log_p, world.names) == pytest.approx(eps)
    assert theory.information(log_p, world.names) == pytest.approx(info)
    lm = theory.log_marginals(log_p, world.configs)
    np.testing.assert_allclose(np.exp(lm[:, 5]), p[:, world.configs[:, 2] == 1].sum(1))


def test_the_oracle_table_comes_out():
    """Rows of a perfect predictor that were computed independently (12 words, ER1)."""
    for eta, lm, p, bag in (
        (0.002, 1.0, 0.866, 0.805),
        (0.01, 0.996, 0.89, 0.802),
        (0.3, 0.958, 0.994, 0.764),
    ):
        rows = [worlds.exact_scores(seed, eta, 12, 4096) for seed in range(6)]
        mean = {key: np.mean([row[key] for row in rows]) for key in rows[0]}
        assert mean["LM"] == pytest.approx(lm, abs=0.01)
        assert mean["P"] == pytest.approx(p, abs=0.025)
        assert mean["bag"] == pytest.approx(bag, abs=0.04)
        # linear in counts but for the normalizer
        assert mean["joint"] == pytest.approx(mean["bag"], abs=0.03)


def test_the_oracle_table_of_the_theorems_own_matrix():
    """The columns without a fit, computed independently (six random worlds, ER1)."""
    table = (
        (4, 0.01, 0.932, 0.62),
        (12, 0.01, 0.820, 0.49),
        (12, 0.3, 0.548, 0.60),
        (24, 0.01, 0.691, 0.36),
    )
    for n, eta, no_fit, eps in table:
        rows = [worlds.exact_scores(seed, eta, n, 2048) for seed in range(6)]
        mean = {key: np.mean([row[key] for row in rows]) for key in rows[0]}
        assert mean["no_fit"] == pytest.approx(no_fit, abs=0.06)
        assert mean["eps"] == pytest.approx(eps, abs=0.04)


def test_scores_without_a_fit_by_plain_loops(world):
    """Slope, R2 and residual ratio of the literal theorem, name by name."""
    named = world.with_names(wd.joint_names(16, 0.05))
    log_p = named.log_posterior(named.sample(200, 8, np.random.default_rng(6)).words)
    given_name = named.names * named.prior[:, None]
    given_name = given_name / given_name.sum(0)
    log_y = np.log(np.exp(log_p) @ named.names)
    lines, lefts, residuals = [], [], []
    for j in range(1, 16):
        lines.append(log_p @ (given_name[:, j] - given_name[:, 0]))
        lefts.append(log_y[:, j] - log_y[:, 0])
        h = [
            ((log_p + np.log(named.names[:, i]) - log_y[:, [i]]) * given_name[:, i]).sum(1)
            for i in (j, 0)
        ]
        residuals.append(h[0] - h[1])
    line, left, residual = (
        np.array([v - v.mean() for v in part]) for part in (lines, lefts, residuals)
    )
    matrix = theory.evidence_matrix(named.names, named.prior)
    np.testing.assert_allclose(log_p @ matrix, np.transpose(lines))
    found = theory.slope(named, log_p), theory.no_fit_r2(named, log_p)
    slope = np.polyfit(line.ravel(), left.ravel(), 1)[0]
    assert found == pytest.approx((slope, 1 - ((left - line) ** 2).sum() / (left**2).sum()))
    ratio = np.sqrt((residual**2).sum() / (line**2).sum())
    assert theory.residual_ratio(named, log_p) == pytest.approx(ratio)


def test_the_missed_share_of_the_information_by_plain_sums(world):
    log_p = world.log_posterior(world.sample(50, 6, np.random.default_rng(7)).words)
    p = np.exp(theory.log_predict(log_p, world.names))
    logits = 0.5 * np.log(p) + 3.0  # flatter than it should be; a constant does not count
    q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    at_stake = (p * np.log(p / p.mean(0))).sum(1).mean()
    missed = (p * np.log(p / q)).sum(1).mean() / at_stake
    assert ms.excess(world, log_p, logits) == pytest.approx(missed)
    assert ms.excess(world, log_p, np.log(p)) == pytest.approx(0, abs=1e-12)
    constant = np.tile(np.log(p.mean(0)), (50, 1))  # knows the names' frequencies only
    assert ms.excess(world, log_p, constant) == pytest.approx(1)


def test_two_ways_to_small_uncertainty():
    table = worlds.two_ways(range(2), 1024).groupby(["way", "length", "eta"]).mean()
    longer, sharper = table.loc["longer contexts"], table.loc["sharper names"]
    assert longer["no_fit"].iloc[0] > 0.9
    assert longer["no_fit"].iloc[-1] < 0.4
    assert sharper["no_fit"].iloc[0] > 0.99
    assert table["identity"].max() < 1e-8


def test_a_map_of_vague_names_carries_over_from_the_posterior_only():
    table = worlds.transfer(range(3), 1024).groupby("length").mean()
    assert table.loc[6, "LM"] > 0.95
    assert table.loc[96, "P"] > 0.95
    assert table.loc[96, "LM"] < 0


def test_broken_assumptions():
    found = worlds.broken_of(0, 2048, 0)
    assert found.merged["rank"].tolist() == list(worlds.RANKS.values())
    assert found.unnamed.set_index("named").loc[True, "exact"] > 0.98
    order = found.order.set_index("kappa")
    assert order.loc[0.0, "lm"] > 0.98 > 0.6 > order.loc[0.4, "lm"]
    assert order.loc[0.4, "with_word"] > 0.95
    assert found.merged["trained"].isna().all()


def test_noise_on_logits_is_a_twentieth_and_hides_what_is_a_thousandth():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 1))
    both = np.column_stack([x, 1e-3 * rng.normal(size=(4000, 1))])
    assert ms.r2(both, both[:, 1]) == pytest.approx(1)
    read = worlds.noisy(both, rng)
    assert (read - both).std() == pytest.approx(0.05 * both.std(), rel=0.05)
    assert ms.r2(read, both[:, 1]) < 0.05
    assert ms.r2(read, both[:, 0]) > 0.99


def test_regression_scores_what_was_not_fitted():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(400, 3)), rng.normal(size=(400, 50))
    assert ms.r2(x, x @ [1.0, 2, 3]) == pytest.approx(1)
    assert ms.r2(noise, rng.normal(size=400)) < 0.1
    assert np.isnan(ms.r2(x, np.ones(400)))
    lines = np.linalg.lstsq(np.column_stack([np.ones(200), x[::2]]), noise[::2, 0], rcond=None)[0]
    error = noise[1::2, 0] - np.column_stack([np.ones(200), x[1::2]]) @ lines
    total = noise[1::2, 0] - noise[::2, 0].mean()
    assert ms.r2(x, noise[:, 0]) == pytest.approx(1 - (error**2).sum() / (total**2).sum())


def test_errors_say_what_is_wrong(world):
    with pytest.raises(ValueError, match="strictly between 0"):
        wd.make_world(np.random.default_rng(0), 0.5)
    with pytest.raises(ValueError, match="in fours"):
        wd.make_world(np.random.default_rng(0), 0.1, m=5)
    with pytest.raises(ValueError, match="sum to one"):
        world.with_names(world.names * 2)
    with pytest.raises(ValueError, match="cannot be merged"):
        wd.merged_names(world.names, 3)
    assert wd.without_name(world.names, 0).shape == (16, 6)
