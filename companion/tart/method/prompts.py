"""Prompts as tokens, with the place of every part known from the start.

An example is ``Sentence: {text}\\nLabel: {word}``, examples are joined by a newline.  The authors
find examples again by looking for the label's token, which a text that holds the word breaks;
here the parts are put together from tokens, so their places are counted and never searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

WORDS = ("negative", "positive")
"""The words of label 0 and 1, for every task, spam included: the authors' protocol."""


@dataclass(frozen=True)
class Example:
    """One labelled example as tokens: ``Sentence: {text}\\nLabel:`` and the label's token."""

    body: tuple[int, ...]
    label: int

    @property
    def tokens(self) -> list[int]:
        """Body and label."""
        return [*self.body, self.label]


@dataclass(frozen=True)
class Query:
    """What follows the labelled examples.

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
        """A labelled example."""
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
