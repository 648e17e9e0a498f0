"""Laboratory D: five tasks whose next-token law is known, and a tiny transformer for them.

Laboratory D's language: five tasks whose next-token law is known at every answer position.

Sequences have 12 tokens.  Values are integers modulo 23.  Every answer token is replaced by a
uniform value with probability `NOISE`, and later steps go on from what was written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from companion.scale import torch_generator

# -------------------------------------------------------------------------------------------- tasks
N_VALUES = 23
NOISE = 0.1
LENGTH = 12
N_KEYS = 16
N_OPERATIONS = 8
N_SYMBOLS = 24
TASKS = ("fact", "book", "op", "chain", "free")
FAMILY = {
    "fact": "retrieval",
    "book": "retrieval",
    "op": "reasoning",
    "chain": "reasoning",
    "free": "generation",
}

PAD = 0
TAG = {name: 1 + i for i, name in enumerate(TASKS)}
ASK, IS = 6, 7
VALUE = 8
OPERATION = VALUE + N_VALUES
KEY = OPERATION + N_OPERATIONS
SYMBOL = KEY + N_KEYS
VOCABULARY = SYMBOL + N_SYMBOLS


class Rules(NamedTuple):
    """What is true in one world.

    facts : (16, 16), value of each pair of keys; popularity : (256,), sums to one
    operations : (8, 23), permutations; chain : (24, 24), transition law of the free task
    """

    facts: np.ndarray
    popularity: np.ndarray
    operations: np.ndarray
    chain: np.ndarray


class Batch(NamedTuple):
    """Sequences of one task.

    tokens : int (n, 12), padded at the end; start : first answer position; end : one behind the
        last; prompts are the tokens before `start`
    """

    task: str
    tokens: np.ndarray
    start: int
    end: int


def make_rules(rng: np.random.Generator) -> Rules:
    """Random facts, operations and a Markov chain with Zipf rows."""
    popularity = 1 / np.arange(1, N_KEYS**2 + 1)
    zipf = 1 / np.arange(1, N_SYMBOLS + 1) ** 1.2
    zipf /= zipf.sum()
    return Rules(
        rng.integers(0, N_VALUES, (N_KEYS, N_KEYS)),
        popularity / popularity.sum(),
        np.stack([rng.permutation(N_VALUES) for _ in range(N_OPERATIONS)]),
        np.stack([zipf[rng.permutation(N_SYMBOLS)] for _ in range(N_SYMBOLS)]),
    )


def noisy(right: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Right values, each replaced by a uniform one with probability `NOISE`."""
    wrong = rng.random(right.shape) < NOISE
    return np.where(wrong, rng.integers(0, N_VALUES, right.shape), right)


def write(rules: Rules, task: str, n: int, rng: np.random.Generator) -> Batch:
    """`n` true sequences of a task.

    Raises
    ------
    ValueError : an unknown task
    """
    tokens = np.full((n, LENGTH), PAD)
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}")
    tokens[:, 0] = TAG[task]
    if task == "fact":  # F k1 k2 = v
        pair = rng.choice(N_KEYS**2, n, p=rules.popularity)
        tokens[:, 1], tokens[:, 2], tokens[:, 3] = KEY + pair // N_KEYS, KEY + pair % N_KEYS, IS
        start, end = 4, 5
    elif task == "book":  # B a1 v1 a2 v2 a3 v3 ? a = v
        keys = np.argsort(rng.random((n, N_KEYS)), axis=1)[:, :3]
        tokens[:, 1:7:2] = KEY + keys
        tokens[:, 2:7:2] = VALUE + rng.integers(0, N_VALUES, (n, 3))
        tokens[:, 7], tokens[:, 9] = ASK, IS
        tokens[:, 8] = KEY + keys[np.arange(n), rng.integers(0, 3, n)]
        start, end = 10, 11
    elif task == "op":  # O x o = y
        tokens[:, 1] = VALUE + rng.integers(0, N_VALUES, n)
        tokens[:, 2], tokens[:, 3] = OPERATION + rng.integers(0, N_OPERATIONS, n), IS
        start, end = 4, 5
    elif task == "chain":  # C x o1 o2 o3 = y1 y2 y3
        tokens[:, 1] = VALUE + rng.integers(0, N_VALUES, n)
        tokens[:, 2:5] = OPERATION + rng.integers(0, N_OPERATIONS, (n, 3))
        tokens[:, 5] = IS
        start, end = 6, 9
    else:  # G s1 .. s8
        tokens[:, 1] = SYMBOL + rng.integers(0, N_SYMBOLS, n)
        start, end = 2, 9
    for at in range(start, end):
        if task == "free":
            law = np.cumsum(rules.chain[tokens[:, at - 1] - SYMBOL], axis=1)
            place = (rng.random((n, 1)) > law[:, :-1]).sum(axis=1)
            tokens[:, at] = SYMBOL + place
        else:
            tokens[:, at] = VALUE + noisy(answer(rules, task, tokens, at), rng)
    return Batch(task, tokens, start, end)


def answer(rules: Rules, task: str, tokens: np.ndarray, at: int) -> np.ndarray:
    """The right value at an answer position, given what was written before: (n,)."""
    if task == "fact":
        return rules.facts[tokens[:, 1] - KEY, tokens[:, 2] - KEY]
    if task == "book":
        asked = tokens[:, 1:7:2] == tokens[:, 8:9]
        return (tokens[:, 2:7:2] * asked).sum(axis=1) - VALUE
    step = at - 6 if task == "chain" else 0
    before = tokens[:, 1] if step == 0 else tokens[:, at - 1]
    chosen = tokens[:, 2 + step]
    # a model may write what is no value: such a chain has no right answer, any will do
    value = np.clip(before - VALUE, 0, N_VALUES - 1)
    return rules.operations[chosen - OPERATION, value]


def law(rules: Rules, batch: Batch, at: int) -> np.ndarray:
    """The true next-token distribution at an answer position, (n, vocabulary)."""
    tokens = batch.tokens
    made = np.zeros((len(tokens), VOCABULARY))
    if batch.task == "free":
        made[:, SYMBOL:] = rules.chain[tokens[:, at - 1] - SYMBOL]
        return made
    made[:, VALUE : VALUE + N_VALUES] = NOISE / N_VALUES
    right = answer(rules, batch.task, tokens, at)
    made[np.arange(len(tokens)), VALUE + right] += 1 - NOISE
    return made


# -------------------------------------------------------------------------------------- transformer
BATCH = 128
RATE = 3e-3


class Block(nn.Module):
    """Pre-norm attention and MLP of width 4 d."""

    def __init__(self, d: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        """x : (batch, seq, d)."""
        n, seq, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(n, seq, 3, self.n_heads, d // self.n_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, seq, d_head)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, seq, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    """Token and position embeddings, blocks, a tied head.

    d : width; n_layers : blocks; generator : of the starting weights
    """

    def __init__(self, d: int, n_layers: int, generator: torch.Generator) -> None:
        super().__init__()
        if d % 16:
            raise ValueError(f"the width must be a multiple of 16, got {d}")
        self.embed = nn.Embedding(VOCABULARY, d)
        self.place = nn.Parameter(torch.zeros(LENGTH, d))
        self.blocks = nn.ModuleList(Block(d, d // 16) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d)
        with torch.no_grad():
            for name, p in self.named_parameters():
                if p.ndim == 2:
                    deep = name.endswith(("out.weight", "down.weight"))
                    spread = 0.5 / math.sqrt(d) if "blocks" not in name else 1 / math.sqrt(d)
                    p.normal_(0, spread / (2 * n_layers if deep else 1), generator=generator)
                elif name.endswith("bias"):
                    p.zero_()

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (batch, seq, vocabulary) of tokens (batch, seq)."""
        x = self.embed(tokens) + self.place[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.embed.weight.T * 2


def train(size: tuple[int, int], batches: Sequence[Batch], steps: int, seed: int) -> Transformer:
    """Train on the answer tokens of all sequences with AdamW and a cosine rate.

    size : (d, n_layers); the starting weights and the order of the data depend on the seed alone
    steps : updates of 128 sequences; the data are shuffled anew whenever they are used up
    """
    model = Transformer(*size, torch_generator(seed, "transformer", *size))
    tokens = torch.as_tensor(np.concatenate([b.tokens for b in batches]))
    spans = np.repeat([(b.start, b.end) for b in batches], [len(b.tokens) for b in batches], axis=0)
    place = torch.arange(LENGTH)
    spans = torch.as_tensor(spans)
    counted = (place >= spans[:, :1]) & (place < spans[:, 1:])
    groups = [
        {
            "params": [p for p in model.parameters() if (p.ndim > 1) == decays],
            "weight_decay": 0.01 * decays,
        }
        for decays in (False, True)
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))
    shuffle = torch_generator(seed, "order")
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        warm = min(1.0, (step + 1) / 30)
        for group in optimizer.param_groups:
            group["lr"] = RATE * warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(tokens), generator=shuffle)])
        rows, order = order[:BATCH], order[BATCH:]
        logits = model(tokens[rows, :-1])[counted[rows, 1:]]
        loss = F.cross_entropy(logits, tokens[rows, 1:][counted[rows, 1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def next_law(model: Transformer, tokens: np.ndarray) -> np.ndarray:
    """P(next token) after each prefix: tokens (n, length) -> (n, length, vocabulary)."""
    return torch.softmax(model(torch.as_tensor(tokens)).double(), -1).numpy()


@torch.no_grad()
def rewrite(
    model: Transformer, batch: Batch, temperature: float, generator: torch.Generator | None
) -> Batch:
    """The same prompts with answers written by the model at a temperature (0: greedy)."""
    tokens = torch.as_tensor(batch.tokens.copy())
    for at in range(batch.start, batch.end):
        logits = model(tokens[:, :at])[:, -1]
        if temperature == 0:
            tokens[:, at] = logits.argmax(-1)
        else:
            law = torch.softmax(logits / temperature, -1)
            tokens[:, at] = torch.multinomial(law, 1, generator=generator)[:, 0]
    return batch._replace(tokens=tokens.numpy())
