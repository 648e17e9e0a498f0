"""Results made by hand: what a perfect run would give, to be spoiled one at a time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from companion.mamba3.hub import Evaluated
from companion.mamba3.lab.language import FAMILIES, LENGTHS, Read, Reading
from companion.mamba3.lab.recall import PARTS, Arm, Recalled
from companion.mamba3.lab.run import Rates
from companion.mamba3.lab.timing import ContextTimes, DecodeTimes
from companion.mamba3.lab.tracking import TASKS, VARIANTS, Tracked

SEEDS = 8
THREE = ("Mamba-3", "Mamba-3, no RoPE", "real, both signs")


def tracked(task="parity", arm="Mamba-3", level=1.0, *, seeds=SEEDS, longest=320):
    """An arm that is right up to three moves, and has the scaled accuracy `level` beyond."""
    rng = np.random.default_rng(len(arm) + len(task))
    trained = 160 if task == "parity" else 40
    curve = np.full((longest + 1, seeds), level) - 0.005 * rng.random((longest + 1, seeds))
    curve[:4] = 1 - 0.005 * rng.random((4, seeds))
    order = TASKS[task].order
    angles = 2 * np.pi / order * np.arange(order)[None, :, None, None]
    turns = np.broadcast_to(angles, (seeds, order, 1, 4)).copy()
    decay = np.full((seeds, order, 1), 0.01)
    return Tracked(task, arm, curve, np.ones(seeds, bool), trained, turns, decay)


def parity(**changes):
    """Every arm on parity; `changes` replaces runs by name, or gives a level."""
    levels = dict.fromkeys(VARIANTS, 0.02) | {"Mamba-3": 1.0, "real, both signs": 1.0}
    return {name: tracked("parity", name, level) for name, level in levels.items()} | changes


def three(**changes):
    """The arms on the walk modulo 3."""
    levels = dict.fromkeys(THREE, 0.05) | {"Mamba-3": 1.0}
    return {name: tracked("modulo 3", name, level) for name, level in levels.items()} | changes


def with_values(runs, name, length, values):
    """The runs, one of which has these accuracies over seeds at a length."""
    curve = runs[name].curve.copy()
    curve[length] = values
    return runs | {name: replace(runs[name], curve=curve)}


def solved(n):
    """Scaled accuracy over eight seeds of which `n` solve the task."""
    return np.where(np.arange(SEEDS) < n, 0.999, 0.1)


def recalled(part="Mamba-3", n=8, loss=1.0, *, half=None, share=0.95, seeds=5):
    """An arm whose seeds have a loss plus the seeds' own offsets, which all arms share."""
    shared = 0.05 * np.random.default_rng(7).standard_normal(seeds)
    own = 0.002 * np.random.default_rng([*part.encode(), n]).standard_normal((2, seeds))
    losses = np.array([loss + 0.2 if half is None else half, loss])[:, None] + shared + own
    shares = np.array([share - 0.1, share])[:, None] - 0.001 * np.arange(seeds)
    return Recalled(Arm(part, n, 1e-2, tuple(range(seeds))), 1000, (50, 100), losses, shares)


LOSSES = {
    "no bias": 1.2,
    "no trapezoid": 1.05,
    "neither": 1.3,
    "with convolution": 1.01,
    "MIMO": 0.9,
}


def recall(ours=(1.4, 1.0, 0.8), theirs=(2.0, 1.6, 1.2), **changes):
    """All arms in which the paper is right: half the state is enough, biases and trapezoid help.

    ours, theirs : losses at N = 4, 8, 16; `changes` replaces arms at N = 8 by their part
    """
    runs = [recalled("Mamba-3", n, loss) for n, loss in zip((4, 8, 16), ours, strict=True)]
    runs += [recalled("Mamba-2", n, loss) for n, loss in zip((4, 8, 16), theirs, strict=True)]
    runs += [recalled(part, 8, LOSSES[part]) for part in PARTS if part in LOSSES]
    names = {name.replace("_", " "): run for name, run in changes.items()}
    return tuple(names.get(run.arm.part, run) if run.arm.d_state == 8 else run for run in runs)


def rates(ours=(1.2, 1.0, 1.1), theirs=(1.9, 1.6, 1.7), *, seeds=4, **changes):
    """Losses by learning rate and seed, the second of three the best one.

    `changes` replaces those of the other arms: a mean at each rate, or rows over seeds.
    """
    others = {part: (loss + 0.2, loss, loss + 0.1) for part, loss in LOSSES.items()}
    shared = 0.05 * np.random.default_rng(5).standard_normal(seeds)
    losses = {}
    for part, means in ({"Mamba-3": ours, "Mamba-2": theirs} | others | changes).items():
        own = 0.002 * np.random.default_rng([*part.encode()]).standard_normal((3, seeds))
        by_seed = np.array(means, float)
        losses[part.replace("_", " ")] = (
            by_seed if by_seed.ndim == 2 else by_seed[:, None] + shared + own
        )
    return Rates((3e-3, 1e-2, 3e-2), losses)


def read(family, course, *, longer=-0.05, seeds=3):
    """A family with these losses at each quarter of the training, and a change at 1,024."""
    shared = 0.02 * np.random.default_rng(3).standard_normal(seeds)
    own = 0.001 * np.random.default_rng([*family.encode()]).standard_normal((4, seeds))
    losses = np.array(course)[:, None] + shared + own
    change = np.array([0.03, 0.0, longer / 3, 2 * longer / 3, longer])[:, None]
    held = losses[-1] + change * (1 + 0.05 * np.arange(seeds))
    return Read(family, 100, (10, 20, 30, 40), losses, LENGTHS, held)


def reading(**changes):
    """Language models in which the paper is right."""
    reads = {
        "Mamba-3": read("Mamba-3", (2.0, 1.6, 1.45, 1.40)),
        "Mamba-2": read("Mamba-2", (2.1, 1.7, 1.51, 1.46), longer=0.04),
    }
    assert set(reads) == set(FAMILIES)
    return Reading(reads | {name.replace("_", "-"): run for name, run in changes.items()}, 1.6)


def decode(ratio=1.4, heads=4096):
    rng = np.random.default_rng(0)
    noise = 1 + 0.01 * rng.standard_normal((2, 15))
    large = {1: noise[0], 4: ratio * noise[1]}
    small = {1: noise[0] * 1e-3, 4: 2.5e-3 * noise[1]}
    n_bytes = {"large": heads * 64 * 128 * 4, "small": 16 * 64 * 128 * 4}
    return DecodeTimes({"large": large, "small": small}, n_bytes, {"large": {}, "small": {}})


def contexts(growth=0.0, attention=1e-7):
    """Times with a relative growth for eight times the context, and a slope of attention."""
    rng = np.random.default_rng(0)
    tokens = np.array([128, 1024, 8192])
    own = 1e-3 * (1 + growth * (np.log(tokens) / np.log(8))[:, None])
    own = own * (1 + 0.01 * rng.standard_normal((3, 40)))
    theirs = (1e-4 + attention * tokens[:, None]) * (1 + 0.01 * rng.standard_normal((3, 40)))
    kept = {"Mamba-3": np.full(3, 4096), "attention": tokens * 2048}
    return ContextTimes(tokens, {"Mamba-3": own, "attention": theirs}, kept)


def released(lambada=(32.5, 34.0), ratio=-0.008):
    rng = np.random.default_rng(0)
    base = 2.8 + 0.2 * rng.standard_normal(200)
    losses = {"SISO": base, "MIMO": base + ratio + 0.01 * rng.standard_normal(200)}
    right = {
        kind: np.arange(5153) < percent / 100 * 5153
        for kind, percent in zip(("SISO", "MIMO"), lambada, strict=True)
    }
    return Evaluated(losses, right)


def orders(**changes):
    """Slopes over random equations, as theory has them."""
    small = 0.01 * np.random.default_rng(1).standard_normal((4, 20))
    names = ("Euler, constant A", "λ = 1/2, constant A", "λ = 1/2, A(t)", "λ = 1/2, A(t) averaged")
    found = {name: n + s for name, n, s in zip(names, (1, 2, 1, 2), small, strict=True)}
    return found | changes


def results(**changes):
    """A run in which every claim holds."""
    values = {
        "agreement": {"chunks": 1e-14, "steps of one token": 1e-15},
        "gradient": 1e-9,
        "kernels": {"SISO": {"none": 0.0026}, "MIMO": {"none": 0.0038}},
        "orders": orders(),
        "parity": parity(),
        "three": three(),
        "five": {"plain": {"Mamba-3": solved(6)}, "brackets": {"Mamba-3": solved(5)}},
        "rates": rates(),
        "recalled": recall(),
        "reading": reading(),
        "decode": decode(),
        "contexts": contexts(),
        "released": released(),
    }
    return SimpleNamespace(**values | changes)
