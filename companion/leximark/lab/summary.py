"""Runs in numbers: levels, differences, and powers, each with its interval over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.claims import measured_text
from companion.data import Missing
from companion.leximark.lab.arms import (
    LOOKALIKE,
    MARK,
    NONE,
    RANDOM,
    RAREST,
    SEQUENCE,
    dose,
)
from companion.leximark.lab.detection import effect_of_auroc, predicted_power, simulated_power
from companion.leximark.lab.run import QUESTIONS, Run
from companion.stats import Interval, over_seeds

CLOSE = 0.8
"""The authors' own threshold of the cosine of a sentence with one word replaced."""

AGAINST = {
    "random sequence": ((MARK, "protocol"), (SEQUENCE, "protocol")),
    "lookalike letters": ((MARK, "protocol"), (LOOKALIKE, "record")),
    "random words": ((RAREST, "record"), (RANDOM, "record")),
}
"""What is compared in the word model -> (arm, question) and the other one."""

LEARNED = 0.1
"""Nats a token by which a text must have become likelier, or its arm was not trained."""


def level(run: Run, arm: str, question: str, model: str = "trained") -> Interval:
    """AUROC of an arm; nothing is known where a score is not finite."""
    try:
        return over_seeds(run.aurocs(arm, question, model))
    except ValueError:
        return over_seeds([np.nan])


def difference(run: Run, one: tuple[str, str], other: tuple[str, str]) -> Interval:
    """AUROC of (arm, question) minus that of another on the same documents."""
    try:
        return over_seeds(run.aurocs(*one) - run.aurocs(*other))
    except ValueError:  # a score that is not finite
        return over_seeds([np.nan])


def gain(run: Run, arm: str, question: str) -> Interval:
    """AUROC of an arm minus that without a mark."""
    return difference(run, (arm, question), (NONE, "record"))


def level_text(run: Run, arm: str, question: str) -> str:
    """An AUROC and its interval in words."""
    return measured_text(level(run, arm, question))


def levels_text(run: Run, arms: Sequence[str]) -> str:
    """The AUROC of each arm by the protocol, or of the record where it was not run."""
    asked = {arm: "protocol" if run.has(arm, "protocol") else "record" for arm in arms}
    return ", ".join(f"{arm} {level_text(run, arm, question)}" for arm, question in asked.items())


def changed(run: Run, arm: str) -> float:
    """Share of the words that the mark of an arm changed, mean over seeds."""
    return float(np.mean([one.arms[arm].changed for one in run.results]))


def not_learned(run: Run, arms: Sequence[str]) -> str:
    """Why some of the arms say nothing: their texts were not learned; empty if they were."""
    for arm in arms:
        least = min(one.arms[arm].learned for one in run.results)
        if not least > LEARNED:
            return (
                f"the arm {arm!r} of the {run.model} was not trained: its texts became likelier "
                f"by {least:.2f} nats a token"
            )
    known = run.aurocs(NONE)
    if len(known) > 1 and not over_seeds(known).low > 0.5:
        return f"without a mark the {run.model} does not know its texts"
    return ""


def distance(interval: Interval) -> Interval:
    """Distance of an AUROC from 0.5."""
    low, high = interval.low, interval.high
    ends = sorted((abs(low - 0.5), abs(high - 0.5)))
    nearest = 0.0 if low <= 0.5 <= high else ends[0]
    return Interval(abs(interval.estimate - 0.5), nearest, ends[1], n=interval.n)


def powers(run: Run, arm: str, question: str, n: int) -> np.ndarray:
    """Power of Welch's test with `n` records a side, by simulation, per seed: (n_seeds,)."""
    pairs = run.pairs(arm, question)
    return np.array(
        [simulated_power(*pair, n, seed) for pair, seed in zip(pairs, run.seeds, strict=True)]
    )


def predicted_powers(aurocs: np.ndarray, n: int) -> np.ndarray:
    """The same by eq. 7, from AUROCs: (n_aurocs,); no power below 0.5."""
    inside = np.clip(aurocs, 0.5, 1 - 1e-4)
    return np.array([predicted_power(effect_of_auroc(float(one)), n) for one in inside])


def perplexity_ratios(run: Run) -> np.ndarray:
    """Perplexity a word of the marked over the unmarked half A, untrained model: (n_seeds,)."""
    return np.array(
        [float(np.exp((one.arms[MARK].nats - one.arms[NONE].nats).mean())) for one in run.results]
    )


def dose_levels(run: Run) -> tuple[list[int], np.ndarray]:
    """(K, AUROC of the protocol with two keys, (n_K, n_seeds)) of every K that was run."""
    there = [k for k in range(1, 21) if run.has(dose(k), "protocol")]
    return there, np.array([run.aurocs(dose(k), "protocol") for k in there])


# --------------------------------------------------------------------------- the record
def series(results) -> dict[str, object]:
    """What the first figure, the live figure, and the first sentences need."""
    runs = [run for run in (results.words, results.smol) if not isinstance(run, Missing)]
    rows = [
        (run, arm, question)
        for run in runs
        for arm in run.arms
        for question in QUESTIONS
        if run.has(arm, question)
    ]
    record: dict[str, object] = {
        "aurocs": {
            "model": [run.model for run, _, _ in rows],
            "arm": [arm for _, arm, _ in rows],
            "question": [question for _, _, question in rows],
            **_columns("level", [level(*row) for row in rows]),
            **_columns("gain", [gain(*row) for row in rows]),
        }
    }
    runs_of = {run.model: run for run in runs}
    record["power"] = {
        "model": list(runs_of),
        **_columns(
            "six", [over_seeds(powers(run, MARK, "protocol", 6)) for run in runs_of.values()]
        ),
    }
    if not isinstance(results.words, Missing):
        against = {name: pair for name, pair in AGAINST.items() if _has(results.words, *pair)}
        record["against"] = {
            "what": list(against),
            **_columns("difference", [difference(results.words, *p) for p in against.values()]),
        }
    costs: dict[str, Sequence[float]] = {}
    if not isinstance(results.qualities, Missing):
        costs |= {
            "words replaced": [float(one.shares.mean()) for one in results.qualities],
            "dictionaries agree": [one.agree for one in results.qualities],
            "cosine": [float(one.cosines.mean()) for one in results.qualities],
            "sentences close": [float(np.mean(one.cosines >= CLOSE)) for one in results.qualities],
            "seen": [one.seen for one in results.qualities],
        }
    if not isinstance(results.smol, Missing):
        costs["perplexity"] = perplexity_ratios(results.smol)
    if costs:
        record["quality"] = {
            "what": list(costs),
            **_columns("mean", [over_seeds(values) for values in costs.values()]),
        }
    return record


def _has(run: Run, *asked: tuple[str, str]) -> bool:
    return all(run.has(*one) for one in asked)


def _columns(name: str, intervals: Sequence[Interval]) -> dict[str, list]:
    """An interval as three columns of a table; ends that are not known are None."""
    parts = {"": "estimate", "_low": "low", "_high": "high"}
    return {
        f"{name}{end}": [_short(getattr(one, field)) for one in intervals]
        for end, field in parts.items()
    }


def _short(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.5g}")
