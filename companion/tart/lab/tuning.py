r"""Training the language model on the k examples: what prompting is said to lose to.

The model learns to say the label word after ``Sentence: {text}\nLabel:``.  On a laptop only the
last blocks are trained (the states below them are computed once); ``blocks=0`` trains all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from companion.scale import torch_generator
from companion.tart.lab.nulls import accuracy
from companion.tart.method.embeddings import CausalEmbedder
from companion.tart.sources import Split, TextSet


@dataclass(frozen=True)
class FineTuning:
    """blocks : trained last blocks, 0 for the whole model; lr, epochs, batch : of AdamW.

    The rate was chosen on contexts that are in no record.
    """

    blocks: int = 2
    lr: float = 3e-4
    epochs: int = 8
    batch: int = 8

    def __post_init__(self) -> None:
        if self.blocks < 0 or self.lr <= 0 or min(self.epochs, self.batch) < 1:
            raise ValueError(f"need blocks >= 0, lr > 0, epochs and batch >= 1, got {self}")


def fine_tune(
    embedder: CausalEmbedder, texts: TextSet, chosen: Split, seed: int, how: FineTuning
) -> float:
    """Accuracy on the queries of the split that the other methods see."""
    labels = texts.labels[chosen.context]
    prompts = [_prompt(embedder, texts.texts[i]) for i in chosen.context]
    asked = [_prompt(embedder, texts.texts[i]) for i in chosen.query]
    tuned = _Tuned(embedder, how)
    tuned.fit(prompts, labels, torch_generator(seed, "tart fine-tuning", texts.name, len(labels)))
    return accuracy(tuned.scores(asked), texts.labels[chosen.query])


def _prompt(embedder: CausalEmbedder, text: str) -> list[int]:
    query = embedder.maker.query(text)
    return [*embedder.maker.start, *query.sentence, *query.ask]


class _Tuned:
    """A copy of the model (or of its last blocks) that learns two words."""

    def __init__(self, embedder: CausalEmbedder, how: FineTuning) -> None:
        self.embedder, self.how, self.model = embedder, how, embedder.model
        self.blocks: nn.ModuleList | None = None
        if how.blocks:
            first, last, norm = _last(self.model, how.blocks)
            self.first = first
            self.blocks, self.norm = copy.deepcopy(nn.ModuleList(last)), copy.deepcopy(norm)
            self.trained = nn.ModuleList([*self.blocks, self.norm])
        else:
            self.trained = self.model = copy.deepcopy(embedder.model)
        self.trained.requires_grad_(True)

    def fit(self, prompts: Sequence[list[int]], labels: np.ndarray, rng: torch.Generator) -> None:
        """AdamW on the cross-entropy of the label's token alone, in nats."""
        words = torch.tensor(self.embedder.maker.label_ids)
        wanted = words[torch.from_numpy(np.asarray(labels))]
        optimizer = torch.optim.AdamW(self.trained.parameters(), lr=self.how.lr, weight_decay=0.0)
        logits_of = self._reader(prompts)
        self.trained.train()
        for _ in range(self.how.epochs):
            for rows in torch.randperm(len(prompts), generator=rng).split(self.how.batch):
                logits = logits_of(rows)
                loss = nn.functional.cross_entropy(logits, wanted[rows].to(logits.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.trained.eval()

    @torch.no_grad()
    def scores(self, prompts: Sequence[list[int]]) -> np.ndarray:
        """Logit of label 1 minus that of label 0: (n,)."""
        low, high = self.embedder.maker.label_ids
        logits_of = self._reader(prompts)
        logits = torch.cat([logits_of(rows) for rows in torch.arange(len(prompts)).split(16)])
        return (logits[:, high] - logits[:, low]).float().cpu().numpy()

    def _reader(self, prompts: Sequence[list[int]]) -> Callable[[Tensor], Tensor]:
        """A function of row numbers that gives the logits (rows, vocabulary) after each prompt.

        All prompts are padded at the end to one length; a causal model ignores that.
        """
        longest = max(map(len, prompts))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in prompts])
        ids = ids.to(self.embedder.model.device)
        last = torch.tensor([len(row) - 1 for row in prompts], device=ids.device)
        head = self.model.get_output_embeddings()
        below = self._below(ids) if self.blocks is not None else None

        def logits_of(rows: Tensor) -> Tensor:
            if below is None:
                states = self.model.base_model(input_ids=ids[rows], use_cache=False)[0]
            else:
                states = self._above(*below, rows)
            return head(states[torch.arange(len(rows), device=ids.device), last[rows]])

        return logits_of

    @torch.no_grad()
    def _below(self, ids: Tensor) -> tuple[Tensor, dict[str, object]]:
        """What reaches the first trained block: states (rows, seq, width), other arguments."""
        seen: list[tuple[tuple, dict]] = []
        hook = self.first.register_forward_pre_hook(
            lambda _, args, options: seen.append((args, options)), with_kwargs=True
        )
        try:
            self.model.base_model(input_ids=ids, use_cache=False)
        finally:
            hook.remove()
        args, options = seen[0]
        options = dict(options)
        states = args[0] if args else options.pop("hidden_states")
        return states, options

    def _above(self, states: Tensor, options: dict[str, object], rows: Tensor) -> Tensor:
        """Final states of some rows, through the trained blocks."""
        n = len(states)
        mine = {
            name: value[rows] if torch.is_tensor(value) and n > 1 and len(value) == n else value
            for name, value in options.items()
        }
        h = states[rows]
        for block in self.blocks or ():
            out = block(h, **mine)
            h = out[0] if isinstance(out, tuple) else out
        return self.norm(h)


def _last(model: nn.Module, n: int) -> tuple[nn.Module, list[nn.Module], nn.Module]:
    """First of the last `n` blocks, all of them, and the final normalization."""
    base = model.base_model
    for blocks, norm in (("layers", "norm"), ("layers", "final_layer_norm"), ("h", "ln_f")):
        if hasattr(base, blocks) and hasattr(base, norm):
            last = list(getattr(base, blocks)[-n:])
            return last[0], last, getattr(base, norm)
    raise ValueError(f"{type(base).__name__} has no blocks that are known here; use blocks=0")
