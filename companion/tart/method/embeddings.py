r"""Vectors of labeled examples from a causal language model, and the prompts they come from.

Prompts as tokens, with the place of every part known from the start.

An example is ``Sentence: {text}\nLabel: {word}``, examples are joined by a newline.  The authors
find examples again by looking for the label's token, which a text that holds the word breaks;
here the parts are put together from tokens, so their places are counted and never searched.

Three ways to make vectors of labeled examples with a causal language model, and prompting.

**stream**: each text alone.  **vanilla**: one prompt of all k labeled examples; the vector of
example i is the mean over the tokens between label i - 1 and label i.  **LOO** (leave one out): per
example a prompt of the other k - 1, then the example; so each context vector is made as the
query's is: all others first, me last.  A query follows the prompt of all k examples.

A vector is a mean over tokens of the last hidden state, after the final normalization.  What a
causal model computes for the first examples does not depend on what follows, so the prompt of all
examples is computed once and its keys and values are kept: a query costs its own tokens only, and
the LOO prompt of example i starts where example i did.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer
    from transformers.cache_utils import DynamicCache

# ------------------------------------------------------------------------------------------ prompts
WORDS = ("negative", "positive")
"""The words of label 0 and 1, for every task, spam included: the authors' protocol."""


@dataclass(frozen=True)
class Example:
    """One labeled example as tokens: ``Sentence: {text}\\nLabel:`` and the label's token."""

    body: tuple[int, ...]
    label: int

    @property
    def tokens(self) -> list[int]:
        """Body and label."""
        return [*self.body, self.label]


@dataclass(frozen=True)
class Query:
    """What follows the labeled examples.

    sentence : tokens of ``Sentence: {text}``, over which the query's vector is averaged
    ask : tokens of ``\\nLabel:``, after which the model answers
    """

    sentence: tuple[int, ...]
    ask: tuple[int, ...]


class LabelIsNotOneToken(ValueError):
    """The tokenizer cuts a label word, so that the answer is not one token."""


class PromptMaker:
    """Turns texts and labels into tokens of one tokenizer.

    words : of label 0 and label 1; swap them to turn the meaning around
    """

    def __init__(self, tokenizer: Tokenizer, words: tuple[str, str] = WORDS) -> None:
        self.tokenizer, self.words = tokenizer, words
        self.label_ids = tuple(self._one(f" {word}") for word in words)
        self.newline = tuple(self._tokens("\n"))
        self.start = tuple(self._start())
        self._ask = tuple(self._tokens("\nLabel:"))

    def example(self, text: str, label: int) -> Example:
        """A labeled example."""
        body = (*self._tokens(f"Sentence: {text}"), *self._ask)
        return Example(body, self.label_ids[label])

    def query(self, text: str) -> Query:
        """A text whose label is asked for."""
        return Query(tuple(self._tokens(f"Sentence: {text}")), self._ask)

    def text(self, examples: Sequence[Example]) -> str:
        """The prompt as a reader sees it."""
        return self.tokenizer.decode(join(examples, self.newline))

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _start(self) -> list[int]:
        """What the tokenizer puts in front of a text; counted once, never confused with a label."""
        inside, full = self._tokens("a"), self.tokenizer("a")["input_ids"]
        place = next((i for i in range(len(full)) if full[i : i + len(inside)] == inside), 0)
        return full[:place]

    def _one(self, word: str) -> int:
        tokens = self._tokens(word)
        if len(tokens) != 1:
            raise LabelIsNotOneToken(
                f"{word!r} is {len(tokens)} tokens {tokens}; choose words that are one"
            )
        return tokens[0]


def join(examples: Sequence[Example], newline: Sequence[int]) -> list[int]:
    """Examples with newlines between them."""
    tokens: list[int] = []
    for example in examples:
        tokens += [*(newline if tokens else ()), *example.tokens]
    return tokens


# --------------------------------------------------------------------------------------- embeddings
PROTOCOLS = ("stream", "vanilla", "LOO")

BATCH = 8
"""Queries that go through the model together; each repeats the keys and values of the prompt."""


class PromptTooLong(ValueError):
    """More tokens than the model was made for; the original silently cuts the first examples."""


@dataclass(frozen=True)
class Embedded:
    """Vectors of one context and its queries by one protocol: (k, width) and (n, width)."""

    context: np.ndarray
    query: np.ndarray


class CausalEmbedder:
    """A frozen causal language model that makes vectors and answers.

    model : with ``model.base_model`` giving hidden states after the final normalization, and
        ``model.lm_head`` (or another output embedding) the logits
    maker : of prompts, with the model's tokenizer
    cached : False computes every prompt from its first token (slow; what the tests compare with)
    """

    def __init__(self, model: PreTrainedModel, maker: PromptMaker, *, cached: bool = True) -> None:
        self.model, self.maker, self.cached = model.eval(), maker, cached

    @torch.inference_mode()
    def stream(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (n, width) of texts alone: no format, no label."""
        tokens = [
            [*self.maker.start, *self.maker.tokenizer(text, add_special_tokens=False)["input_ids"]]
            for text in texts
        ]
        found = np.zeros((len(texts), self.width), dtype=np.float32)
        n_start = len(self.maker.start)
        for rows in _batches([len(t) for t in tokens], 32):
            states = self._states([tokens[i] for i in rows])
            for row, state in zip(rows, states, strict=True):
                found[row] = _mean(state[n_start : len(tokens[row])])
        return found

    @torch.inference_mode()
    def vanilla(self, examples: Sequence[Example]) -> np.ndarray:
        """Context vectors (k, width) from one prompt."""
        states, _, spans = self._prompt(examples)
        return np.stack([_mean(states[a:b]) for a, b in spans])

    @torch.inference_mode()
    def leave_one_out(self, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
        """Each example asked with all others before it.

        Returns context vectors (k, width), and the logits (k, 2) of the two label words: what the
        model would have answered to its own examples.

        Raises
        ------
        ValueError : fewer than two examples
        """
        if len(examples) < 2:
            raise ValueError("leaving one out needs at least two examples")
        _, cache, spans = self._prompt(examples)
        head = self.model.get_output_embeddings()
        vectors, logits = [], []
        for i, mine in enumerate(examples):
            rest = examples[i + 1 :]
            kept = spans[i - 1][1] + 1 if i and self.cached else 0  # up to the label before mine
            others = rest if kept else [*examples[:i], *rest]
            tokens = [] if kept else list(self.maker.start)
            tokens += join(others, self.maker.newline)
            if kept and others:
                tokens = [*self.maker.newline, *tokens]
            last = len(tokens)  # where this example starts, its newline included
            tokens += [*self.maker.newline, *mine.body]
            past = _part(cache, kept) if kept else None
            states = self._states([tokens], past)[0]
            vectors.append(_mean(states[last:]))
            out = head(states[-1]).float().cpu()
            logits.append(out[list(self.maker.label_ids)].numpy())
        return np.stack(vectors), np.stack(logits).astype(float)

    @torch.inference_mode()
    def ask(
        self, examples: Sequence[Example], queries: Sequence[Query]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Query vectors (n, width), logits of the two label words (n, 2), likeliest token (n,)."""
        if self.cached:
            _, cache, spans = self._prompt(examples)
            kept, before = spans[-1][1] + 1, []
        else:
            cache, kept = None, 0
            before = [*self.maker.start, *join(examples, self.maker.newline)]
        newline = list(self.maker.newline)
        tails = [[*newline, *q.sentence, *q.ask] for q in queries]
        vectors = np.zeros((len(queries), self.width), dtype=np.float32)
        logits = np.zeros((len(queries), 2))
        first = np.zeros(len(queries), dtype=int)
        head = self.model.get_output_embeddings()
        for rows in _batches([len(t) for t in tails], BATCH):
            past = _part(cache, kept, len(rows)) if cache is not None else None
            states = self._states([[*before, *tails[i]] for i in rows], past)
            for row, state in zip(rows, states, strict=True):
                stop = len(before) + len(tails[row])
                vectors[row] = _mean(state[len(before) : stop - len(queries[row].ask)])
                out = head(state[stop - 1]).float().cpu()
                logits[row] = out[list(self.maker.label_ids)].numpy()
                first[row] = int(out.argmax())
        return vectors, logits, first

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.model.config.hidden_size

    def _prompt(
        self, examples: Sequence[Example]
    ) -> tuple[Tensor, DynamicCache, list[tuple[int, int]]]:
        """States (tokens, width) of all examples, the cache, and where the vectors are averaged.

        A span begins after the label before and ends in front of the example's own label.
        """
        start = len(self.maker.start)
        tokens = [*self.maker.start, *join(examples, self.maker.newline)]
        spans, place = [], start
        for example in examples:
            newline = len(self.maker.newline) if spans else 0
            spans.append((place, place + newline + len(example.body)))
            place = spans[-1][1] + 1
        from transformers.cache_utils import DynamicCache

        cache = DynamicCache()  # filled by the call
        return self._states([tokens], cache)[0], cache, spans

    def _states(self, rows: list[list[int]], past: DynamicCache | None = None) -> Tensor:
        """Last hidden states (rows, longest, width); a causal model ignores what pads the end.

        past : what was read before; it grows by what is read now
        """
        longest = max(map(len, rows))
        limit = getattr(self.model.config, "max_position_embeddings", None)
        read = longest + (past.get_seq_length() if past is not None else 0)
        if limit is not None and read > limit:
            raise PromptTooLong(f"{read} tokens, the model reads {limit}: use fewer examples")
        filler = self.maker.label_ids[0]
        ids = torch.tensor([row + [filler] * (longest - len(row)) for row in rows])
        base = self.model.base_model
        given = {} if past is None else {_cache_argument(base): past}
        out = base(input_ids=ids.to(self.model.device), use_cache=past is not None, **given)
        return out.last_hidden_state


def _cache_argument(model: torch.nn.Module) -> str:
    """How the model calls its cache: newer versions of transformers have another name."""
    names = inspect.signature(model.forward).parameters
    return "cache" if "cache" in names else "past_key_values"


def _mean(states: Tensor) -> np.ndarray:
    """Mean over tokens: (tokens, width) to (width,)."""
    return states.float().mean(dim=0).cpu().numpy()


def _batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Row numbers in groups of similar length, so that little is padded."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _part(cache: DynamicCache, length: int, n_rows: int = 1) -> DynamicCache:
    """A new cache with the first `length` tokens of one prompt, repeated for `n_rows` rows."""
    from transformers.cache_utils import DynamicCache

    part = DynamicCache()
    for number, layer in enumerate(cache.layers):
        keys, values = (
            t[:, :, :length].expand(n_rows, -1, -1, -1) for t in (layer.keys, layer.values)
        )
        part.update(keys, values, number)
    return part
