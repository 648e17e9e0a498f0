"""Concept directions and probes in a real model's hidden states.

Each word is read alone, behind one separator token and with a space in front, which is what a
Llama tokenizer makes of it.  Without the separator a word of one token would sit at position 0,
where hidden states are dominated by a few enormous coordinates that no word owns.

Layer 0 is the sum of embeddings: at a word of one token, what the vocabulary says of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from companion import data
from companion.data import Missing
from companion.models import smollm2
from companion.next_token_concepts.lab.measurements import cosines, matched_diagonal
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.sources import PAIRS, PAPER_C, by_family, word_pairs
from companion.scale import derive_seed, generator
from companion.stats import Interval, over_seeds

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

ARMS = ("trained", "random")
BATCH = 48

Halves = list[tuple[np.ndarray, np.ndarray]]
"""For each concept, rows of its pairs: those of directions, and those of probes."""


class Depth(NamedTuple):
    """Directions and probes through the layers of one network, (layers, K) each.

    same : diagonal of A_s W_s with the same pairs for both; other : mean |cosine| of a direction
        with the other concepts' probes, same pairs
    held_out : diagonal with halves that share no word; null : the same on matched noise
    null_same : diagonal with the same pairs, on matched noise
    """

    same: np.ndarray
    other: np.ndarray
    held_out: np.ndarray
    null: np.ndarray
    null_same: np.ndarray


class RealWords(NamedTuple):
    """concepts : names; n_pairs : pairs of each; layers : indices; depth : arm -> Depth."""

    concepts: list[str]
    n_pairs: list[int]
    layers: list[int]
    depth: Mapping[str, Depth]


@torch.no_grad()
def hidden_states(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    words: Sequence[str],
    *,
    layers: Sequence[int],
    label: str = "",
) -> np.ndarray:
    """Hidden states at the last token of each word: float32 (words, layers, d).

    layers : indices into ``hidden_states``; -1 is the last one, after the final norm
    label : of the progress bar; "" shows none
    """
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else 0
    ids = [[start, *tokenizer(f" {word}", add_special_tokens=False)["input_ids"]] for word in words]
    order = np.argsort([len(row) for row in ids], kind="stable")
    found: list[np.ndarray | None] = [None] * len(ids)
    place = next(model.parameters()).device
    batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    for rows in tqdm(batches, desc=label, disable=not label):
        longest = max(len(ids[i]) for i in rows)
        tokens = torch.full((len(rows), longest), start)
        mask = torch.zeros_like(tokens)
        for r, i in enumerate(rows):  # padding stands behind, where no word can look
            tokens[r, : len(ids[i])] = torch.tensor(ids[i])
            mask[r, : len(ids[i])] = 1
        states = model(
            input_ids=tokens.to(place),
            attention_mask=mask.to(place),
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states
        last = mask.sum(1) - 1
        kept = torch.stack([states[layer][torch.arange(len(rows)), last] for layer in layers], 1)
        for r, i in enumerate(rows):
            found[i] = kept[r].float().cpu().numpy()
    return np.stack(found)


def randomized(model: PreTrainedModel, seed: int) -> PreTrainedModel:
    """The same architecture with fresh weights as its configuration draws them."""
    torch.manual_seed(derive_seed(seed, "ntc random weights"))
    return type(model)(model.config).eval().to(next(model.parameters()).device)


def pairs_at(states: np.ndarray, places: Mapping[str, int], table: pd.DataFrame) -> list[dr.Pairs]:
    """One Pairs per concept from states (words, d), in the table's order."""
    return [
        dr.Pairs(states[[places[w] for w in g["word0"]]], states[[places[w] for w in g["word1"]]])
        for _, g in table.groupby("concept", sort=False)
    ]


def halves(table: pd.DataFrame, rng: np.random.Generator) -> Halves:
    """Two halves of each concept's pairs that share no word.

    Pairs that share a word stay together; such groups, in random order, go to the smaller half.
    """
    found = []
    for _, pairs in table.groupby("concept", sort=False):
        group = np.arange(len(pairs))
        first_with: dict[str, int] = {}
        for i, words in enumerate(pairs[["word0", "word1"]].to_numpy()):
            for word in words:
                group[group == group[i]] = group[first_with.setdefault(word, i)]
        sides: tuple[list, list] = ([], [])
        for one in rng.permutation(np.unique(group)):
            min(sides, key=len).extend(np.flatnonzero(group == one))
        found.append(tuple(np.sort(side).astype(int) for side in sides))
    return found


def split(concepts: Sequence[dr.Pairs], rows: Halves) -> tuple[list[dr.Pairs], list[dr.Pairs]]:
    """The pairs of directions and those of probes."""
    return tuple(
        [pairs.rows(half[side]) for pairs, half in zip(concepts, rows, strict=True)]
        for side in (0, 1)
    )


def measure_layer(
    pairs: list[dr.Pairs], rows: Halves, c: float, draws: int, rng: np.random.Generator
) -> Depth:
    """All fields of :class:`Depth` at one layer, (K,) each."""
    table = cosines(pairs, pairs, c)
    outside = np.abs(table)
    np.fill_diagonal(outside, np.nan)
    a, w = split(pairs, rows)
    noise = dr.matched(pairs, rng)
    return Depth(
        same=np.diag(table),
        other=np.nanmean(outside, axis=1),
        held_out=np.diag(cosines(a, w, c)),
        null=matched_diagonal(a, w, c, rng, draws=draws),
        null_same=np.diag(cosines(noise, noise, c)),
    )


def analyze(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    table: pd.DataFrame,
    seed: int,
    *,
    n_layers: int,
    draws: int,
    progress: bool = True,
) -> RealWords:
    """One model, and the same network with random weights, at `n_layers` depths."""
    words = sorted({*table["word0"], *table["word1"]})
    places = {word: i for i, word in enumerate(words)}
    deepest = model.config.num_hidden_layers
    layers = np.unique(np.linspace(0, deepest, n_layers).round().astype(int)).tolist()
    rows = halves(table, generator(seed, "ntc halves"))
    depth = {}
    for arm in ARMS:
        network = model if arm == "trained" else randomized(model, seed)
        label = f"words, {arm} weights" if progress else ""
        states = hidden_states(network, tokenizer, words, layers=layers, label=label)
        found = [
            measure_layer(
                pairs_at(states[:, i].astype(float), places, table),
                rows,
                PAPER_C,
                draws,
                generator(seed, "ntc matched noise", layer),
            )
            for i, layer in enumerate(layers)
        ]
        depth[arm] = Depth(*(np.stack(values) for values in zip(*found, strict=True)))
    names = list(table["concept"].unique())
    sizes = [int((table["concept"] == name).sum()) for name in names]
    return RealWords(names, sizes, layers, depth)


def read_smollm2(
    n_concepts: int, n_pairs: int, seed: int, *, n_layers: int, draws: int
) -> RealWords | Missing:
    """SmolLM2-135M; a Missing where words or model are not to be had."""
    table = data.load(PAIRS, lambda path: word_pairs(path, n_concepts, n_pairs))
    if isinstance(table, Missing):
        return table
    model = data.attempt(smollm2)
    if isinstance(model, Missing):
        return model
    return analyze(model[0].model, model[1], table, seed, n_layers=n_layers, draws=draws)


def families(real: RealWords, values: np.ndarray) -> Interval:
    """Interval of values by concept, (K,), over families of concepts."""
    return over_seeds(by_family(real.concepts, values))
