"""Paper scale: directions and probes over Pythia's sizes and training checkpoints.

The same functions run in the tests on a network of a few thousand weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion import data
from companion.data import DataUnavailable, Missing
from companion.next_token_concepts.lab import words as wo
from companion.next_token_concepts.lab.measurements import PAPER_C, cosines, permuted
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.settings import Settings
from companion.scale import device, generator
from companion.stats import Interval, paired

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

FIRST, LAST = "step0", "step143000"
Load = Callable[[str, str], "tuple[PreTrainedModel, Tokenizer]"]


def from_hub(name: str, revision: str) -> tuple[PreTrainedModel, Tokenizer]:
    """A Pythia at one checkpoint, without its unembedding."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    options = {"revision": revision, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
        model = AutoModel.from_pretrained(
            name, dtype=torch.float32, use_safetensors=True, **options
        )
    except OSError as error:
        raise DataUnavailable(f"{name} at {revision} could not be had ({error})") from error
    return model.eval().to(device()), tokenizer


def over_checkpoints(
    settings: Settings,
    table: pd.DataFrame,
    seed: int,
    *,
    load: Load = from_hub,
    progress: bool = True,
) -> pd.DataFrame:
    """One row per model, checkpoint, layer, penalty and concept.

    Columns: model, revision, layer, depth (0 to 1), C, concept, same, held_out, permuted,
    null_same, null (held-out matched noise).
    """
    words = sorted({*table["word0"], *table["word1"]})
    places = {word: i for i, word in enumerate(words)}
    names = list(table["concept"].unique())
    rows = []
    for name in settings.hub_models:
        for revision in settings.hub_revisions:
            model, tokenizer = load(name, revision)
            layers = range(model.config.num_hidden_layers + 1)
            states = wo.hidden_states(
                model,
                tokenizer,
                words,
                layers=layers,
                progress=progress,
                label=f"{name} {revision}",
            )
            for layer in layers:
                pairs = wo.pairs_at(states[:, layer].astype(float), places, table)
                for c in settings.word_cs:
                    rng = generator(seed, "ntc pythia", layer, c)
                    found = {
                        "same": cosines(pairs, c, held_out=False),
                        "held_out": cosines(pairs, c, held_out=True),
                        "permuted": permuted(pairs, c, rng),
                        "null_same": cosines(dr.matched(pairs, rng), c, held_out=False),
                        "null": cosines(dr.matched(pairs, rng), c, held_out=True),
                    }
                    for k, concept in enumerate(names):
                        rows.append(
                            {
                                "model": name,
                                "revision": revision,
                                "layer": layer,
                                "depth": layer / max(layers),
                                "C": c,
                                "concept": concept,
                                **{key: float(values[k, k]) for key, values in found.items()},
                            }
                        )
    return pd.DataFrame(rows)


def gained(rows: pd.DataFrame, model: str, c: float = PAPER_C) -> Interval:
    """Held-out diagonal of the last layer, last checkpoint minus first, over concepts."""
    mine = rows[(rows["model"] == model) & (rows["C"] == c) & (rows["depth"] == 1)]
    last, first = (
        mine[mine["revision"] == r].set_index("concept")["held_out"] for r in (LAST, FIRST)
    )
    if last.empty or first.empty:
        return Interval(np.nan)
    return paired(last.to_numpy(), first.loc[last.index].to_numpy())


def run_pythia(settings: Settings, seed: int) -> pd.DataFrame | Missing:
    """Pythia over checkpoints; a Missing below paper scale."""
    if not settings.hub_models:
        return Missing(
            "Pythia is read at paper scale only: set SCALE to 'paper' on a machine with a GPU, a "
            "network and 60 GB of disk."
        )
    table = data.load(wo.PAIRS, lambda path: wo.word_pairs(path, 0, 0))
    return data.attempt(over_checkpoints, settings, table, seed)
