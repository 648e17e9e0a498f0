"""Results made by hand: what a perfect run would give, to be spoiled one at a time."""

from dataclasses import replace

import numpy as np

from companion.synthetic_data import settings
from companion.synthetic_data.lab.bilinear import METRICS
from companion.synthetic_data.lab.language import Student, Variety
from companion.synthetic_data.lab.lives import SCORES, Lives, Plan
from companion.synthetic_data.lab.loop import Runs
from companion.synthetic_data.lab.run import BASE_ARMS, plan_loops
from companion.synthetic_data.lab.tabular import Regenerated
from companion.synthetic_data.lab.tasks import TASKS
from companion.synthetic_data.lab.theory import Check
from companion.synthetic_data.lab.threshold import Artifact
from companion.synthetic_data.method.infinite import Damage
from companion.synthetic_data.verdict.paper import Results

S = replace(settings.TOY, ranks=(4, 8, 24), full_arms=settings.ARMS)
N_SEEDS = 8

BASE = {
    "kl": 0.6,
    "loss": 1.9,
    "accuracy": 0.7,
    "em": 0.99,
    "head": 1.0,
    "tail": 0.96,
    "ece": 0.06,
    "over": 0.0,
    "entropy": 1.2,
    "tail_kl": 1.1,
    "hop_loss": 0.02,
    "hops_1": 0.98,
    "hops_2": 0.96,
    "hops_3": 0.94,
    "hops_4": 0.92,
}


def kinked(s):
    """A true threshold at 0.25 on every grid."""
    return 0.001 * s + 0.25 * np.maximum(s - 0.25, 0)


def change(name, rank, s):
    """What a perfect run adds to every metric at mixing ratio s."""
    cold, fresh = "0.7" in name or name.endswith("T=0"), name.startswith("fresh")
    real_only = name in ("compute matched", "real only")
    if name == "truth":
        return {}
    protects = 24 / rank if not fresh else 1.0
    lost = 0.01 * kinked(s) * protects
    made = {
        "kl": (0.1 if real_only else 1.0) * s**2 * protects,
        "accuracy": -lost,
        "em": -2 * lost,
        "hops_4": -40 * lost,
        "tail": -0.2 * s,
        "tail_kl": 0.5 * s,
        "hop_loss": 10 * lost,
    }
    if cold:
        made |= {"ece": 0.14 * s, "over": 0.14 * s}
    else:
        made |= {"ece": 0.02 * s}
    if name.endswith("T=0"):
        made |= {"over": s * (1 - BASE["accuracy"]), "accuracy": 0.0}
    if fresh:
        made |= {"accuracy": 0.0, "ece": 0.14 * s if cold else 0.01 * s}
    return made


def runs_of(name, rank, shares, effect=1.0):
    shares = np.asarray(shares, float)
    rng = np.random.default_rng(3)
    noise = {m: 1e-5 * rng.standard_normal((4, 1, N_SEEDS)) for m in METRICS}
    noise = {m: np.broadcast_to(noise[m][:1], (4, 1, N_SEEDS)) for m in METRICS}
    own = np.random.default_rng([rank, *name.encode()])  # no two arms with the same luck
    metrics = {}
    for m in METRICS:
        values = np.full((4, len(shares), N_SEEDS), BASE[m]) + noise[m]
        for i, s in enumerate(shares):
            if s > 0:
                wiggle = (1e-3 if m == "kl" else 5e-5) * own.standard_normal((3, N_SEEDS))
                values[1:, i] += effect * change(name, rank, s).get(m, 0) + wiggle
        metrics[m] = values
    scaled = {}
    for rule in ("loss", "confidence"):
        scaled[rule] = {m: v[-1].copy() for m, v in metrics.items()}
        scaled[rule]["tail_kl"] += 1e-4 * own.standard_normal((len(shares), N_SEEDS))
        start = scaled[rule]["ece"][0].copy()
        scaled[rule]["ece"] = start + 0.1 * (scaled[rule]["ece"] - start)
    bins = np.full((len(shares), 3, 15), 1 / 15)
    temperature = {rule: np.ones((len(shares), N_SEEDS)) for rule in scaled}
    return Runs(
        BASE_ARMS[name], rank, shares, np.arange(N_SEEDS), metrics, scaled, temperature, bins
    )


def all_runs(effect=1.0):
    return {
        (name, rank): runs_of(name, rank, shares, effect) for name, rank, shares in plan_loops(S)
    }


def checks(z=0.5, error=0.01):
    rows = [Check("variance, 1/n", "k=1", 0.95 + 0.001 * z, 0.001, 0.95)]
    return [*rows, Check("mixing, fresh", "s=1, k=3", 4 + error * z, error, 4.0)]


def tables(effect=1.0):
    rng = np.random.default_rng(5)
    shares = np.array([0, 0.2, 0.5])
    found = {}
    for name in ("diabetes", "digits"):
        for t in (1.0, 0.5, 0.0):
            noise = 1e-3 * rng.standard_normal((4, 3, 12))
            rise = effect * (1.1 - t) * 0.1 * shares[None, :, None] * np.ones((4, 1, 12))
            scores = {
                "accuracy": 0.75 + 0 * noise,
                "loss": 0.5 + noise,
                "error": 0.07 + rise,
                "over": 0.01 + rise,
            }
            scores["error"] = scores["error"] + noise
            alone = {k: np.full((3, 12), v[0, 0, 0]) for k, v in scores.items()}
            found[name, t] = Regenerated(name, t, shares, scores, alone)
    return found


def lives(effect=1.0, base=0.8):
    plan = Plan(((16, 2), (32, 2)), 128, 10, (0.0, 0.2, 0.5), (0.7, 1.0), (0, 1, 2, 3))
    rng = np.random.default_rng(6)
    scores = np.zeros((2, 2, 3, 4, 4, len(TASKS), len(SCORES)))
    scores[..., 0], scores[..., 1] = base * 0.9, base
    scores += 1e-5 * rng.standard_normal((1, 1, 1, 1, 4, 1, 1))
    for j, s in enumerate(plan.shares):
        scores[:, :, j, 1:, :, :, 3] += effect * 0.2 * s
        for task in ("op", "chain"):
            scores[:, :, j, 1:, :, TASKS.index(task), 1] -= effect * 0.2 * s
    scores += 1e-7 * rng.standard_normal(scores.shape)
    controls = np.zeros((2, 2, 3, 4, len(TASKS), len(SCORES)))
    return Lives(plan, scores, controls, np.full(len(TASKS), 0.9))


def students(effect=1.0):
    rows = []
    for t in (1.0, 0.7, 0.0):
        for s in (0.1, 0.2, 0.3, 0.5):
            for k in (1, 2, 3):
                over = {1.0: 0.0, 0.7: 0.25 * s, 0.0: s * 0.5}[t] * effect
                each = over + 1e-4 * np.linspace(-1, 1, 16) * (t == 0.7)
                rows.append(
                    Student(
                        t, s, k, over, abs(over), 0.5, s * over, 2.0, np.full((3, 15), 0.1), each
                    )
                )
    return rows


def variety(effect=1.0):
    rng = np.random.default_rng(7)
    return [
        Variety(
            t,
            (0.5, 0.5 + 0.4 * effect * t, 0.9),
            0.5 - 0.2 * effect * t,
            0.3 + 0.4 * effect * t,
            4.0,
            0.3 + 0.4 * effect * t + 0.001 * rng.standard_normal(10),
            100,
            "The weather today is",
        )
        for t in (1.0, 0.7, 0.3)
    ]


def infinite(effect=1.0):
    return {
        (t, s): Damage(0.05, 0.13, 0.13, 0.9, 0.7, 0.05 - 0.045 * effect, 0.01, 1.2)
        for t in (1.0, 0.7, 0.0)
        for s in (0.1, 0.2, 0.3, 0.5)
    }


def results(**changes):
    perfect = {
        "checks": checks(),
        "artifact": Artifact(0.27, 0.64, 1.0, 0.25, 200),
        "survival_margin": -0.005,
        "runs": all_runs(),
        "infinite": infinite(),
        "repeat": 0.0,
        "tables": tables(),
        "lives": lives(),
        "students": students(),
        "variety": variety(),
    }
    return Results(**(perfect | changes))
