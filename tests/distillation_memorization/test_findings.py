"""Verdicts on worlds made by hand."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, check
from companion.data import Missing
from companion.distillation_memorization import settings
from companion.distillation_memorization.lab import predictor
from companion.distillation_memorization.method.objectives import BASELINE, HARD, SOFT, soft
from companion.distillation_memorization.verdict import series, verdicts
from companion.records._store import plain
from companion.scale import generator

from . import made


@pytest.fixture(scope="module")
def perfect():
    return made.results()


def found(results, scale="book"):
    return {f.claim: f for f in verdicts.evaluate(results, scale)}


def verdict(results, claim):
    return found(results)[claim].verdict


def test_a_run_that_shows_everything_satisfies_every_claim(perfect):
    every = verdicts.evaluate(perfect, "book")
    assert {f.claim: f.verdict for f in every} == dict.fromkeys(made.IDS, HOLDS)
    assert sum(f.of == "paper" for f in every) == 10
    assert sum(f.of == "ours" for f in every) == 6
    check(every, verdicts.claims)


@pytest.mark.parametrize("scale", ["toy", "book", "paper"])
def test_one_seed_resolves_nothing(scale):
    one = made.results(
        worlds=made.worlds(1),
        rates=made.rates(1),
        real=Missing("no"),
        perceptrons=made.worlds(1),
    )
    every = verdicts.evaluate(one, scale)
    assert {f.verdict for f in every} == {NOT_RESOLVED}
    check(every, verdicts.claims)


def test_the_p_of_an_auc_is_against_the_border_of_its_region():
    """Against zero it would be tiny for any predictor, a coin included."""

    def near(i, w):
        fresh = np.full(20, 0.9 + 0.02 * (-1) ** i + 1e-4 * i)
        return replace(w, prediction=replace(w.prediction, auc=fresh))

    worlds = [near(i, w) for i, w in enumerate(made.worlds())]
    assert found(made.results(worlds=worlds))["3"].p > 0.5


def test_what_does_nothing_satisfies_nothing(perfect):
    idle = [made.same_everywhere(w) for w in perfect.worlds]
    every = found(made.results(worlds=idle, perceptrons=idle))
    assert {f.verdict for f in every.values()} == {NOT_RESOLVED}
    assert "not shown: fine-tuning improves the baseline" in every["1"].note


def test_students_that_do_what_the_baseline_does_show_nothing(perfect):
    """The models are trained, and distillation changes nothing."""

    def change(w):
        same = dict(w.students[BASELINE])
        students = w.students | {SOFT: same, HARD: same}
        return replace(w, students=students | {soft(t): {8: same[8]} for t in (1.0, 4.0)})

    every = found(made.results(worlds=[change(w) for w in perfect.worlds]))
    for name in ("1", "1b", "tau", "4", "equal", "forced"):
        assert every[name].verdict in (DOES_NOT_HOLD, NOT_RESOLVED), name
    assert every["1"].verdict == NOT_RESOLVED  # a ratio without spread


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("1", {"soft_easy": 45}),
        ("1b", {"gain": 0.2}),
        ("2", {"soft_other": 8}),
        ("2b", {"gap": -6.0}),
        ("3", {"auc": 0.85}),
        ("3", {"permuted": 0.62}),
        ("3b", {"left": 6}),
        ("4", {"hard_heirs": (1, 2), "soft_heirs": 8}),
        ("control", {"held": 0.02}),
        ("unread", {"unread": 6}),
        ("equal", {"soft_easy": 60, "soft_other": 60}),
    ],
)
def test_results_on_the_wrong_side_do_not_hold(claim, changes):
    assert verdict(made.results(worlds=made.worlds(**changes)), claim) == DOES_NOT_HOLD


def test_a_rising_temperature_trend_does_not_hold(perfect):
    def swapped(w):
        low, high = soft(1.0), soft(4.0)
        pair = {low: w.students[high], high: w.students[low]}
        return replace(w, students=w.students | pair)

    turned = made.results(worlds=[swapped(w) for w in perfect.worlds])
    assert verdict(turned, "tau") == DOES_NOT_HOLD


def test_a_student_that_memorizes_at_random_memorizes_nothing_easy(perfect):
    def shuffled(w):
        return made.with_arm(w, SOFT, generator(w.seed, "mixed").permutation(w.of(SOFT).memorized))

    mixed = made.results(worlds=[shuffled(w) for w in perfect.worlds])
    assert verdict(mixed, "2") == DOES_NOT_HOLD


def test_models_that_memorize_nothing_resolve_nothing(perfect):
    nothing = np.zeros(made.N, bool)
    empty = []
    for w in perfect.worlds:
        for name in w.students:
            w = made.with_arm(w, name, nothing)
        untested = predictor.predict(w.features, nothing, nothing, 3, np.random.default_rng(0))
        tails = dict.fromkeys(w.tails, np.empty((2, 0)))
        w = replace(w, teacher=replace(w.teacher, memorized=nothing), tails=tails)
        empty.append(replace(w, prediction=untested, filtered=None))
    every = found(made.results(worlds=empty))
    assert {f.verdict for name, f in every.items() if name not in ("learned", "late")} == {
        NOT_RESOLVED
    }


def test_the_judged_epochs_are_those_of_the_baselines_lowest_loss(perfect):
    """The baseline over-trained: at its best it memorizes as little as the student."""

    def late(w):
        runs = {
            e: replace(
                one,
                losses=one.losses + (0.3 if e > 2 else -0.1),
                memorized=w.students[SOFT][2].memorized if e == 2 else one.memorized,
            )
            for e, one in w.students[BASELINE].items()
        }
        return replace(w, students=w.students | {BASELINE: runs})

    result = found(made.results(worlds=[late(w) for w in perfect.worlds]))["1"]
    assert "judged after 2 epochs" in result.note
    assert result.estimate == pytest.approx(1.0)


def test_the_best_rate_is_the_baselines_own(perfect):
    """At half the rate it predicts better than the student, and is read there."""
    result = found(made.results(rates=made.rates(half=0.95)))["rate"]
    assert result.verdict == DOES_NOT_HOLD
    assert result.estimate == pytest.approx(0.95 - 1.0, abs=0.02)


def test_hard_and_soft_are_compared_where_they_memorize_as_much(perfect):
    """A hard student of twice the rate at equal epochs is read after fewer."""

    def eager(w):
        runs = dict(w.students[HARD])
        runs = {2: runs[8], **{e: replace(runs[e], memorized=w.teacher.memorized) for e in (4, 8)}}
        runs[16] = runs[8]
        return replace(w, students=w.students | {HARD: runs})

    result = found(made.results(worlds=[eager(w) for w in perfect.worlds]))["4"]
    assert result.note.startswith("hard after 2 epochs")
    assert result.verdict == HOLDS


def test_removed_sequences_that_are_completed_are_told_and_do_not_count(perfect):
    def also_removed(w):
        gone = w.filtered.memorized | ~w.filtered.kept
        return replace(w, filtered=replace(w.filtered, memorized=gone))

    spoiled = made.results(worlds=[also_removed(w) for w in perfect.worlds])
    before, after = found(perfect)["3b"], found(spoiled)["3b"]
    assert after.estimate == before.estimate
    assert "0 removed ones" in before.note
    assert "0 removed ones" not in after.note


def test_real_text_that_was_not_read_or_not_learned_is_left_out(perfect):
    without = found(made.results(real=Missing("read at book scale")))
    assert without["1"].verdict == HOLDS
    assert not without["1"].replications
    idle = [made.same_everywhere(w) for w in perfect.real]
    unlearned = found(made.results(real=idle))["1"]
    assert unlearned.verdict == HOLDS
    assert "real text is not judged" in unlearned.note


def test_series_and_settings_fit_into_a_record(perfect):
    kept = plain(series(perfect))
    assert len(json.dumps(kept, allow_nan=False)) < 20_000
    assert kept["worlds"]["epochs"] == 3 * list(made.EPOCHS)
    assert kept["models"]["model"][-1] == "baseline, base"
    assert set(series(made.results(real=Missing("no")))) == {"worlds", "perceptrons", "models"}
    json.dumps(asdict(settings.PRESETS["book"]), allow_nan=False)
