"""Every public function of every ``method/`` under nonsense: an error, or a result that says so.

The calls stand in :mod:`tests.calls`; a function without one, and without a reason below, is red.
A result that is not finite says so itself.  What may never come back is a finite number.
"""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import contracts
from tests import calls
from tests.calls import CALLS

TEXTS = "takes texts or records and no number; its chapter's tests try it"
SETS = "takes sets of sequences by name, as boolean arrays, and no number"
CHECK = "is a check itself: it raises, or returns nothing"
MODEL = "takes a network; what it reads of it goes through measure.reduce_hidden"

ELSEWHERE = {
    **{
        f"distillation_memorization.memorization.{name}": SETS
        for name in ("easy", "inherited", "rejected", "teacher_only")
    },
    **{
        f"leximark.{name}": TEXTS
        for name in (
            "candidates.commoner",
            "candidates.family",
            "candidates.forms",
            "candidates.is_refused",
            "candidates.lemmas",
            "candidates.moby",
            "candidates.neighbors",
            "candidates.parse",
            "candidates.readings",
            "candidates.related",
            "watermark.apply",
            "watermark.change_of",
            "watermark.digest",
            "watermark.plan",
            "words.frequency",
            "words.selection_key",
            "words.sentences",
            "words.surprisal",
            "words.tokenize",
        )
    },
    **{
        f"model_ecosystem.{name}": TEXTS
        for name in (
            *("similarity.field_of", "similarity.fields", "similarity.strings"),
            "drift.values_of",
        )
    },
    "mamba3.scan.check_scan": CHECK,
    "massive_activations.measure.block_list": MODEL,
    "massive_activations.measure.hidden_of": MODEL,
    "massive_activations.measure.measure": MODEL,
    "model_ecosystem.similarity.tfidf": TEXTS,
    "quartet.mxfp4.check_groups": CHECK,
    "quartet.quantizers.scheme": TEXTS,
    "scaling_laws.law.check_identified": CHECK,
    "tart.embeddings.join": TEXTS,
}
"""Function -> why it is not tried here."""

DEFAULT = "None is the default, or no condition"
LIMIT = "an infinite number has a limit, which is the answer"
LETTERS = "a text is a sequence of letters"
FOREST = "a forest is made by `forest.forest`, which checks; at two million links nobody does again"
VANISHED = "a term with an infinite exponent has vanished"

DOCUMENTED: dict[str, dict[str, str]] = {
    "consistent_diffusion.diffusion.alpha": {"t": LIMIT},
    "consistent_diffusion.diffusion.displacements": {"x": "only its shape counts"},
    "consistent_diffusion.diffusion.noised": {"t": LIMIT},
    "consistent_diffusion.diffusion.sigma": {"t": LIMIT},
    "consistent_diffusion.diffusion.weak_residuals": {"dim": DEFAULT},
    "consistent_diffusion.losses.equal_weight": {
        "t": "of `draw_times`, in every step of a training",
        "midpoint": "of an Objective, which checks it",
    },
    "gaussian_rbf.model.best_of": {"fits": "a loss that is none is of a fit that diverged"},
    "gaussian_rbf.training.fit_many": {"recipe": "an infinite tolerance stops as soon as it may"},
    "leximark.candidates.rarer": {"limit": "of a Recipe, which checks it; answers are kept"},
    "leximark.scores.score": {"stats": LIMIT},
    "leximark.watermark.universe": {"texts": LETTERS},
    "mamba3.discretization.coefficients": {"A_before": "not every rule looks at it"},
    "mamba3.mixing.cumulative_angle": {"start": DEFAULT},
    "massive_activations.curve.turning_point": {"params": LIMIT},
    "model_ecosystem.drift.transitions": {"graph": FOREST},
    "model_ecosystem.forest.components": {"graph": FOREST},
    "model_ecosystem.drift.both_declared": {"graph": FOREST},
    "model_ecosystem.drift.values_of_codes": {"names": LETTERS},
    "model_ecosystem.similarity.draw_pairs": {"graph": FOREST},
    "model_ecosystem.similarity.families": {"graph": FOREST},
    "model_ecosystem.similarity.levenshtein": {"texts": LETTERS},
    "next_token_concepts.autoencoders.keep_largest": {"k": "more than there are keeps all"},
    "next_token_concepts.autoencoders.nuclear_norm": {"rows": "the sum of no singular value is 0"},
    "next_token_concepts.theory.g_eta": {"log_odds": LIMIT},
    "quartet.law.loss_at_budget": {"law": LIMIT},
    "quartet.linear.quantized_product": {"signs": DEFAULT},
    "quartet.linear.rotate": {"signs": DEFAULT},
    "quartet.quantizers.absmax_scale": {"headroom": "of a Scheme, which checks it"},
    "scaling_laws.law.residual_sum": {"law": VANISHED},
    "scaling_laws.protocol.are": {"law": VANISHED},
    "scaling_laws.protocol.bias": {"law": VANISHED},
    "scaling_laws.protocol.signed_errors": {"law": VANISHED},
}
"""Function -> argument -> why a number is right there, whatever it holds."""


def test_every_public_function_is_tried():
    public = set(calls.every())
    assert public - CALLS.keys() == ELSEWHERE.keys()
    assert CALLS.keys() <= public
    assert DOCUMENTED.keys() <= CALLS.keys()


def quietly(test):
    """What nonsense makes libraries warn of is not said."""

    @functools.wraps(test)
    def inside(*args, **kwargs):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return test(*args, **kwargs)

    return inside


def read(key: str, name: str, right: dict[str, object]) -> set[str]:
    """Parts of a record that a function looks at."""
    found = set()
    for part in calls.parts(right[name]):
        try:
            changed = calls.with_part(right[name], part, calls.Unread())
            calls.answer(calls.function(key), calls.fresh(right) | {name: changed})
        except Exception:
            found.add(part)
    return found


def silent(key: str, names=None, places=(0, -1)) -> dict[str, list[str]]:
    """Argument -> nonsense in it that is answered by finite numbers."""
    call, right, found = calls.function(key), CALLS[key](), {}
    for name, value in right.items():
        if names and name not in names:
            continue
        looked_at = read(key, name, right) if calls.is_record(value) else None
        for what, nonsense in calls.wrong(value, places):
            part, _, more = what.partition(" ")
            if looked_at is not None and more and part not in looked_at:
                continue
            try:
                answer = calls.answer(call, calls.fresh(right) | {name: nonsense})
            except Exception:
                continue
            if calls.finite(answer):
                found.setdefault(name, []).append(what)
    return found


@pytest.mark.parametrize("chapter", calls.chapters())
@quietly
def test_nonsense_is_never_answered_by_a_number(chapter):
    wrong = []
    for key in CALLS:
        if key.startswith(f"{chapter}."):
            assert calls.finite(calls.answer(calls.function(key), CALLS[key]())), key
            found, allowed = silent(key), DOCUMENTED.get(key, {})
            wrong += [f"{key}: {n}: {', '.join(w)}" for n, w in found.items() if n not in allowed]
            wrong += [f"{key}: {n} is documented and refused" for n in allowed if n not in found]
    assert not wrong, "\n".join(wrong)


@settings(max_examples=25)
@given(data=st.data(), place=st.integers(1, 10_000))
@quietly
def test_one_number_that_is_none_is_noticed_wherever_it_stands(data, place):
    key = data.draw(st.sampled_from(sorted(CALLS)))
    name = data.draw(st.sampled_from(sorted(CALLS[key]())))
    if name not in DOCUMENTED.get(key, {}):
        assert not silent(key, [name], (place,)), key


def test_a_guard_by_annotation_leaves_tensors_and_what_is_excepted():
    import sys
    import types

    module = types.ModuleType("made")
    exec(
        "def one(a: float, b: np.ndarray, c: int, d: float | None = None): return a\n"
        "def two(x: Tensor, a: float): return a\n"
        "def three(a: float, b: str): return a\n"
        "def _four(a: float): return a\n",
        vars(module),
    )
    sys.modules["made"] = module
    try:
        contracts.guard_public("made", {"three": {"a": None}})
        assert module.one(1.0, [1.0, 2.0], 2) == 1.0
        for bad in ((np.nan, [1.0], 2), (1.0, [np.nan], 2), (1.0, [1.0], 2.5), (1.0, "1", 2)):
            with pytest.raises(ValueError, match=r"one: [abc] must be"):
                module.one(*bad)
        with pytest.raises(ValueError, match="d must be finite, or None"):
            module.one(1.0, [1.0], 2, d=np.nan)
        for free in (module.two, module.three):
            assert np.isnan(free(np.nan, np.nan) if free is module.three else free(0, np.nan))
        assert np.isnan(module._four(np.nan))
    finally:
        del sys.modules["made"]
