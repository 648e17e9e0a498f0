"""Do all forms of the layer say the same?  Random systems, largest differences (C1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from companion.mamba3.method import views
from companion.mamba3.method.layer import Mamba3Config, mamba3
from companion.mamba3.method.mixing import State, Tokens, mix
from companion.scale import derive_seed, generator


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
    "masked attention": views.as_masked_attention,
    "width-2 convolution": views.as_convolution,
    "R² single systems": views.as_single_systems,
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
        expected = views.as_recurrence(tokens, pairs)
        found = {name: form(tokens, pairs) for name, form in _OTHER_FORMS.items()}
        found["chunks"] = mix(
            tokens, empty_state(tokens), chunk=int(rng.integers(1, 49)), pairs=pairs
        )[0]
        if pairs == "neighbors":
            found["complex state"] = views.as_complex_state(tokens)
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
