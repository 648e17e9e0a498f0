"""Run times on this machine: the scan in chunks, one decode step, and how both grow (C8, C9)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from companion.mamba3.lab.checks import random_tokens
from companion.mamba3.method.layer import Mamba3Config, mamba3
from companion.mamba3.method.mixing import cumulative_angle, rotate
from companion.mamba3.method.scan import chunked, recurrence
from companion.scale import one_thread
from companion.stats import Interval, bootstrap

Run = Callable[[], object]

BLOCK = 16
"""Heads of one block of a state update: half a megabyte of state at P = 64, N = 128."""


def interleaved(runs: Mapping[str, Run], rounds: int) -> dict[str, np.ndarray]:
    """Processor seconds of each run, round by round; a slow moment of the machine meets all.

    One thread, so that other programs count by what they do to the caches alone.  Rounds have a
    shuffled order and each timed call follows an untimed one, so that no run pays for what its
    neighbor left in the cache.
    """
    order, rng = list(runs), np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in runs}
    with one_thread():
        for _ in range(rounds):
            rng.shuffle(order)
            for name in order:
                run = runs[name]
                run()
                start = time.thread_time()
                run()
                times[name].append(time.thread_time() - start)
    return {name: np.array(values) for name, values in times.items()}


def ratio_of_medians(above: np.ndarray, below: np.ndarray, rng: np.random.Generator) -> Interval:
    """Median of `above` over median of `below`; bootstrap over rounds, which stay paired."""
    pairs = np.stack([above, below], axis=1)

    def statistic(sample: np.ndarray, axis: int | None = None) -> float:
        return float(np.divide(*np.median(sample, axis=0)))

    return bootstrap(pairs, statistic, rng=rng)


@dataclass(frozen=True)
class DecodeTimes:
    """Seconds of one state update: rank to times, in a large and in a small state.

    n_bytes : of each state; slow : the ways of R = 1 that were not the fastest
    """

    times: dict[str, dict[int, np.ndarray]]
    n_bytes: dict[str, int]
    slow: dict[str, dict[str, np.ndarray]]

    def ratio(self, state: str, rank: int, rng: np.random.Generator) -> Interval:
        """Time of `rank` over the time of rank 1."""
        return ratio_of_medians(self.times[state][rank], self.times[state][1], rng)


def decode_times(
    heads: Mapping[str, int], ranks: Sequence[int], rounds: int, P: int = 64, N: int = 128
) -> DecodeTimes:
    """Time H ← αH + XᵀB, Y = CHᵀ for float32 states of (heads, P, N), buffers allocated before.

    heads : name of a state to its number of heads
    R = 1 is timed as a broadcast product, as addcmul, and as a matrix product; the fastest counts.
    """
    times, n_bytes, slow = {}, {}, {}
    for name, n_heads in heads.items():
        runs: dict[str, Run] = {}
        for rank in ranks:
            ways = ("bmm", "broadcast", "addcmul") if rank == 1 else ("bmm",)
            runs |= {f"{rank} {way}": _update(n_heads, P, N, rank, way) for way in ways}
        measured = interleaved(runs, rounds)
        single = {way: t for way, t in measured.items() if way.startswith("1 ")}
        best = min(single, key=lambda way: np.median(single[way]))
        slow[name] = {way[2:]: t for way, t in single.items() if way != best}
        times[name] = {rank: measured[best if rank == 1 else f"{rank} bmm"] for rank in ranks}
        n_bytes[name] = n_heads * P * N * 4
    return DecodeTimes(times, n_bytes, slow)


def _update(heads: int, P: int, N: int, rank: int, way: str) -> Run:
    """One update in place; the numbers stay bounded because α < 1.

    Heads are taken in blocks that fit into a core's cache, so that a state much larger than the
    cache moves once and not once an operation: what a fused kernel does.
    """
    rng = torch.Generator().manual_seed(0)
    H = torch.randn(heads, P, N, generator=rng)
    B, C = torch.randn(2, heads, rank, N, generator=rng)
    X = torch.randn(heads, P, rank, generator=rng) / math.sqrt(N)
    alpha = torch.full((heads, 1, 1), 0.9)
    Y, spare = torch.empty(heads, P, rank), torch.empty(min(heads, BLOCK), P, N)
    blocks = [
        (H[i:j], alpha[i:j], X[i:j], B[i:j], C[i:j].transpose(1, 2), Y[i:j], spare[: j - i])
        for i in range(0, heads, BLOCK)
        for j in [min(heads, i + BLOCK)]
    ]

    def run() -> None:
        for h, a, x, b, c, y, product in blocks:
            if way == "bmm":
                h.mul_(a).baddbmm_(x, b)
            elif way == "addcmul":
                h.mul_(a).addcmul_(x, b)
            else:
                torch.mul(x, b, out=product)
                h.mul_(a).add_(product)
            torch.bmm(h, c, out=y)

    return run


class AttentionStep(nn.Module):
    """One attention layer that decodes with a cache of all earlier keys and values."""

    def __init__(self, d_model: int, head_dim: int, longest: int, batch: int) -> None:
        super().__init__()
        self.heads, self.head_dim = d_model // head_dim, head_dim
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)
        shape = (2, batch, self.heads, longest, head_dim)
        self.register_buffer(
            "cache", torch.randn(shape, generator=torch.Generator().manual_seed(0))
        )

    def forward(self, u: Tensor, context: int) -> Tensor:
        """Output (batch, d_model) of a token that sees `context` tokens, itself included."""
        q, k, v = self.qkv(u).reshape(len(u), 3, self.heads, 1, self.head_dim).unbind(1)
        self.cache[0, :, :, context - 1], self.cache[1, :, :, context - 1] = k[:, :, 0], v[:, :, 0]
        keys, values = self.cache[:, :, :, :context]
        y = scaled_dot_product_attention(q, keys, values)
        return self.out(y.reshape(len(u), -1))


@dataclass(frozen=True)
class ContextTimes:
    """Seconds of one decoded token against the context before it.

    contexts : tokens; times : layer to (n_contexts, rounds); n_bytes : layer to what it keeps
    """

    contexts: np.ndarray
    times: dict[str, np.ndarray]
    n_bytes: dict[str, np.ndarray]

    def growth(self, layer: str, rng: np.random.Generator) -> Interval:
        """Relative growth of the median step time for eight times the context.

        Least squares of time on log context, over the mean time; bootstrap over rounds.
        """
        x = np.log(self.contexts) / np.log(8.0)

        def statistic(sample: np.ndarray, axis: int | None = None) -> float:
            medians = np.median(sample, axis=0)
            return float(np.polyfit(x, medians, 1)[0] / medians.mean())

        return bootstrap(self.times[layer].T, statistic, rng=rng)

    def slope(self, layer: str, rng: np.random.Generator) -> Interval:
        """Nanoseconds a step for each token of context, by least squares; bootstrap over rounds."""

        def statistic(sample: np.ndarray, axis: int | None = None) -> float:
            return float(np.polyfit(self.contexts, np.median(sample, axis=0), 1)[0] * 1e9)

        return bootstrap(self.times[layer].T, statistic, rng=rng)


@torch.no_grad()
def context_times(contexts: Sequence[int], rounds: int, d_model: int = 256) -> ContextTimes:
    """Time one decoded token of a Mamba-3 layer and of an attention layer of the same width.

    The state space layer really reads the context first (in chunks), and its state is kept.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = mamba3(Mamba3Config(d_model=d_model, d_state=64, head_dim=64))
        attention = AttentionStep(d_model, 64, max(contexts), batch=1)
        u = torch.randn(1, max(contexts), d_model)
    states, state, done = {}, None, 0
    for context in sorted(contexts):
        _, state = layer.prefill(u[:, done : context - 1], state)
        states[context], done = state, context - 1
    token = u[:, -1]
    runs = {f"Mamba-3 {n}": lambda n=n: layer.step(token, states[n]) for n in contexts}
    runs |= {f"attention {n}": lambda n=n: attention(token, n) for n in contexts}
    measured = interleaved(runs, rounds)
    kept = {
        "Mamba-3": np.array([states[n].n_bytes() for n in contexts]),
        "attention": np.array([2 * 4 * n * d_model for n in contexts]),
    }
    times = {
        name: np.stack([measured[f"{name} {n}"] for n in contexts])
        for name in ("Mamba-3", "attention")
    }
    return ContextTimes(np.array(contexts), times, kept)


# --------------------------------------------------------------------------------------------- scan
def scan_inputs(seq: int, rank: int) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Leaves (C, B, x, log α) of a random scan, and its γ, β and κ; four heads of 64, float32."""
    tokens = random_tokens(
        0,
        batch=1,
        seq=seq,
        heads=4,
        rank=rank,
        head_dim=64,
        state=64,
        angles=16,
        dtype=torch.float32,
    )
    angle = cumulative_angle(tokens.turn)[:, :, :, None]
    C, B = rotate(tokens.C, angle), rotate(tokens.B, angle)
    leaves = [part.detach().requires_grad_(True) for part in (C, B, tokens.x, tokens.log_alpha)]
    gamma = tokens.lam * tokens.dt
    left = (1 - tokens.lam) * tokens.dt
    kappa = gamma + pad(left[:, 1:], (0, 0, 0, 1))
    return leaves, gamma, left * tokens.log_alpha.exp(), kappa


def published_chunks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_a: Tensor,
    gamma: Tensor,
    kappa: Tensor,
    *,
    chunk: int,
    apart: bool = False,
) -> Tensor:
    """The scan as the authors' reference has it, step by step; `seq` is a multiple of `chunk`.

    All keys are scaled by κ, the mask has a diagonal, and what the diagonal has too much is taken
    away at the end.  Arguments and result as in :func:`companion.mamba3.method.scan.chunked`.
    apart : whether the chunks' states are taken apart at once, as ours are, and not one by one,
        which costs the gradient much time where chunks are many
    """
    batch, seq, heads, rank, state = q.shape
    n, width = seq // chunk, v.shape[-1]

    def rows(x: Tensor) -> Tensor:
        x = x.reshape(batch, n, chunk, heads, rank, x.shape[-1]).permute(0, 3, 1, 2, 4, 5)
        return x.reshape(batch, heads, n, chunk * rank, x.shape[-1])

    too_much = torch.einsum("bshin,bshjn->bshij", q, k) * (kappa - gamma)[..., None, None]
    scaled = k * kappa[..., None, None]
    total = log_a.reshape(batch, n, chunk, heads).permute(0, 3, 1, 2).cumsum(-1)
    past = torch.ones(chunk, chunk, dtype=torch.bool).tril()
    gap = (total[..., :, None] - total[..., None, :]).masked_fill(~past, -torch.inf)
    mask = torch.kron(gap, torch.ones(1, 1, 1, rank, rank)).exp()
    to_end = (total[..., -1:] - total).exp().repeat_interleave(rank, -1)[..., None]
    from_start = total.exp().repeat_interleave(rank, -1)[..., None]
    queries, keys, values = rows(q), rows(scaled), rows(v)
    added = (keys * to_end).transpose(-1, -2) @ values
    before, now = [], q.new_zeros(batch, heads, state, width)
    shrinks = total[..., -1, None, None].exp()
    each = (
        zip(shrinks.unbind(2), added.unbind(2), strict=True)
        if apart
        else ((shrinks[:, :, i], added[:, :, i]) for i in range(n))
    )
    for shrink, part in each:
        before.append(now)
        now = shrink * now + part
    y = (queries * from_start) @ torch.stack(before, 2)
    y = y + ((queries @ keys.transpose(-1, -2)) * mask) @ values
    y = y.reshape(batch, heads, n, chunk, rank, width).permute(0, 2, 3, 1, 4, 5)
    return y.reshape(batch, seq, heads, rank, width) - too_much @ v


ROWS = 64
"""Rows of a chunk, rank times tokens, as the authors have them."""


def scan_times(
    seq: int, rounds: int, ranks: Sequence[int] = (1, 4)
) -> dict[str, dict[str, np.ndarray]]:
    """Seconds of the scan, ours and as published, by rank, without and with the gradient.

    Chunks of :data:`ROWS` rows for all: 64 tokens at rank 1, 16 at rank 4.  The published
    algorithm is timed a second time with our way from chunk to chunk, ``apart``.  At rank 1 with
    the gradient the recurrence is timed too, token by token, and once: it takes many times as long.
    """
    runs: dict[str, Run] = {}
    slow: dict[str, Run] = {}
    for rank in ranks:
        leaves, gamma, beta, kappa = scan_inputs(seq, rank)
        plain, chunk = [leaf.detach() for leaf in leaves], max(1, ROWS // rank)
        for way, function in (
            ("ours", partial(chunked, chunk=chunk)),
            ("published", partial(published_chunks, chunk=chunk)),
            ("published, apart", partial(published_chunks, chunk=chunk, apart=True)),
        ):
            call = partial(_output, function, gamma, kappa)
            runs[f"rank {rank}, forward|{way}"] = partial(call, plain)
            runs[f"rank {rank}, with gradient|{way}"] = partial(_with_gradient, call, leaves)
        if rank == 1:
            call = partial(_output, recurrence, gamma, beta)
            slow["rank 1, with gradient|token by token"] = partial(_with_gradient, call, leaves)
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, times in (interleaved(runs, rounds) | interleaved(slow, 1)).items():
        what, _, way = name.partition("|")
        found.setdefault(what, {})[way] = times
    return found


def _output(scan: Callable, gamma: Tensor, weight: Tensor, leaves: Sequence[Tensor]) -> Tensor:
    """y of a scan with κ, or of the recurrence with β, as its weight of a left end."""
    found = scan(*leaves, gamma, weight)
    return found if isinstance(found, Tensor) else found[0]


def _with_gradient(function: Callable, leaves: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(function(leaves).sum(), leaves)
