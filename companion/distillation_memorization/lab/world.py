"""One world: a data set, a teacher, its students, and everything that is measured on them.

The same function runs small transformers, perceptrons, and the paper's own models.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from companion.distillation_memorization.lab.models import (
    Recipe,
    device_of,
    divergence,
    fit,
    fit_arms,
    generate,
    memorized,
    rows_at_once,
    score,
)
from companion.distillation_memorization.lab.predictor import Prediction, predict
from companion.distillation_memorization.lab.text import Sets, zlib_bytes
from companion.distillation_memorization.method import memorization
from companion.distillation_memorization.method.memorization import Scores
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    COMPARED,
    HARD,
    SOFT,
    TEACHER,
    UNREAD,
    Cached,
    Objective,
)
from companion.scale import generator

SCORED = (TEACHER, BASELINE, SOFT)
"""Models whose certainty is read on D."""


@dataclass(frozen=True)
class Plan:
    """How one world is run.

    name : of the kind of world; recipe, teacher_epochs : of the training on D
    epochs : budgets of the students, ascending, each a training of its own whose rate falls to
        zero; judged : the one at which all arms are trained, the others have COMPARED alone
    prefix, suffix : tokens of the prompt and of the compared continuation
    arms : student -> what it learns from
    resamples : of the predictor; filtering : whether to distil again on the filtered D
    """

    name: str
    recipe: Recipe
    teacher_epochs: int
    epochs: tuple[int, ...]
    judged: int
    prefix: int
    suffix: int
    arms: Mapping[str, Objective]
    resamples: int = 100
    filtering: bool = False

    def __post_init__(self) -> None:
        if self.judged not in self.epochs or list(self.epochs) != sorted(set(self.epochs)):
            raise ValueError(f"epochs ascend and hold {self.judged}, got {self.epochs}")

    def arms_at(self, epochs: int) -> dict[str, Objective]:
        """The arms that are trained with this budget."""
        return {a: o for a, o in self.arms.items() if epochs == self.judged or a in COMPARED}


@dataclass(frozen=True)
class Reading:
    """What one model does after its training.

    memorized : bool (n,), sequences of D completed word for word; guessed : bool (n_held,), held
        out ones; losses : (2,), nats per token on both halves of the held-out text: the first half
        chooses budgets, the second is reported; fitted : nats per token on D
    """

    memorized: np.ndarray
    guessed: np.ndarray
    losses: np.ndarray
    fitted: float

    @property
    def loss(self) -> float:
        """Held-out loss that is reported."""
        return float(self.losses[1])

    @property
    def tuning(self) -> float:
        """Held-out loss that chooses."""
        return float(self.losses[0])


@dataclass(frozen=True)
class Filtered:
    """Distilling again without the sequences that the classifier flags.

    kept : bool (n,); memorized : bool (n,), what the new student completes, of all of D
    """

    kept: np.ndarray
    memorized: np.ndarray


@dataclass(frozen=True)
class World:
    """What one world leaves behind; arrays are over the n sequences of D unless they say otherwise.

    epochs, judged : as in :class:`Plan`
    bases : teacher and baseline before they read D; teacher : after
    students : name -> epochs -> what it does
    features : (n, 4), of the predictor, the last one the zlib length
    tails : model -> (2, n_easy), mean entropy and log-probability over the suffix of the easy
        sequences, in their order
    prediction, filtered : of the predictor
    shown, texts, written : some sequences, and model -> continuation, as characters
    """

    name: str
    seed: int
    epochs: tuple[int, ...]
    judged: int
    bases: dict[str, Reading]
    teacher: Reading
    students: dict[str, dict[int, Reading]]
    features: np.ndarray
    tails: dict[str, np.ndarray]
    prediction: Prediction
    filtered: Filtered | None
    shown: np.ndarray
    texts: list[str]
    written: dict[str, list[str]]

    def of(self, model: str, epochs: int | None = None) -> Reading:
        """What a model does, a student by default at the judged budget."""
        if model == TEACHER:
            return self.teacher
        return self.students[model][self.judged if epochs is None else epochs]

    def members(self, epochs: int | None = None) -> dict[str, np.ndarray]:
        """Model -> its set M, of all models that were trained with this budget."""
        at = self.judged if epochs is None else epochs
        found = {name: runs[at].memorized for name, runs in self.students.items() if at in runs}
        return {TEACHER: self.teacher.memorized, **found}

    @property
    def zlib(self) -> np.ndarray:
        """Compressed length in bytes, (n,)."""
        return self.features[:, 3]


Outputs = Callable[[nn.Module, Tensor], Cached]
"""(teacher, tokens) -> its outputs on them."""


@torch.no_grad()
def all_logits(teacher: nn.Module, tokens: Tensor) -> Cached:
    """Every logit of the teacher, float32 (n, length - 1, vocab): for small vocabularies."""
    device = device_of(teacher)
    parts = tokens.split(rows_at_once(tokens, teacher.vocab))
    logits = [teacher(rows.to(device)).logits[0, :, :-1].float().cpu() for rows in parts]
    return Cached(torch.cat(logits), None, None, 1.0)


def run_world(
    plan: Plan,
    text: Sets,
    base_teacher: nn.Module,
    base_student: nn.Module,
    seed: int,
    *,
    outputs: Outputs = all_logits,
    progress: bool = False,
) -> World:
    """Fine-tune, distil, and measure; the base models are left as they were."""
    options = {"seed": seed, "progress": progress}
    bases = {
        name: read(model, text, plan)
        for name, model in ((TEACHER, base_teacher), (BASELINE, base_student))
    }
    teacher = copy.deepcopy(base_teacher)
    fit(teacher, text.train, plan.recipe, plan.teacher_epochs, name="teacher", **options)
    known = outputs(teacher, text.train)
    reads = dict.fromkeys(plan.arms, text.train)
    for name, writer in ((HARD, teacher), (UNREAD, base_teacher)):
        if name in reads:
            reads[name] = written_by(writer, text.train, plan.prefix)
    students: dict[str, dict[int, Reading]] = {name: {} for name in plan.arms}
    models = {}
    for epochs in plan.epochs:
        trained = fit_arms(
            base_student,
            plan.arms_at(epochs),
            reads,
            plan.recipe,
            epochs,
            name=f"students, {epochs} epochs",
            order="students",
            teacher=known,
            **options,
        )
        for name, model in trained.items():
            students[name][epochs] = read(model, text, plan)
        if epochs == plan.judged:
            models = {TEACHER: teacher, **trained}
    members = {TEACHER: read(teacher, text, plan)}
    members |= {name: runs[plan.judged] for name, runs in students.items()}
    found = _looked_at(plan, text, models, members, seed)
    filtered = None
    if plan.filtering and found["prediction"].tested:
        kept = ~(found["prediction"].probability > 0.5)
        filtered = _distil_again(plan, text, base_student, known, kept, **options)
    return World(
        name=plan.name,
        seed=seed,
        epochs=plan.epochs,
        judged=plan.judged,
        bases=bases,
        teacher=members[TEACHER],
        students=students,
        filtered=filtered,
        **found,
    )


def written_by(teacher: nn.Module, tokens: Tensor, prefix: int) -> Tensor:
    """Sequences that begin as the true ones and go on as the teacher does: int64 (n, length)."""
    prompts = tokens[:, :prefix].cpu()
    return torch.cat([prompts, generate(teacher, prompts, tokens.shape[1] - prefix)[0]], 1)


def read(model: nn.Module, text: Sets, plan: Plan) -> Reading:
    """What a model of one lane completes and how well it predicts."""
    n_choose = len(text.held_out) // 2
    halves = text.held_out[:n_choose], text.held_out[n_choose:]
    return Reading(
        memorized(model, text.train, plan.prefix, plan.suffix)[0],
        memorized(model, text.held_out, plan.prefix, plan.suffix)[0],
        np.array([score(model, half).loss[0] for half in halves], dtype=float),
        float(score(model, text.train).loss[0]),
    )


def _looked_at(
    plan: Plan,
    text: Sets,
    models: Mapping[str, nn.Module],
    readings: Mapping[str, Reading],
    seed: int,
) -> dict[str, object]:
    """Fields of a :class:`World` that are read off the models of the judged budget."""
    members = {name: one.memorized for name, one in readings.items()}
    scores: dict[str, Scores] = {name: score(models[name], text.train) for name in SCORED}
    easy = memorization.easy(members)
    tails = {
        name: np.stack([values[0][easy] for values in found.tail(plan.prefix, plan.suffix)])
        for name, found in scores.items()
    }
    features = np.stack(
        [
            scores[TEACHER].perplexity[0],
            scores[BASELINE].perplexity[0],
            divergence(models[TEACHER], models[BASELINE], text.train),
            zlib_bytes(text.texts(text.train)),
        ],
        axis=1,
    ).astype(np.float32)
    prediction = predict(
        features,
        members[SOFT],
        memorization.rejected(members, SOFT),
        plan.resamples,
        generator(seed, "predictor"),
    )
    shown = chosen(members, generator(seed, "shown"))
    prompts = text.train[torch.from_numpy(shown)]
    return {
        "features": features,
        "tails": {name: values.astype(np.float32) for name, values in tails.items()},
        "prediction": prediction,
        "shown": shown,
        "texts": text.texts(prompts),
        "written": {
            name: text.texts(generate(models[name], prompts[:, : plan.prefix], plan.suffix)[0])
            for name in (TEACHER, *COMPARED)
            if len(shown)
        },
    }


def chosen(members: memorization.Members, rng: np.random.Generator, each: int = 2) -> np.ndarray:
    """Up to `each` sequences of four kinds, as indices: what a table shows."""
    kinds = (
        memorization.easy(members) & members[SOFT],
        memorization.rejected(members, SOFT),
        memorization.inherited(members, HARD) & ~members[SOFT],
        ~np.any(list(members.values()), axis=0),
    )
    found: list[int] = []
    for kind in kinds:
        places = np.setdiff1d(np.flatnonzero(kind), found)
        found += sorted(rng.permutation(places)[:each].tolist())
    return np.array(found, dtype=int)


def _distil_again(
    plan: Plan,
    text: Sets,
    base: nn.Module,
    known: Cached,
    kept: np.ndarray,
    **options: object,
) -> Filtered:
    """The soft student of the same teacher on the sequences that were not flagged."""
    rows = torch.from_numpy(np.flatnonzero(kept))
    student = fit_arms(
        base,
        {SOFT: plan.arms[SOFT]},
        {SOFT: text.train[rows]},
        plan.recipe,
        plan.judged,
        name="filtered",
        order="filtered",
        teacher=known.rows(rows),
        **options,
    )
    return Filtered(kept, memorized(student[SOFT], text.train, plan.prefix, plan.suffix)[0])
