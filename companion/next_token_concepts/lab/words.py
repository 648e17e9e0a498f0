"""E11: concept directions and probes in a real model's hidden states, on held-out word pairs.

Each word is read alone, behind one separator token and with a space in front, which is what a
Llama tokenizer makes of it.  Without the separator a word of one token would sit at position 0,
where hidden states are dominated by a few enormous coordinates that no word owns.
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
from companion.models import models_folder, smollm2
from companion.next_token_concepts.lab.measurements import cosines, matched_diagonal
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.settings import Settings
from companion.scale import derive_seed, generator

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

PAIRS = "next-token-concepts/word_pairs.csv"
ARMS = ("trained", "random")
BATCH = 48


class Depth(NamedTuple):
    """Directions and probes through the layers of one network.

    same, held_out : (layers, K), diagonal of A_s W_s from the same pairs and from disjoint halves
    null : (layers, K), held-out diagonal on matched noise, mean over draws
    null_same : (layers, K), same-pair diagonal on matched noise
    off : (layers,), mean held-out |cosine| of different concepts
    table : (K, K), A_s W_s of the last layer, held out
    """

    same: np.ndarray
    held_out: np.ndarray
    null: np.ndarray
    null_same: np.ndarray
    off: np.ndarray
    table: np.ndarray


class RealWords(NamedTuple):
    """Everything of E11.

    concepts : names; n_pairs : pairs of each
    depth : arm -> Depth; whole : arm -> (K,), held-out diagonal minus null of the last layer with
        pairs of one-token words only, nan where fewer than 8 are left
    sweep : columns C, arm, same, held_out, null: means over concepts, last layer
    """

    concepts: list[str]
    n_pairs: list[int]
    depth: Mapping[str, Depth]
    whole: Mapping[str, np.ndarray]
    sweep: pd.DataFrame


def word_pairs(path: Path, n_concepts: int, n_pairs: int) -> pd.DataFrame:
    """The first pairs of evenly spaced concepts; columns concept, word0, word1. 0 means all."""
    table = pd.read_csv(path, keep_default_na=False)
    ids = table["concept_id"].unique()
    if n_concepts and n_concepts < len(ids):
        ids = ids[np.linspace(0, len(ids) - 1, n_concepts).round().astype(int)]
    table = table[table["concept_id"].isin(ids)]
    # every second pair trains the direction, the next one the probe: take them from all over
    if n_pairs:
        parts = [
            g.iloc[np.linspace(0, len(g) - 1, min(n_pairs, len(g))).round().astype(int)]
            for _, g in table.groupby("concept_id", sort=False)
        ]
        table = pd.concat(parts)
    return table[["concept", "word0", "word1"]].reset_index(drop=True)


@torch.no_grad()
def hidden_states(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    words: Sequence[str],
    *,
    layers: Sequence[int],
    progress: bool = True,
    label: str = "words",
) -> np.ndarray:
    """Hidden states at the last token of each word: float32 (words, layers, d).

    layers : indices into ``hidden_states``; -1 is the last one, after the final norm
    """
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else 0
    ids = [[start, *tokenizer(f" {word}", add_special_tokens=False)["input_ids"]] for word in words]
    order = np.argsort([len(row) for row in ids], kind="stable")
    found: list[np.ndarray | None] = [None] * len(ids)
    place = next(model.parameters()).device
    batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    for rows in tqdm(batches, desc=label, disable=not progress):
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


def is_whole(tokenizer: Tokenizer, words: Sequence[str]) -> np.ndarray:
    """Whether a word, with the space in front, is one token."""
    return np.array(
        [len(tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) == 1 for word in words]
    )


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


def depth_of(
    states: np.ndarray,
    places: Mapping[str, int],
    table: pd.DataFrame,
    *,
    c: float,
    draws: int,
    seed: int,
) -> Depth:
    """All layers of states (words, layers, d)."""
    rows: dict[str, list] = {name: [] for name in ("same", "held_out", "null", "null_same", "off")}
    for layer in range(states.shape[1]):
        rng = generator(seed, "ntc matched noise", layer)
        pairs = pairs_at(states[:, layer].astype(float), places, table)
        held = cosines(pairs, c, held_out=True)
        rows["same"].append(np.diag(cosines(pairs, c, held_out=False)))
        rows["held_out"].append(np.diag(held))
        rows["null"].append(matched_diagonal(pairs, c, rng, draws=draws).mean(0))
        rows["null_same"].append(np.diag(cosines(dr.matched(pairs, rng), c, held_out=False)))
        rows["off"].append(np.abs(dr.off_diagonal(held)).mean())
    return Depth(*(np.array(values) for values in rows.values()), held)


def analyze(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    table: pd.DataFrame,
    settings: Settings,
    seed: int,
    folder: Path | None = None,
    *,
    progress: bool = True,
) -> RealWords:
    """E11 on one model and on the same network with random weights.

    folder : where hidden states are kept between runs; None keeps nothing
    """
    words = sorted({*table["word0"], *table["word1"]})
    places = {word: i for i, word in enumerate(words)}
    n_layers = model.config.num_hidden_layers
    layers = np.unique(np.linspace(0, n_layers, settings.word_layers).round().astype(int))
    whole_word = dict(zip(words, is_whole(tokenizer, words), strict=True))
    kept = table[[whole_word[a] and whole_word[b] for a, b in table[["word0", "word1"]].values]]
    depth, whole, sweep = {}, {}, []
    for arm in ARMS:
        key = f"{model.config.model_type}-{arm}-{derive_seed(seed, *words, *layers):x}.npy"
        if folder is not None and (folder / key).exists():
            states = np.load(folder / key, allow_pickle=False)
        else:
            network = model if arm == "trained" else randomized(model, seed)
            states = hidden_states(
                network,
                tokenizer,
                words,
                layers=layers,
                progress=progress,
                label=f"words, {arm} weights",
            )
            _keep(folder, key, states)
        depth[arm] = depth_of(
            states, places, table, c=settings.word_c, draws=settings.null_draws, seed=seed
        )
        last = states[:, -1].astype(float)
        whole[arm] = whole_words(last, places, table, kept, settings, seed)
        for c in settings.word_cs:
            sweep.append({"C": c, "arm": arm, **at_c(pairs_at(last, places, table), c, seed)})
    names = list(table["concept"].unique())
    sizes = [int((table["concept"] == name).sum()) for name in names]
    return RealWords(names, sizes, depth, whole, pd.DataFrame(sweep))


def _keep(folder: Path | None, key: str, states: np.ndarray) -> None:
    """Write the states beside their place and move them there, so that no half file is read."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{key}.part"
        with fresh.open("wb") as out:
            np.save(out, states, allow_pickle=False)
        fresh.replace(folder / key)
    except OSError:
        return  # a cache that cannot be written only costs time


def whole_words(states, places, table, kept, settings: Settings, seed: int) -> np.ndarray:
    """Held-out diagonal minus matched null with pairs of one-token words, (K,); nan below 8."""
    rng = generator(seed, "ntc whole words")
    gaps = []
    for name in table["concept"].unique():
        part = kept[kept["concept"] == name]
        if len(part) < 8:
            gaps.append(np.nan)
            continue
        pairs = pairs_at(states, places, part)
        null = matched_diagonal(pairs, settings.word_c, rng, draws=settings.null_draws)
        held = cosines(pairs, settings.word_c, held_out=True)[0, 0]
        gaps.append(float(held - null.mean()))
    return np.array(gaps)


def at_c(pairs: Sequence[dr.Pairs], c: float, seed: int) -> dict[str, float]:
    """Mean diagonals at one penalty: same pairs, held out, and same pairs on matched noise."""
    noise = dr.matched(pairs, generator(seed, "ntc penalty noise"))
    return {
        "same": float(np.diag(cosines(pairs, c, held_out=False)).mean()),
        "held_out": float(np.diag(cosines(pairs, c, held_out=True)).mean()),
        "noise_same": float(np.diag(cosines(noise, c, held_out=False)).mean()),
    }


def run_words(settings: Settings, seed: int, *, progress: bool = True) -> RealWords | Missing:
    """E11 on SmolLM2-135M; a Missing where words or model are not to be had."""
    table = data.load(PAIRS, lambda p: word_pairs(p, settings.word_concepts, settings.word_pairs))
    if isinstance(table, Missing):
        return table
    model = data.attempt(smollm2)
    if isinstance(model, Missing):
        return model
    folder = models_folder() / "next-token-concepts"
    return analyze(model[0].model, model[1], table, settings, seed, folder, progress=progress)
