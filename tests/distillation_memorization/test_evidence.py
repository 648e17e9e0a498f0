"""Sets, intervals, budgets, and the predictor against brute force and other formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, mannwhitneyu, t

from companion.distillation_memorization.lab import evidence
from companion.distillation_memorization.lab.predictor import predict
from companion.distillation_memorization.method import memorization
from companion.distillation_memorization.method.objectives import BASELINE, HARD, SOFT, TEACHER

from . import made


@given(st.integers(0, 500))
@settings(deadline=None, max_examples=25)
def test_sets_are_those_of_set_algebra(seed):
    rng = np.random.default_rng(seed)
    m = {name: rng.random(60) < 0.4 for name in (TEACHER, BASELINE, SOFT, HARD)}
    known = {name: set(np.flatnonzero(inside)) for name, inside in m.items()}
    both, only = known[TEACHER] & known[BASELINE], known[TEACHER] - known[BASELINE]
    assert set(np.flatnonzero(memorization.easy(m))) == both
    assert set(np.flatnonzero(memorization.inherited(m, SOFT))) == only & known[SOFT]
    assert set(np.flatnonzero(memorization.rejected(m, SOFT))) == both - known[SOFT]
    assert set(np.flatnonzero(memorization.teacher_only(m))) == only


def test_mcnemar_is_the_sign_test_of_the_pairs_that_differ():
    rng = np.random.default_rng(3)
    a, b = rng.random(60) < 0.4, rng.random(60) < 0.4
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    assert evidence.mcnemar_p(a, b) == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert evidence.mcnemar_p(a, a) == pytest.approx(1.0)


def test_the_jackknife_of_a_mean_is_students_interval():
    rows = np.random.default_rng(0).normal(3, 1, (7, 1))
    found = evidence.jackknife(rows, lambda r: float(r.mean()))
    half = t.ppf(0.975, 6) * rows.std(ddof=1) / math.sqrt(7)
    assert found[:3] == pytest.approx((rows.mean(), rows.mean() - half, rows.mean() + half))
    assert found.p is None  # which null a reader would take it for is not known here


def test_the_interval_of_a_ratio_covers_it():
    """Poisson counts of six seeds, whose levels differ: 95 % of the intervals hold the truth."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(300):
        level = rng.gamma(20, 1, 6)
        counts = np.stack([rng.poisson(1.5 * level), rng.poisson(level)], 1)
        found = evidence.ratio(counts)
        inside += found.low <= 1.5 <= found.high
    assert 270 <= inside <= 297


def test_a_ratio_is_that_of_all_sequences_together():
    counts = np.array([[10, 5], [0, 3], [30, 12]])
    assert evidence.ratio(counts).estimate == pytest.approx(40.5 / 20.5)
    assert evidence.share(counts[:, ::-1]).estimate == pytest.approx(0.5)
    assert evidence.share(np.array([[14, 15], [14, 14], [17, 17]])).high <= 1.0


def test_few_sequences_have_the_interval_of_a_binomial():
    """None of 57 in all seeds: they look alike, and one in fifteen is not excluded."""
    found = evidence.ratio(np.array([[0, 9], [0, 10], [0, 9], [0, 10], [0, 9], [0, 10]]))
    low, high = binomtest(0, 57).proportion_ci(0.95)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high / (1 - high)))
    assert found.high > 0.06
    found = evidence.share(np.array([[24, 25], [25, 26], [25, 26], [24, 25], [26, 27], [26, 27]]))
    low, high = binomtest(150, 156).proportion_ci(0.95)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    many = np.array([[30, 20], [31, 22], [28, 20]])
    assert (
        evidence.ratio(many)[1:3] == evidence.jackknife(many, evidence.log_ratio).map(np.exp)[1:3]
    )


def test_without_spread_nothing_is_known():
    for counts in ([[3, 3]] * 4, [[0, 0]] * 4, [[3, 2]]):
        assert not evidence.ratio(np.array(counts)).has_interval


@pytest.fixture(scope="module")
def worlds():
    return made.worlds()


def test_the_best_budget_is_chosen_on_the_first_half_of_the_held_out_text(worlds):
    assert evidence.best(worlds, BASELINE) == 8
    assert evidence.best(worlds, HARD) == 4

    def spoiled(w, place):
        runs = dict(w.students[BASELINE])
        changed = runs[2].losses.copy()
        changed[place] -= 1
        runs[2] = replace(runs[2], losses=changed)
        return replace(w, students=w.students | {BASELINE: runs})

    assert evidence.best([spoiled(w, 0) for w in worlds], BASELINE) == 2
    assert evidence.best([spoiled(w, 1) for w in worlds], BASELINE) == 8


def test_a_gate_says_what_is_not_shown(worlds):
    assert evidence.gate(worlds).missing == ""
    worse = [replace(w, teacher=replace(w.teacher, losses=w.teacher.losses + 0.12)) for w in worlds]
    assert evidence.gate(worse).missing == "fine-tuning improves the teacher"
    small = [
        replace(w, teacher=replace(w.teacher, memorized=w.of(BASELINE).memorized)) for w in worlds
    ]
    assert evidence.gate(small).missing == "the teacher memorizes more than the baseline"
    assert evidence.gate(worlds[:1]).missing.count(",") == 3


def test_equal_loss_lies_between_the_budgets_of_the_student(worlds):
    """Baseline at 1.05; the student has 1.09 and half of its set after 2, 1.04 and 0.8 after 4."""
    found = evidence.at_equal_loss(worlds)
    count = {m: evidence.counts(worlds, m, 8).sum() for m in (BASELINE, SOFT)}
    early, later = (evidence.counts(worlds, SOFT, e).sum() for e in (2, 4))
    place = (1.09 - 1.05) / (1.09 - 1.04)
    there = math.exp(place * math.log(later) + (1 - place) * math.log(early))
    assert found.epochs == 8
    assert found.fold.estimate == pytest.approx(count[BASELINE] / there, rel=0.02)
    assert count[BASELINE] / count[SOFT] < found.fold.estimate
    assert found.reached.estimate == pytest.approx(1.05 - 0.99, abs=2e-3)


def test_where_the_student_starts_ahead_its_shortest_budget_is_taken(worlds):
    def ahead(w):
        runs = {e: replace(r, losses=r.losses - 0.5) for e, r in w.students[SOFT].items()}
        return replace(w, students=w.students | {SOFT: runs})

    found = evidence.at_equal_loss([ahead(w) for w in worlds])
    first = evidence.counts(worlds, SOFT, 2).sum()
    expected = (evidence.counts(worlds, BASELINE, 8).sum() + 0.5) / (first + 0.5)
    assert found.fold.estimate == pytest.approx(expected)


def test_matched_budgets_are_those_with_most_sequences_of_equal_rates(worlds):
    found = evidence.matched(worlds)
    assert (found.hard, found.soft) == (16, 16)
    assert 0.9 < found.fold.estimate < 1.1
    heirs = [
        sum(memorization.inherited(w.members(), m).sum() for w in worlds) for m in (HARD, SOFT)
    ]
    assert [found.n_hard, found.n_soft] == heirs
    everything = [made.with_arm(w, HARD, w.teacher.memorized) for w in worlds]
    assert evidence.matched(everything) is None


def test_the_slope_is_that_of_a_power_law():
    found = []
    for w in made.worlds(4):
        for tau, n in ((1.0, 80), (2.0, 40), (4.0, 20)):
            memorized = np.arange(made.N) < n + w.seed % 2
            w = made.with_arm(w, f"soft, tau {tau:g}", memorized)
        found.append(w)
    slope = evidence.slope_on_temperature(found)
    assert slope.estimate == pytest.approx(-math.log(2), rel=0.02)
    assert slope.high < 0
    assert evidence.temperatures(found[0]) == [1.0, 2.0, 4.0]


def test_a_rank_is_the_area_under_the_curve(worlds):
    w = worlds[0]
    simple = memorization.easy(w.members())
    u = mannwhitneyu(w.zlib[~simple], w.zlib[simple]).statistic
    expected = u / (simple.sum() * (~simple).sum())
    assert evidence.easy_rank([w], 3)[0] == pytest.approx(expected)
    gap = w.zlib[simple].mean() - w.zlib.mean()
    assert evidence.easy_gap([w])[0] == pytest.approx(gap)


def test_certainty_is_read_on_what_the_student_rejects(worlds):
    w = worlds[0]
    kept = w.of(SOFT).memorized[memorization.easy(w.members())]
    tails = {m: np.where(kept, 99.0, values) for m, values in w.tails.items()}
    found = evidence.certainty([replace(w, tails=tails)])
    assert found[BASELINE][0] == pytest.approx([0.2, -0.2], abs=0.011)
    every = made.with_arm(w, SOFT, w.teacher.memorized)
    assert np.isnan(evidence.certainty([every])[SOFT]).all()


# predictor


def features_with(signal, n=600, k=40):
    rng = np.random.default_rng(0)
    memorized = rng.permutation(n) < k
    x = rng.standard_normal((n, 4))
    x[memorized, 3] -= signal
    return x, memorized


def test_the_predictor_finds_a_signal_of_known_size():
    x, memorized = features_with(2.0)
    found = predict(x, memorized, np.zeros(600, bool), 30, np.random.default_rng(1))
    theory = 0.5 * (1 + math.erf(2.0 / 2))  # AUC of two normals 2 deviations apart
    assert found.auc.mean() == pytest.approx(theory, abs=0.06)
    assert abs(found.permuted.mean() - 0.5) < 0.06
    assert found.coefficients[:, 3].mean() < -1
    assert np.abs(found.coefficients[:, :3].mean(0)).max() < 0.5
    assert found.probability[memorized].mean() > found.probability[~memorized].mean() + 0.2
    assert np.isnan(found.hard).all()


def test_the_predictor_finds_nothing_where_nothing_is():
    x, memorized = features_with(0.0)
    found = predict(x, memorized, np.zeros(600, bool), 12, np.random.default_rng(1))
    assert abs(found.auc.mean() - 0.5) < 0.1


def test_hard_negatives_are_harder():
    x, memorized = features_with(3.0)
    difficult = np.zeros(600, bool)
    difficult[np.flatnonzero(~memorized)[:30]] = True
    x[difficult, 3] -= 3.0  # they look like the memorized ones
    found = predict(x, memorized, difficult, 8, np.random.default_rng(1))
    assert np.nanmean(found.hard) < found.auc.mean() - 0.2


def test_few_memorized_sequences_are_not_predicted():
    x, _ = features_with(0.0)
    found = predict(x, np.arange(600) < 3, np.zeros(600, bool), 5, np.random.default_rng(0))
    assert not found.tested
    assert np.isnan(found.probability).all()
