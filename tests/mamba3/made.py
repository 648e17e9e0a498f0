"""Results made by hand, so that every verdict has a known answer."""

import numpy as np
import torch

from companion.mamba3.lab.checks import Order, orders
from companion.mamba3.lab.language import PARTS, Arm, Evaluated, Read
from companion.mamba3.lab.models import ModelConfig
from companion.mamba3.lab.timing import ContextTimes, DecodeTimes
from companion.mamba3.lab.tracking import Tracked
from companion.mamba3.method.layer import Mamba3Config
from companion.mamba3.method.mamba2 import Mamba2Config
from companion.mamba3.verdict.findings import Results
from companion.stats import Interval

LENGTHS = np.array([16, 32, 51, 64, 102])


def tracked(task="parity", variant="Mamba-3", level=1.0, *, seeds=5, far=None, train=32):
    """A run with scaled accuracy `level` up to the training length and `far` beyond."""
    rng = np.random.default_rng(len(variant) + len(task))
    far = level if far is None else far
    noise = 0.01 * rng.standard_normal((len(LENGTHS), seeds))
    accuracy = np.where(LENGTHS[:, None] <= train, level, far) - np.abs(noise)
    order = {"parity": 2, "Z3": 3, "S3": 6}[task]
    angles = 2 * np.pi / order * np.arange(order)[None, :, None, None]
    turns = np.broadcast_to(angles, (seeds, order, 2, 2)).copy()
    decay = np.full((seeds, order, 2), 0.01)
    return Tracked(task, variant, np.full((4, seeds), 0.1), LENGTHS, accuracy, train, turns, decay)


def all_tracked(**levels):
    """Runs in which the claims hold; `levels` replaces (level, far) by ``task__variant`` index."""
    plan = {
        ("parity", "Mamba-3"): 1.0,
        ("parity", "Mamba-3, heavy tail"): 1.0,
        ("parity", "Mamba-3, standard RoPE"): 0.05,
        ("parity", "Mamba-3, no RoPE"): 0.05,
        ("parity", "Mamba-2"): 0.05,
        ("parity", "real, both signs"): 1.0,
        ("Z3", "Mamba-3"): 1.0,
        ("Z3", "Mamba-3, no RoPE"): 0.05,
        ("Z3", "real, both signs"): 0.05,
        ("S3", "Mamba-3"): 0.2,
    }
    return {key: tracked(*key, level) for key, level in plan.items()}


def read(name, loss, *, family="Mamba-3", d_state=16, seeds=5, spread=0.01, rng_seed=0):
    """An arm whose seeds have the loss `loss` plus the seeds' own offsets, paired over arms."""
    offsets = spread * np.random.default_rng(7).standard_normal(seeds)
    own = 0.001 * np.random.default_rng([rng_seed, len(name), d_state]).standard_normal(seeds)
    held = np.broadcast_to(loss + offsets + own, (2, 4, seeds)).copy()
    mixer = (
        Mamba2Config(d_model=8, d_state=d_state, head_dim=4)
        if family == "Mamba-2"
        else Mamba3Config(d_model=8, d_state=d_state, head_dim=4)
    )
    model = ModelConfig(mixer=mixer, n_layers=1, d_hidden=8, vocab_size=9)
    return Read(Arm(name, family, d_state, model), 100, np.ones((3, seeds)), (64, 128), held)


def all_reads(parts=None, *, per_doubling=-0.05, of_mamba3=-0.08, seeds=5):
    """Losses in which the paper's order holds, and a state factor of 2^-(0.08/0.05) = 0.33."""
    losses = {
        "full": 1.0,
        "no bias": 1.2,
        "no bias, no trapezoid": 1.3,
        "with convolution": 1.01,
        "bias from 0": 1.1,
        "bias from U(-1, 1)": 1.1,
        "Mamba-2": 1.1,
    }
    losses |= parts or {}
    made = {name: read(name, losses[name], seeds=seeds) for name in PARTS}
    for family, shift in (("Mamba-2", 0.0), ("Mamba-3", of_mamba3), ("MIMO", of_mamba3 - 0.01)):
        for n in (4, 8, 16):
            name = f"{family}, N = {n}"
            loss = 2 + per_doubling * np.log2(n) + shift
            made[name] = read(name, loss, family=family, d_state=n, seeds=seeds)
    return made


def decode(ratio=1.4, heads=8192):
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


def results(**changes):
    """A run in which every claim holds."""
    values = {
        "disagreements": {"chunks": 1e-14, "steps of one token": 1e-15},
        "gradient": 1e-9,
        "kernels": {"SISO": 0.0026, "MIMO": 0.0038},
        "orders": orders((64, 128, 256, 512, 1024)),
        "random_orders": {
            "exponential-trapezoidal": Interval(1.0, 0.95, 1.05),
            "mean A": Interval(2.0, 1.98, 2.02),
        },
        "rotor": {"parity": 1.0, "Z3": 1.0},
        "tracked": all_tracked(),
        "reads": all_reads(),
        "counts": ((5, 5), (10, 10)),
        "decode": decode(),
        "contexts": contexts(),
        "released": released(),
    }
    return Results(**values | changes)


def order_with_slope(order: Order, low: float, high: float) -> Order:
    return Order(order.steps, order.errors, Interval((low + high) / 2, low, high))


def bits(n=4, seq=9):
    return torch.randint(0, 2, (n, seq), generator=torch.Generator().manual_seed(0))
