"""One world: a data set, a teacher, its students, and everything that is measured on them.

The same function runs character MLPs, small transformers, and the paper's own models.

One world: a data set, a teacher, its students, and everything that is measured on them.

The same function runs character MLPs, small transformers, and the paper's own models.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from companion.distillation_memorization.lab.models import (
    device_of,
    divergence,
    generate,
    lane_logits,
    memorized,
    rows_at_once,
    score,
    vocabulary,
)
from companion.distillation_memorization.lab.predictor import Prediction, predict
from companion.distillation_memorization.lab.text import Sets, zlib_bytes
from companion.distillation_memorization.lab.training import Recipe, cache_logits, fit, fit_arms
from companion.distillation_memorization.method import memorization
from companion.distillation_memorization.method.memorization import Members, Scores, matches
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TAU,
    TEACHER,
    UNREAD,
    Cached,
)
from companion.scale import generator


# -------------------------------------------------------------------------------------- calibration
class NotCalibrated(ValueError):
    """Teacher and baseline are not in the regime in which the comparison is fair."""


def check_calibration(members: Members, teacher_loss: float, baseline_loss: float) -> None:
    """Raise ``NotCalibrated`` unless |M_T| is 1.2 to 3 times |M_B| and the teacher's loss is lower.

    Outside of this regime a ratio of rates means nothing: a teacher that has hardly read D has
    nothing to pass on, and an overfitted one makes its students worse.
    """
    teacher, baseline = (int(members[m].sum()) for m in (TEACHER, BASELINE))
    if not 1.2 * baseline <= teacher <= 3 * baseline or baseline == 0:
        raise NotCalibrated(
            f"the teacher memorizes {teacher} sequences and the baseline {baseline}: "
            "change teacher_epochs until the ratio lies between 1.2 and 3"
        )
    if not teacher_loss < baseline_loss:
        raise NotCalibrated(
            f"the teacher's held-out loss {teacher_loss:.3f} is not below the baseline's "
            f"{baseline_loss:.3f}: use fewer teacher_epochs or a larger teacher"
        )


# -------------------------------------------------------------------------------------------- world
@dataclass(frozen=True)
class Plan:
    """How one world is run.

    name : of the kind of world; recipe, teacher_epochs, student_epochs : of the training on D
    prefix, suffix : tokens of the prompt and of the compared continuation
    objectives : student -> what it learns from; prefixes : further prompts for the explorer
    measure_epochs : when the students are looked at during training (on `glance` sequences)
    resamples, filtering : of the predictor; top_k : probabilities kept per position (0: all)
    calibrated : whether the calibration rule must be kept
    """

    name: str
    recipe: Recipe
    teacher_epochs: int
    student_epochs: int
    prefix: int
    suffix: int
    objectives: Mapping[str, object]
    prefixes: tuple[int, ...] = ()
    measure_epochs: tuple[int, ...] = ()
    glance: int = 300
    resamples: int = 100
    filtering: bool = False
    top_k: int = 0
    calibrated: bool = True


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

    members, held : model -> bool (n,) and bool (n_held,), completed word for word
    loss : model -> mean loss on held-out text (nats per token); base_loss : of both base models
    zlib, features : (n,) and (n, 4); entropy, log_p : model -> (n,), means over the suffix
    prediction, filtered : of the predictor
    texts, written : sequences, and model -> continuation, both as characters (rows of `shown`)
    by_prefix : prefix -> model -> bool (n,)
    epochs, curve_rate, curve_loss : (measured,) and (measured, students), while training
    cache_megabytes : size of the teacher's outputs on disk
    """

    name: str
    seed: int
    members: dict[str, np.ndarray]
    held: dict[str, np.ndarray]
    loss: dict[str, float]
    base_loss: tuple[float, float]
    zlib: np.ndarray
    features: np.ndarray
    entropy: dict[str, np.ndarray]
    log_p: dict[str, np.ndarray]
    prediction: Prediction
    filtered: Filtered | None
    shown: np.ndarray
    texts: list[str]
    written: dict[str, list[str]]
    by_prefix: dict[int, dict[str, np.ndarray]]
    students: tuple[str, ...]
    epochs: np.ndarray
    curve_rate: np.ndarray
    curve_loss: np.ndarray
    cache_megabytes: float

    def count(self, model: str) -> int:
        """|M| of a model."""
        return int(self.members[model].sum())

    def rate(self, model: str) -> float:
        """Share of D that a model memorizes."""
        return float(self.members[model].mean())


def run_world(
    plan: Plan,
    text: Sets,
    base_teacher: nn.Module,
    base_student: nn.Module,
    seed: int,
    *,
    folder: Path | None = None,
    progress: bool = False,
) -> World:
    """Fine-tune, distil, and measure; the base models are left as they were.

    folder : where the teacher's outputs are kept; a temporary one if None

    Raises ``NotCalibrated`` when the plan is to be calibrated and the models are not.
    """
    base_loss = tuple(float(score(m, text.held_out).loss[0]) for m in (base_teacher, base_student))
    teacher = copy.deepcopy(base_teacher)
    fit(
        teacher,
        text.train,
        plan.recipe,
        plan.teacher_epochs,
        seed=seed,
        name="teacher",
        progress=progress,
    )
    with tempfile.TemporaryDirectory() as temporary:
        cached = teacher_outputs(teacher, text.train, plan, folder or Path(temporary))
        reads = {name: text.train for name in plan.objectives}
        for name, writer in ((HARD, teacher), (UNREAD, base_teacher)):
            if name in reads:
                reads[name] = written_by(writer, text.train, plan.prefix)
        students, curves = fit_arms(
            base_student,
            dict(plan.objectives),
            reads,
            plan.recipe,
            plan.student_epochs,
            seed=seed,
            name="students",
            order="students",
            teacher=cached,
            progress=progress,
            measure=_glance(plan, text),
            measure_epochs=plan.measure_epochs,
        )
        models = {TEACHER: teacher, **students}
        found = _measure(plan, text, models, seed)
        if plan.calibrated:
            loss = found["loss"]
            check_calibration(found["members"], loss[TEACHER], loss[BASELINE])
        filtered = None
        if plan.filtering and found["prediction"].tested:
            kept = ~(found["prediction"].probability > 0.5)
            filtered = _distil_again(plan, text, base_student, cached, kept, seed, progress)
    return World(
        name=plan.name,
        seed=seed,
        base_loss=base_loss,
        filtered=filtered,
        students=tuple(students),
        epochs=np.array(plan.measure_epochs),
        curve_rate=curves.get("rate", np.empty(0)),
        curve_loss=curves.get("loss", np.empty(0)),
        cache_megabytes=cached.megabytes,
        **found,
    )


def distil_once(
    plan: Plan,
    text: Sets,
    base_teacher: nn.Module,
    base_student: nn.Module,
    seed: int,
    *,
    progress: bool = False,
) -> tuple[nn.Module, nn.Module]:
    """(teacher, soft student) of a plan, as in :func:`run_world` and without the other students."""
    teacher = copy.deepcopy(base_teacher)
    fit(
        teacher,
        text.train,
        plan.recipe,
        plan.teacher_epochs,
        seed=seed,
        name="teacher",
        progress=progress,
    )
    with tempfile.TemporaryDirectory() as folder:
        cached = teacher_outputs(teacher, text.train, plan, Path(folder))
    student, _ = fit_arms(
        base_student,
        {SOFT: plan.objectives[SOFT]},
        {SOFT: text.train},
        plan.recipe,
        plan.student_epochs,
        seed=seed,
        name="students",
        order="students",
        teacher=cached,
        progress=progress,
    )
    return teacher, student[SOFT]


def teacher_outputs(teacher: nn.Module, tokens: Tensor, plan: Plan, folder: Path) -> Cached:
    """The teacher's logits on D, from the file in `folder` or written there."""
    device = device_of(teacher)
    return cache_logits(
        lambda rows: lane_logits(teacher, rows.to(device))[0],
        tokens,
        folder / "teacher.safetensors",
        teacher=f"{plan.name}, {plan.teacher_epochs} epochs",
        k=plan.top_k,
        tau=TAU if plan.top_k else 1.0,
        batch=rows_at_once(tokens, vocabulary(teacher)),
    )


def written_by(teacher: nn.Module, tokens: Tensor, prefix: int) -> Tensor:
    """Sequences that begin as the true ones and go on as the teacher does: int64 (n, length)."""
    prompts = tokens[:, :prefix].cpu()
    return torch.cat([prompts, generate(teacher, prompts, tokens.shape[1] - prefix)[0]], 1)


def _glance(plan: Plan, text: Sets):
    """Measurement during training: rate on D and loss on some held-out text, per lane."""

    def measure(model: nn.Module, _step: int) -> dict[str, np.ndarray]:
        hits = memorized(model, text.train, plan.prefix, plan.suffix)
        loss = score(model, text.held_out[: plan.glance]).loss
        return {"rate": hits.mean(1), "loss": loss}

    return measure


def _measure(plan: Plan, text: Sets, models: Mapping[str, nn.Module], seed: int) -> dict:
    """Fields of a :class:`World` that are read off the trained models."""
    members, held, loss, entropy, log_p, made = {}, {}, {}, {}, {}, {}
    on_train: dict[str, Scores] = {}
    for name, model in models.items():
        made[name] = generate(model, text.train[:, : plan.prefix], plan.suffix)
        members[name] = matches(made[name], text.train, plan.prefix)[0]
        held[name] = memorized(model, text.held_out, plan.prefix, plan.suffix)[0]
        loss[name] = float(score(model, text.held_out).loss[0])
        if name in (TEACHER, BASELINE, SOFT):
            on_train[name] = score(model, text.train)
            means = on_train[name].tail(plan.prefix, plan.suffix)
            entropy[name], log_p[name] = (values[0] for values in means)
    compressed = zlib_bytes(text.texts(text.train))
    features = np.stack(
        [
            on_train[TEACHER].perplexity[0],
            on_train[BASELINE].perplexity[0],
            divergence(models[TEACHER], models[BASELINE], text.train),
            compressed,
        ],
        axis=1,
    )
    prediction = predict(
        features,
        members[SOFT],
        memorization.rejected(members, SOFT),
        plan.resamples,
        generator(seed, "predictor"),
    )
    shown = chosen(members, generator(seed, "shown"))
    main = (TEACHER, BASELINE, SOFT, HARD)
    return {
        "members": members,
        "held": held,
        "loss": loss,
        "entropy": entropy,
        "log_p": log_p,
        "zlib": compressed,
        "features": features,
        "prediction": prediction,
        "shown": shown,
        "texts": text.texts(text.train[shown]),
        "written": {name: text.texts(made[name][0][shown]) for name in main},
        "by_prefix": {
            prefix: {
                name: memorized(models[name], text.train, prefix, plan.suffix)[0]
                for name in models
                if name != UNREAD
            }
            for prefix in plan.prefixes
        },
    }


def chosen(members: memorization.Members, rng: np.random.Generator, each: int = 6) -> np.ndarray:
    """Up to `each` sequences of five kinds, as indices: what the browser shows."""
    kinds = (
        memorization.easy(members) & members[SOFT],
        memorization.rejected(members, SOFT),
        memorization.inherited(members, SOFT),
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
    cached: Cached,
    kept: np.ndarray,
    seed: int,
    progress: bool,
) -> Filtered:
    """The soft student of the same teacher on the sequences that were not flagged."""
    rows = torch.from_numpy(np.flatnonzero(kept))
    student, _ = fit_arms(
        base,
        {SOFT: plan.objectives[SOFT]},
        {SOFT: text.train[rows]},
        plan.recipe,
        plan.student_epochs,
        seed=seed,
        name="filtered",
        order="filtered",
        teacher=cached.rows(rows),
        progress=progress,
    )
    return Filtered(kept, memorized(student[SOFT], text.train, plan.prefix, plan.suffix)[0])
