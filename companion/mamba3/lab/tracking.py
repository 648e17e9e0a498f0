r"""State tracking: one layer follows a walk, and is asked where it stands after every move.

Beside the layers that are trained stand those that count without training: a start token writes,
moves only turn the state by :math:`2\pi/k`.  Parity is k = 2: with one pair of coordinates, and a
write of its own for each one, the state obeys :math:`h \leftarrow -h + 1`, so it is the parity.

Arithmetic modulo 5, the paper's other two tasks, asks three layers once, at the end.  It is for
paper scale: it takes longer than a laptop has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats as _scipy
from torch import Tensor

from companion.mamba3.lab.checks import empty_state
from companion.mamba3.lab.models import (
    UNASKED,
    MixerConfig,
    Probe,
    Recipe,
    Stack,
    cost,
    longest_first,
    stacks,
)
from companion.mamba3.method.layer import Mamba2Config, Mamba3, Mamba3Config
from companion.mamba3.method.mixing import Tokens, mix
from companion.scale import torch_generator
from companion.stats import Interval, proportion
from companion.sweep import sweep


# -------------------------------------------------------------------------------------------- tasks
class Task(NamedTuple):
    """A walk on the numbers modulo `order`: each token is a move, each label the sum so far."""

    name: str
    order: int

    @property
    def chance(self) -> float:
        """Accuracy of a guess."""
        return 1 / self.order


TASKS = {"parity": Task("parity", 2), "modulo 3": Task("modulo 3", 3)}


def walks(task: Task, n: int, seq: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """`n` random walks: tokens and labels, both int64 (n, seq).

    The first token is a start token (number ``order``), whose label is 0.
    """
    if seq < 1:
        raise ValueError(f"a walk has at least its start token, got seq {seq}")
    moves = torch.randint(task.order, (n, seq), generator=rng)
    moves[:, 0] = 0
    labels = moves.cumsum(1) % task.order
    moves[:, 0] = task.order
    return moves, labels


def scaled_accuracy(accuracy: Tensor, chance: float) -> Tensor:
    """0 at chance, 1 when perfect, negative below chance. Paper, Table 5b."""
    return (accuracy - chance) / (1 - chance)


# ----------------------------------------------------------------------------------------- training
AT_ONCE = 4
"""Seeds of one stack: what eight of them work on at once no longer fits a core's cache."""

_SIZES = {"d_model": 32, "d_state": 8, "head_dim": 32, "dt_range": (0.1, 1.0), "chunk": 16}
_M3 = _SIZES | {"rope_fraction": 1.0, "tail": "softplus"}

VARIANTS: Mapping[str, MixerConfig] = {
    "Mamba-3": Mamba3Config(**_M3),
    "Mamba-3, standard RoPE": Mamba3Config(**_M3, rotation="standard"),
    "Mamba-3, no RoPE": Mamba3Config(**_M3, rotation="none"),
    "Mamba-2": Mamba2Config(**_SIZES),
    "real, both signs": Mamba3Config(**_M3, rotation="none", negative=True),
}
"""One layer, one width; Δ starts in [0.1, 1], because half a turn needs Δ near 1."""


@dataclass(frozen=True)
class Training:
    """How a run trains.

    n_seeds, steps, batch : of the stack, updates, sequences a step and seed
    lengths : the curriculum; a single value is a fixed length
    lr : peak learning rate
    """

    n_seeds: int
    steps: int
    batch: int
    lengths: tuple[int, ...]
    lr: float = 5e-3

    def __post_init__(self) -> None:
        if min(self.n_seeds, self.steps, self.batch, *self.lengths) < 1:
            raise ValueError(f"all numbers of a training must be positive, got {self}")
        if list(self.lengths) != sorted(self.lengths):
            raise ValueError(f"a curriculum must not shrink, got {self.lengths}")

    def length(self, step: int) -> int:
        """Length of the walks of update `step`: grows in equal shares, the last share stays.

        3, 40, 160 means from 3 to 40 in the first third, to 160 in the second, and 160 in the
        third.
        """
        if len(self.lengths) == 1:
            return self.lengths[0]
        place = min(step / self.steps * len(self.lengths), len(self.lengths) - 1)
        return int(np.interp(place, range(len(self.lengths)), self.lengths))


@dataclass(frozen=True)
class Tracked:
    """What became of one variant on one task.

    curve : (longest + 1, n_seeds), scaled accuracy after 0, 1, ... moves
    alive : (n_seeds,), whether the loss of every update was finite; other seeds read NaN
    train_length : longest walk of the training
    turns : angle of each move, (n_seeds, order, heads, angles) in radians, or None
    decay : |A| of each move, (n_seeds, order, heads), or None
    """

    task: str
    variant: str
    curve: np.ndarray
    alive: np.ndarray
    train_length: int
    turns: np.ndarray | None = field(default=None, repr=False)
    decay: np.ndarray | None = field(default=None, repr=False)

    def at(self, length: int) -> np.ndarray:
        """Scaled accuracy after `length` moves, one a seed."""
        if not 0 <= length < len(self.curve):
            raise ValueError(f"walks of 0 to {len(self.curve) - 1} moves were read, not {length}")
        return self.curve[length]


def track(
    task: str,
    variant: str,
    training: Training,
    longest: int,
    n_read: int,
    seed: int,
    seeds: Sequence[int] | None = None,
) -> Tracked:
    """Train seeds of one variant in a stack, then read them on walks of `longest` moves.

    n_read : walks, the same for all seeds.  A diverged seed is kept, with an accuracy of NaN.
    seed : the first of the training's
    seeds : those to train here, some of the training's; all of them by default
    """
    config, walk = VARIANTS[variant], TASKS[task]
    seeds = range(seed, seed + training.n_seeds) if seeds is None else seeds
    stack = Stack(lambda: Probe(config, walk.order + 1, walk.order), seeds)
    sources = [torch_generator(one, "walks", task) for one in seeds]

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        length = training.length(step) + 1  # the start token is not a move
        drawn = [walks(walk, training.batch, length, source) for source in sources]
        return tuple(torch.stack(parts) for parts in zip(*drawn, strict=True))

    losses = stack.train(batch_at, Recipe(training.steps, training.lr))
    curve = read(stack, walk, longest, n_read, torch_generator(seed, "reading", task))
    alive = np.isfinite(losses).all(axis=0)
    curve[:, ~alive] = np.nan
    turns, decay = moves_of(stack, walk) if isinstance(config, Mamba3Config) else (None, None)
    return Tracked(task, variant, curve, alive, training.lengths[-1], turns, decay)


@torch.no_grad()
def read(stack: Stack, task: Task, longest: int, n: int, rng: torch.Generator) -> np.ndarray:
    """Scaled accuracy after each move, (longest + 1, n_seeds), on the same walks for all.

    A layer is causal, so what it says after 40 moves is what it says of walks of 40 moves.
    """
    right = torch.zeros(longest + 1, len(stack.seeds), dtype=torch.double)
    size = max(1, 16_384 // (longest + 1))
    for done in range(0, n, size):
        tokens, labels = walks(task, min(size, n - done), longest + 1, rng)
        said = stack(tokens.expand(len(stack.seeds), -1, -1)).argmax(-1)
        right += (said == labels).double().sum(1).T
    return scaled_accuracy(right / n, task.chance).numpy()


@torch.no_grad()
def moves_of(stack: Stack, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Angle and |A| that each move has in a trained Mamba-3: what the layer learned.

    The layer sees one token at a time, so a move always has the same angle and decay.
    Returns (n_seeds, order, heads, angles) in radians and (n_seeds, order, heads).
    """
    turns, decays = [], []
    for index in range(len(stack.seeds)):
        model = stack.one(index)
        layer: Mamba3 = model.mixers[0]
        u = model.norms[0](model.embedding(torch.arange(task.order)))[:, None]
        tokens, _, _ = layer.project(u, u.new_zeros(task.order, 0, layer.conv.channels))
        turns.append(tokens.turn[:, 0].numpy())
        decays.append((-tokens.log_alpha / tokens.dt)[:, 0].numpy())
    return np.stack(turns), np.stack(decays)


def track_all(
    task: str,
    trainings: Mapping[str, Training],
    longest: int,
    n_read: int,
    seed: int,
    *,
    n_jobs: int | None = 1,
) -> dict[str, Tracked]:
    """Every arm on one task, each a stack of seeds: name to result.

    trainings : name of an arm to how it trains
    """
    if unknown := {*trainings} - {*VARIANTS}:
        raise ValueError(f"unknown {sorted(unknown)}; variants are {', '.join(VARIANTS)}")
    parts = [
        (name, training, part)
        for name, training in trainings.items()
        for part in stacks(range(seed, seed + training.n_seeds), AT_ONCE)
    ]
    found = longest_first(
        partial(track, longest=longest, n_read=n_read),
        [
            {
                "task": task,
                "variant": name,
                "training": training,
                "seed": seed,
                "seeds": list(part),
            }
            for name, training, part in parts
        ],
        [len(part) * cost(VARIANTS[name]) for name, _, part in parts],
        n_jobs=n_jobs,
        label=task,
    )
    return {name: together([run for run in found if run.variant == name]) for name in trainings}


def together(runs: Sequence[Tracked]) -> Tracked:
    """Runs of one arm on some of its seeds each, in their order, as one."""
    turns, decay = (
        None if parts[0] is None else np.concatenate(parts)
        for parts in zip(*((run.turns, run.decay) for run in runs), strict=True)
    )
    return replace(
        runs[0],
        curve=np.concatenate([run.curve for run in runs], 1),
        alive=np.concatenate([run.alive for run in runs]),
        turns=turns,
        decay=decay,
    )


# --------------------------------------------------------------------------------------- over seeds
SOLVES = 0.99
"""Scaled accuracy from which a run solves a task; the paper prints 100.00 % on parity."""

STARTS = 0.9
"""Scaled accuracy after two moves from which an arm has learned something."""


def solved(run: Tracked, length: int) -> Interval:
    """Share of all seeds that solve the task at a length; one that diverged does not."""
    values = run.at(length)
    return proportion(int((values >= SOLVES).sum()), len(values))


def after_two(run: Tracked) -> Interval:
    """Share of the seeds that are right after two moves, so the arm has learned something."""
    values = run.at(2)
    return proportion(int((values >= STARTS).sum()), len(values))


def count(run: Tracked, length: int) -> str:
    """How many seeds solve the task at a length: ``5 of 8 (1 diverged)``."""
    n_lost = int((~run.alive).sum())
    told = f"{int((run.at(length) >= SOLVES).sum())} of {len(run.alive)}"
    return told + (f" ({n_lost} diverged)" if n_lost else "")


def welch(a: np.ndarray, b: np.ndarray) -> Interval:
    """Difference of two means with its 95 % Welch interval; none where a value is not finite."""
    gap, n = float(np.mean(a) - np.mean(b)), len(a) + len(b)
    if min(len(a), len(b)) < 2 or not np.isfinite(gap) or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return Interval(gap, -np.inf, np.inf, None, n)
    test = _scipy.ttest_ind(a, b, equal_var=False)
    low, high = test.confidence_interval(0.95)
    return Interval(gap, float(low), float(high), float(test.pvalue), n)


# ----------------------------------------------------------------------------------- built by hand
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


# ------------------------------------------------------------------------------ arithmetic modulo 5
BASE = 5
SYMBOLS = "01234+-*()="
"""Tokens by number: the digits, three operators, two brackets, and the question."""

N_LAYERS = 3
ARITHMETIC = ("plain", "brackets")
"""Without brackets: digits with +, - and *, which binds tighter.  With: a tree of + and -."""


def draw(n: int, rng: torch.Generator) -> int:
    """A whole number from 0 to n - 1."""
    return int(torch.randint(n, (), generator=rng))


def plain(length: int, rng: torch.Generator) -> str:
    """An expression of `length` symbols, an odd number: digits with operators between them."""
    return "".join(
        SYMBOLS[draw(BASE, rng)] if i % 2 == 0 else "+-*"[draw(3, rng)] for i in range(length)
    )


def bracketed(length: int, rng: torch.Generator) -> str:
    """A tree of `length` symbols: n, -n, (n), (-n), or (left op right) with op + or -."""
    if length < 5:
        number = SYMBOLS[draw(BASE, rng)]
        return (f"{number}", f"-{number}", f"({number})", f"(-{number})")[length - 1]
    left = 1 + draw(length - 4, rng)
    parts = bracketed(left, rng), bracketed(length - 3 - left, rng)
    return f"({parts[0]}{'+-'[draw(2, rng)]}{parts[1]})"


def value(expression: str) -> int:
    """What an expression is modulo 5, by one pass with a stack."""
    outside: list[tuple[int, int]] = []
    total, factor, sign, product = 0, 0, 1, False
    for before, symbol in zip(f"({expression}", expression, strict=False):
        if symbol.isdigit():
            factor = factor * int(symbol) if product else sign * int(symbol)
            product = False
        elif symbol == "*":
            product = True
        elif symbol in "+-":
            turn = 1 if symbol == "+" else -1
            is_sign = before in "+-("  # of the number behind it, and no operator
            total, sign = (total, sign * turn) if is_sign else (total + factor, turn)
        elif symbol == "(":
            outside.append((total, sign))
            total, sign = 0, 1
        else:
            before_it, sign = outside.pop()
            total, factor = before_it, sign * (total + factor)
    return (total + factor) % BASE


def problems(task: str, n: int, length: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """`n` expressions and a question mark each: tokens and labels, (n, length + 1).

    Without brackets the expression has an odd number of symbols, at most `length`.
    """
    if task not in ARITHMETIC:
        raise ValueError(f"unknown task {task!r}; known are {', '.join(ARITHMETIC)}")
    length = length if task == "brackets" else length - (length + 1) % 2
    make = bracketed if task == "brackets" else plain
    texts = [make(length, rng) for _ in range(n)]
    tokens = torch.tensor([[SYMBOLS.index(symbol) for symbol in f"{text}="] for text in texts])
    labels = torch.full_like(tokens, UNASKED)
    labels[:, -1] = torch.tensor([value(text) for text in texts])
    return tokens, labels


def calculate(
    task: str, arm: str, training: Training, read_at: int, n_read: int, seed: int
) -> np.ndarray:
    """Scaled accuracy at expressions of `read_at` symbols, one a seed; NaN where one diverged."""
    seeds = range(seed, seed + training.n_seeds)
    stack = Stack(lambda: Probe(VARIANTS[arm], len(SYMBOLS), BASE, N_LAYERS), seeds)
    sources = [torch_generator(one, "expressions", task) for one in seeds]

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        length = training.length(step)
        drawn = [problems(task, training.batch, length, source) for source in sources]
        return tuple(torch.stack(parts) for parts in zip(*drawn, strict=True))

    losses = stack.train(batch_at, Recipe(training.steps, training.lr))
    tokens, labels = problems(task, n_read, read_at, torch_generator(seed, "exam", task))
    right = []
    with torch.no_grad():
        for part, asked in zip(tokens.split(64), labels.split(64), strict=True):
            said = stack(part.expand(len(seeds), -1, -1))[:, :, -1].argmax(-1)
            right.append(said == asked[:, -1])
    found = scaled_accuracy(torch.cat(right, 1).double().mean(1), 1 / BASE).numpy()
    return np.where(np.isfinite(losses).all(axis=0), found, np.nan)


def calculate_all(
    arms: Sequence[str],
    training: Training,
    read_at: int,
    n_read: int,
    seed: int,
    *,
    n_jobs: int | None = 1,
) -> dict[str, dict[str, np.ndarray]]:
    """Every arm on both tasks: task to arm to scaled accuracy, one a seed."""
    call = partial(calculate, training=training, read_at=read_at, n_read=n_read)
    pairs = [(task, arm) for task in ARITHMETIC for arm in arms]
    jobs = [{"task": task, "arm": arm, "seed": seed} for task, arm in pairs]
    found = dict(
        zip(pairs, sweep(call, jobs, n_jobs=n_jobs, label="mod 5", unpack=True), strict=True)
    )
    return {task: {arm: found[task, arm] for arm in arms} for task in ARITHMETIC}
