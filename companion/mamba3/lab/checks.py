"""Is the layer right?  Its forms agree, its order is the rule's, the authors' kernels agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import statsmodels.api as sm
import torch
from torch import Tensor
from torch.nn.functional import silu

from companion.data import fetch
from companion.mamba3.method.discretization import (
    EQUATIONS,
    T_END,
    Equation,
    Signal,
    random_equation,
)
from companion.mamba3.method.layer import Mamba3Config, mamba3
from companion.mamba3.method.mixing import (
    Pairs,
    State,
    Tokens,
    as_complex_state,
    as_convolution,
    as_masked_attention,
    as_recurrence,
    as_single_systems,
    mix,
)
from companion.scale import derive_seed, generator
from companion.stats import Interval


# ---------------------------------------------------------------------------------------- agreement
def random_tokens(
    seed: int,
    *,
    batch: int = 2,
    seq: int = 13,
    heads: int = 2,
    rank: int = 1,
    head_dim: int = 3,
    state: int = 8,
    angles: int = 2,
    dtype: torch.dtype = torch.float64,
) -> Tokens:
    """A system drawn at random: Δ in (0, 1), decay up to a factor of 20 a step, any angle."""
    rng = torch.Generator().manual_seed(derive_seed(seed, "tokens"))

    def normal(*shape: int) -> Tensor:
        return torch.randn(batch, seq, heads, *shape, generator=rng, dtype=torch.float64)

    dt = torch.sigmoid(normal())
    parts = (
        normal(rank, head_dim),
        normal(rank, state),
        normal(rank, state),
        dt,
        -dt * torch.exp(normal()),
        torch.sigmoid(normal()),
        3 * normal(angles),
    )
    return Tokens(*(part.to(dtype) for part in parts))


def empty_state(tokens: Tokens) -> State:
    """Zeros in the shapes that continue from nothing."""
    batch, _, heads, rank, width = tokens.x.shape
    state, angles = tokens.B.shape[-1], tokens.turn.shape[-1]
    shapes = ((angles,), (width, state), (rank, state), (rank, width))
    parts = [tokens.x.new_zeros(batch, heads, *shape) for shape in shapes]
    return State(*parts, tokens.x.new_zeros(batch, 0, 0))


_OTHER_FORMS: Mapping[str, Callable[..., Tensor]] = {
    "masked attention": as_masked_attention,
    "width-2 convolution": as_convolution,
    "R² single systems": as_single_systems,
}


def disagreements(n_systems: int, seed: int) -> dict[str, float]:
    """Largest difference of any output from the recurrence, by form, over random systems.

    Lengths of 1 to 40, chunks of 1 to 48 that mostly do not divide them, ranks 1 to 4, rotation of
    none to all coordinates, and both kinds of pairs; everything in float64.
    """
    worst = dict.fromkeys([*_OTHER_FORMS, "complex state", "chunks", "steps of one token"], 0.0)
    for i in range(n_systems):
        rng = generator(seed, "system", i)
        n_pairs = int(rng.integers(1, 5))
        tokens = random_tokens(
            derive_seed(seed, i),
            seq=int(rng.integers(1, 41)),
            heads=int(rng.integers(1, 4)),
            rank=int(rng.integers(1, 5)),
            head_dim=int(rng.integers(1, 6)),
            state=2 * n_pairs,
            angles=int(rng.integers(0, n_pairs + 1)),
        )
        pairs = "neighbors" if i % 2 == 0 else "halves"
        expected = as_recurrence(tokens, pairs)
        found = {name: form(tokens, pairs) for name, form in _OTHER_FORMS.items()}
        found["chunks"] = mix(
            tokens, empty_state(tokens), chunk=int(rng.integers(1, 49)), pairs=pairs
        )[0]
        if pairs == "neighbors":
            found["complex state"] = as_complex_state(tokens)
        for name, y in found.items():
            worst[name] = max(worst[name], float((y - expected).abs().max()))
    worst["steps of one token"] = step_disagreement(seed)
    return worst


def step_disagreement(seed: int) -> float:
    """Whole layers, SISO and MIMO: prefill then steps against one forward, at every split."""
    worst = 0.0
    for rank in (1, 3):
        torch.manual_seed(derive_seed(seed, "layer", rank))
        layer = mamba3(
            Mamba3Config(d_model=8, d_state=8, head_dim=4, rank=rank, chunk=4, dt_range=(0.1, 1.0))
        ).double()
        u = torch.randn(2, 9, 8, dtype=torch.float64)
        with torch.no_grad():
            expected = layer(u)
            for split in range(10):
                y, state = layer.prefill(u[:, :split])
                parts = [y]
                for t in range(split, 9):
                    y, state = layer.step(u[:, t], state)
                    parts.append(y[:, None])
                worst = max(worst, float((torch.cat(parts, 1) - expected).abs().max()))
    return worst


def gradient_disagreement(seed: int, n_directions: int = 8, h: float = 1e-6) -> float:
    """Largest relative gap between the chunked form's gradient and central differences.

    Directions are random in all of x, B, C, Δ, log α, λ and the angles at once.
    """
    tokens = random_tokens(seed, batch=1, seq=11, rank=2, state=4, angles=1)
    leaves = [part.clone().requires_grad_(True) for part in tokens[:7]]
    weights = torch.from_numpy(generator(seed, "weights").standard_normal(tuple(tokens.x.shape)))

    def value(parts: list[Tensor]) -> Tensor:
        made = Tokens(*parts)
        return (mix(made, empty_state(made), chunk=4, pairs="neighbors")[0] * weights).sum()

    gradients = torch.autograd.grad(value(leaves), leaves)
    gaps = []
    for i in range(n_directions):
        rng = generator(seed, "direction", i)
        steps = [torch.from_numpy(np.asarray(rng.standard_normal(tuple(p.shape)))) for p in leaves]
        with torch.no_grad():
            up = value([p + h * s for p, s in zip(leaves, steps, strict=True)])
            down = value([p - h * s for p, s in zip(leaves, steps, strict=True)])
        measured = float(up - down) / (2 * h)
        predicted = float(sum((g * s).sum() for g, s in zip(gradients, steps, strict=True)))
        gaps.append(abs(measured - predicted) / max(1.0, abs(predicted)))
    return max(gaps)


# -------------------------------------------------------------------------------------- convergence
VARIANTS: Mapping[str, tuple[str, str, Callable[[float], float] | None]] = {
    "Euler, constant A": ("constant A", "exponential-Euler", None),
    "λ = 1/2, constant A": ("constant A", "exponential-trapezoidal", lambda step: 0.5),
    "λ = 1/2 + Δ, constant A": ("constant A", "exponential-trapezoidal", lambda step: 0.5 + step),
    "λ = 0.7, constant A": ("constant A", "exponential-trapezoidal", lambda step: 0.7),
    "Euler, A(t)": ("A(t)", "exponential-Euler", None),
    "λ = 1/2, A(t)": ("A(t)", "exponential-trapezoidal", lambda step: 0.5),
    "λ = 1/2, A(t) averaged": ("A(t)", "mean A", lambda step: 0.5),
}
"""Name to equation, rule, and λ as a function of the step."""


@dataclass(frozen=True)
class Order:
    """Errors of one rule on one equation, and the slope of log error on log step."""

    steps: np.ndarray
    errors: np.ndarray
    slope: Interval


def order(
    equation: Equation,
    rule: str,
    lam: Callable[[float], float] | None,
    counts: Sequence[int],
) -> Order:
    """Errors at the end for each number of steps; slope by least squares with its 95 % interval."""
    exact = equation.exact()
    steps = T_END / np.asarray(counts)
    errors = np.array(
        [abs(equation.solve(rule, n, lam(T_END / n) if lam else None)[-1] - exact) for n in counts]
    )
    fit = sm.OLS(np.log(errors), sm.add_constant(np.log(steps))).fit()
    low, high = fit.conf_int()[1]
    slope = Interval(float(fit.params[1]), float(low), float(high), None, len(counts))
    return Order(steps, errors, slope)


def orders(counts: Sequence[int]) -> dict[str, Order]:
    """Every one of :data:`VARIANTS`."""
    return {
        name: order(EQUATIONS[equation], rule, lam, counts)
        for name, (equation, rule, lam) in VARIANTS.items()
    }


RANDOM: Mapping[str, tuple[bool, str]] = {
    "Euler, constant A": (True, "exponential-Euler"),
    "λ = 1/2, constant A": (True, "exponential-trapezoidal"),
    "λ = 1/2, A(t)": (False, "exponential-trapezoidal"),
    "λ = 1/2, A(t) averaged": (False, "mean A"),
}
"""Name to whether A is held at its value at 0, and the rule, for random equations."""


def random_orders(counts: Sequence[int], n_equations: int, seed: int) -> dict[str, np.ndarray]:
    """Slopes of every one of :data:`RANDOM`, one a random smooth equation."""
    slopes: dict[str, list[float]] = {name: [] for name in RANDOM}
    for number in range(n_equations):
        smooth = random_equation(seed, number)
        held = Equation(partial(_held, smooth.A), smooth.u)
        for name, (is_constant, rule) in RANDOM.items():
            equation = held if is_constant else smooth
            slopes[name].append(order(equation, rule, lambda step: 0.5, counts).slope.estimate)
    return {name: np.array(found) for name, found in slopes.items()}


def _held(A: Signal, t: np.ndarray) -> np.ndarray:
    """A as it is at time 0, at every time."""
    return A(np.array(0.0)) + 0 * np.asarray(t)


# ------------------------------------------------------------------------------------------ kernels
FILES = {
    "SISO": "mamba3/official_kernel_siso_T63.npz",
    "MIMO": "mamba3/official_kernel_mimo_R4_T128.npz",
}
PAIRS: dict[str, Pairs] = {"SISO": "neighbors", "MIMO": "halves"}


@dataclass(frozen=True)
class Recorded:
    """Inputs of a kernel in our names, and the output that it gave.

    z : (batch, seq, heads, head_dim), gate before SiLU
    D : (heads,)
    mimo : (heads, rank, head_dim) for x, z and the output; ones for SISO
    out : (batch, seq, heads, head_dim), before the output projection
    raw_angle : (batch, seq, heads, angles), before π tanh
    """

    kind: str
    tokens: Tokens
    z: Tensor
    D: Tensor
    mimo: tuple[Tensor, Tensor, Tensor]
    out: Tensor
    raw_angle: Tensor


def load_recorded(kind: str) -> Recorded:
    """Read one of :data:`FILES`; everything in float64.

    Raises ``DataUnavailable`` where the file is not to be had.
    """
    if kind not in FILES:
        raise ValueError(f"unknown kernel {kind!r}; choose one of {', '.join(FILES)}")
    return read_recorded(fetch(FILES[kind]), kind)


def read_recorded(path: Path, kind: str) -> Recorded:
    """The arrays of a file of :data:`FILES`, renamed: Q is C, K is B, V is x."""
    with np.load(path, allow_pickle=False) as arrays:
        raw = {name: torch.from_numpy(arrays[name]).double() for name in arrays.files}
    heads = raw["kw_D"].shape[0]

    def biased(name: str) -> Tensor:  # (batch, seq, rank, 1, state) or (batch, seq, 1, state)
        x, bias = raw[f"kw_{name}"], raw[f"kw_{name}_bias"]
        x = x.squeeze(-2) if x.ndim == 5 else x
        bias = bias if bias.ndim == 3 else bias[:, None]
        return x[:, :, None] + bias

    dt = raw["kw_DT"].transpose(1, 2)
    C, B = biased("Q"), biased("K")
    shape = (heads, C.shape[3], raw["kw_V"].shape[-1])
    names = ("kw_MIMO_V", "kw_MIMO_Z", "kw_MIMO_Out")
    mimo = tuple(raw.get(name, torch.ones(shape, dtype=torch.float64)) for name in names)
    tokens = Tokens(
        x=raw["kw_V"][:, :, :, None] * mimo[0],
        B=B,
        C=C,
        dt=dt,
        log_alpha=raw["kw_ADT"].transpose(1, 2),
        lam=torch.sigmoid(raw["kw_Trap"].transpose(1, 2)),
        turn=math.pi * torch.tanh(raw["kw_Angles"]) * dt[..., None],
    )
    return Recorded(kind, tokens, raw["kw_Z"], raw["kw_D"], mimo, raw["out"], raw["kw_Angles"])


def output(recorded: Recorded, tokens: Tokens | None = None, pairs: Pairs | None = None) -> Tensor:
    """What our code makes of the kernel's inputs, in the shape of ``recorded.out``.

    tokens, pairs : replace the right ones, to see what a mistake would cost
    """
    tokens = recorded.tokens if tokens is None else tokens
    y, _ = mix(tokens, empty_state(tokens), chunk=16, pairs=pairs or PAIRS[recorded.kind])
    y = y + recorded.D[:, None, None] * tokens.x
    return (y * silu(recorded.z[:, :, :, None] * recorded.mimo[1]) * recorded.mimo[2]).sum(3)


def relative_rms(found: Tensor, expected: Tensor) -> float:
    """Root mean square of the difference over that of the expected."""
    return float((found - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt())


def _without_alpha_in_beta(one: Recorded) -> Tokens:
    """β = (1-λ)Δ instead of (1-λ)Δα, as another λ and Δ with the same γ."""
    t = one.tokens
    gamma, left = t.lam * t.dt, (1 - t.lam) * t.dt * (-t.log_alpha).exp()
    return t._replace(dt=gamma + left, lam=gamma / (gamma + left))


MISTAKES: Mapping[str, Callable[[Recorded], tuple[Tokens, Pairs]]] = {
    "none": lambda r: (r.tokens, PAIRS[r.kind]),
    "angle without π tanh": lambda r: (
        r.tokens._replace(turn=r.raw_angle * r.tokens.dt[..., None]),
        PAIRS[r.kind],
    ),
    "no rotation": lambda r: (r.tokens._replace(turn=0 * r.tokens.turn), PAIRS[r.kind]),
    "the other pairs": lambda r: (
        r.tokens,
        "halves" if PAIRS[r.kind] == "neighbors" else "neighbors",
    ),
    "β without α": lambda r: (_without_alpha_in_beta(r), PAIRS[r.kind]),
    "λ = 1": lambda r: (r.tokens._replace(lam=torch.ones_like(r.tokens.lam)), PAIRS[r.kind]),
}
"""What implementations get wrong, and the tokens and pairs that each mistake amounts to."""


def mistake_errors() -> dict[str, dict[str, float]]:
    """Relative RMS error of each of :data:`MISTAKES`, by kernel."""
    errors = {}
    for kind in FILES:
        one = load_recorded(kind)
        errors[kind] = {
            name: relative_rms(output(one, *make(one)), one.out) for name, make in MISTAKES.items()
        }
    return errors
