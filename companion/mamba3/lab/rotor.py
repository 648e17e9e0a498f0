r"""Layers that count without training: a state that turns, and how its angle's error shows.

A start token writes, moves only turn the state by :math:`2\pi/k`.  Parity is k = 2: with
one pair of coordinates, and a write of its own for each one, the state obeys
:math:`h \leftarrow -h + 1`, so it is the parity.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from companion.mamba3.lab.checks import empty_state
from companion.mamba3.method.mixing import Tokens, mix

HALF_TURN_DT = 1 / math.tanh(2.0)
"""Δ of a one-bit: with u = 2 the released form π tanh(u) Δ turns by exactly π."""
IDLE_DT = 1e-3


def parity_tokens(bits: Tensor, *, decay: float = 1e-4, turn: float = math.pi) -> Tokens:
    """One head, one pair of coordinates, λ = 1, B = C = (1, 1), x = bit.

    bits : (batch, seq) of 0 and 1
    decay : |A|; turn : angle of a one-bit in radians, π is right
    """
    batch, seq = bits.shape
    one = bits.double()[:, :, None]
    dt = one * HALF_TURN_DT + (1 - one) * IDLE_DT
    ones = torch.ones(batch, seq, 1, 1, 2, dtype=torch.float64)
    return Tokens(
        x=one[..., None, None],
        B=ones,
        C=ones,
        dt=dt,
        log_alpha=-decay * dt,
        lam=torch.ones_like(dt),
        turn=(one * turn)[..., None],
    )


def parity_reading(bits: Tensor, *, decay: float = 1e-4, turn: float = math.pi) -> Tensor:
    """y over its height after a single one-bit: about 1 for odd counts, 0 for even ones."""
    tokens = parity_tokens(bits, decay=decay, turn=turn)
    y, _ = mix(tokens, empty_state(tokens), chunk=16, pairs="neighbors")
    return y[:, :, 0, 0, 0] / (2 * HALF_TURN_DT)


def parity_accuracy(
    bits: Tensor, *, decay: float = 1e-4, turn: float = math.pi, last: int = 32
) -> float:
    """Share of the last positions at which the rotor, read at one half, knows the parity."""
    reading = parity_reading(bits, decay=decay, turn=turn)
    right = (reading > 0.5).long() == bits.cumsum(1) % 2
    return float(right[:, -last:].double().mean())


def walk_tokens(moves: Tensor, k: int, *, decay: float = 1e-5, error: float = 0.0) -> Tokens:
    """A rotor of k positions: the first token writes, all others only turn.

    moves : (batch, seq), whole numbers; the first token is the start and its move is not used
    error : radians added to the angle of every unit of a move
    Two heads read cosine and sine of the position: their C are a quarter turn apart.
    """
    batch, seq = moves.shape
    start = torch.zeros(batch, seq, dtype=torch.float64)
    start[:, :1] = 1
    units = moves.double() * (1 - start)
    per_unit = 2 * math.pi / k + error
    dt = torch.ones(batch, seq, 2, dtype=torch.float64)
    B = torch.zeros(batch, seq, 2, 1, 2, dtype=torch.float64)
    B[..., 0] = 1
    C = B.clone()
    C[:, :, 1, :, 0], C[:, :, 1, :, 1] = 0.0, -1.0
    return Tokens(
        x=start[:, :, None, None, None].expand(-1, -1, 2, 1, 1),
        B=B,
        C=C,
        dt=dt,
        log_alpha=-decay * dt,
        lam=torch.ones_like(dt),
        # the kernel's angle turns B and C together; a state turns the other way
        turn=(units * per_unit)[:, :, None, None].expand(-1, -1, 2, 1),
    )


def walk_position(moves: Tensor, k: int, *, decay: float = 1e-5, error: float = 0.0) -> Tensor:
    """The position 0 ... k - 1 that the two readings point at: (batch, seq)."""
    tokens = walk_tokens(moves, k, decay=decay, error=error)
    y, _ = mix(tokens, empty_state(tokens), chunk=16, pairs="neighbors")
    cos, sin = y[:, :, 0, 0, 0], y[:, :, 1, 0, 0]
    return torch.round(torch.atan2(sin, cos) * k / (2 * math.pi)).long() % k


def walk_accuracy(moves: Tensor, k: int, *, error: float = 0.0, last: int = 32) -> float:
    """Share of the last positions that the rotor of k positions gets right."""
    truth = moves.clone()
    truth[:, 0] = 0
    right = walk_position(moves, k, error=error) == truth.cumsum(1) % k
    return float(right[:, -last:].double().mean())


def random_bits(batch: int, seq: int, seed: int) -> Tensor:
    """Fair bits, (batch, seq)."""
    return torch.randint(0, 2, (batch, seq), generator=torch.Generator().manual_seed(seed))


def horizon(error: float) -> float:
    """Ones until an angle error flips the answer, π / (2|ε|): there eq. 6 of the notebook is 0."""
    return math.inf if error == 0 else math.pi / (2 * abs(error))
