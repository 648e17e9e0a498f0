"""Training the language model on the k examples: what the representation gap is measured against.

The model learns to say the label word after ``Sentence: {text}\\nLabel:``.  On a laptop only the
last blocks are trained (the states below them are computed once); ``blocks=0`` trains all.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from companion.scale import torch_generator
from companion.tart.embeddings import CausalEmbedder
from companion.tart.nulls import accuracy
from companion.tart.texts import TextSet, split


@dataclass(frozen=True)
class FineTuning:
    """blocks : trained last blocks, 0 for the whole model; lr, epochs, batch : of AdamW."""

    blocks: int = 2
    lr: float = 1e-4
    epochs: int = 8
    batch: int = 8

    def __post_init__(self) -> None:
        if self.blocks < 0 or self.lr <= 0 or min(self.epochs, self.batch) < 1:
            raise ValueError(f"need blocks >= 0, lr > 0, epochs and batch >= 1, got {self}")


def fine_tune(
    embedder: CausalEmbedder, texts: TextSet, k: int, seed: int, n_query: int, how: FineTuning
) -> float:
    """Accuracy on the queries of the same split that the other methods see."""
    chosen = split(texts.labels, k, n_query, seed, texts.name)
    labels = texts.labels[chosen.context]
    prompts = [_prompt(embedder, texts.texts[i]) for i in chosen.context]
    asked = [_prompt(embedder, texts.texts[i]) for i in chosen.query]
    tuned = _Tuned(embedder, how)
    tuned.fit(prompts, labels, torch_generator(seed, "tart fine-tuning", texts.name, k))
    return accuracy(tuned.scores(asked), texts.labels[chosen.query])


def _prompt(embedder: CausalEmbedder, text: str) -> list[int]:
    query = embedder.maker.query(text)
    return [*embedder.maker.start, *query.sentence, *query.ask]


class _Tuned:
    """A copy of the model (or of its last blocks) that learns two words."""

    def __init__(self, embedder: CausalEmbedder, how: FineTuning) -> None:
        self.embedder, self.how = embedder, how
        model = copy.deepcopy(embedder.model)
        model.requires_grad_(False)
        self.model, self.trained = model, [model] if how.blocks == 0 else _last(model, how.blocks)
        for part in self.trained:
            part.requires_grad_(True)
        self.n_trained = sum(p.numel() for part in self.trained for p in part.parameters())

    def fit(self, prompts: Sequence[list[int]], labels: np.ndarray, rng: torch.Generator) -> None:
        """AdamW on the cross-entropy of the label's token alone, in nats."""
        words = torch.tensor(self.embedder.maker.label_ids)
        wanted = words[torch.from_numpy(np.asarray(labels))]
        parameters = [p for part in self.trained for p in part.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=self.how.lr, weight_decay=0.0)
        self.model.train()
        for _ in range(self.how.epochs):
            for rows in torch.randperm(len(prompts), generator=rng).split(self.how.batch):
                logits = self._logits([prompts[i] for i in rows])
                loss = nn.functional.cross_entropy(logits, wanted[rows].to(logits.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.model.eval()

    @torch.no_grad()
    def scores(self, prompts: Sequence[list[int]]) -> np.ndarray:
        """Logit of label 1 minus that of label 0: (n,)."""
        low, high = self.embedder.maker.label_ids
        rows = [self._logits(list(prompts[i : i + 16])) for i in range(0, len(prompts), 16)]
        logits = torch.cat(rows).float().cpu()
        return (logits[:, high] - logits[:, low]).numpy()

    def _logits(self, rows: list[list[int]]) -> Tensor:
        """Logits (rows, vocabulary) after the last token of each prompt."""
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        states = self.model.base_model(
            input_ids=ids.to(self.model.device), use_cache=False
        ).last_hidden_state
        last = torch.tensor([len(row) - 1 for row in rows], device=states.device)
        picked = states[torch.arange(len(rows), device=states.device), last]
        return self.model.get_output_embeddings()(picked)


def _last(model: nn.Module, n: int) -> list[nn.Module]:
    """The last `n` blocks and the final normalization, by the names that models give them."""
    base = model.base_model
    for blocks, norm in (("layers", "norm"), ("layers", "final_layer_norm"), ("h", "ln_f")):
        if hasattr(base, blocks) and hasattr(base, norm):
            return [*getattr(base, blocks)[-n:], getattr(base, norm)]
    raise ValueError(f"{type(base).__name__} has no blocks that are known here; use blocks=0")
