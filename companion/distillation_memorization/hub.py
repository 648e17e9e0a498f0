"""Paper scale: Pythia on FineWeb, teacher 1.4B, student 160M, on one GPU.

The paper distils 12B into 1.4B on a million sequences, which is out of one reader's reach.  The
same code runs in the tests on two models of a few thousand numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from companion.data import DataUnavailable, Missing, revision
from companion.distillation_memorization.lab.text import Sets
from companion.distillation_memorization.lab.training import Recipe
from companion.distillation_memorization.lab.world import Plan, World, run_world
from companion.distillation_memorization.method.objectives import TAU, objectives
from companion.distillation_memorization.settings import Settings
from companion.models import models_folder
from companion.scale import device

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

FINEWEB, FIRST_FILE = "HuggingFaceFW/fineweb", "sample/10BT/000_00000.parquet"
LENGTH, PREFIX, SUFFIX = 256, 50, 50
LR, TEACHER_EPOCHS, STUDENT_EPOCHS = 5e-5, 3, 4


class TokenSets(Sets):
    """Like :class:`Sets`, but tokens become text through a tokenizer."""

    def __init__(self, train: Tensor, held_out: Tensor, tokenizer: Tokenizer) -> None:
        super().__init__(train[:0], train, held_out, "")
        object.__setattr__(self, "tokenizer", tokenizer)

    def texts(self, tokens: Tensor) -> list[str]:
        """Decoded rows of tokens (n, length)."""
        return self.tokenizer.batch_decode(tokens.tolist())


class CutVocabulary(nn.Module):
    """A causal model whose logits end with the tokenizer's vocabulary.

    Checkpoints of one family are padded to different sizes; without the cut their softmaxes do
    not have the same outcomes.
    """

    def __init__(self, model: nn.Module, vocab: int) -> None:
        super().__init__()
        if vocab > model.config.vocab_size:
            raise ValueError(f"the model has {model.config.vocab_size} logits, {vocab} are wanted")
        self.causal, self.vocab = model, vocab

    def forward(self, tokens: Tensor, **kwargs: object):
        """As the model, with ``.logits`` of shape (batch, length, vocab)."""
        out = self.causal(tokens, **kwargs)
        out.logits = out.logits[..., : self.vocab]
        return out


def hub_plan(settings: Settings) -> Plan:
    """The paper's recipe at one reader's size."""
    return Plan(
        name=f"{settings.hub_teacher} to {settings.hub_student}",
        recipe=Recipe(lr=LR, batch=settings.hub_batch),
        teacher_epochs=TEACHER_EPOCHS,
        student_epochs=STUDENT_EPOCHS,
        prefix=PREFIX,
        suffix=SUFFIX,
        objectives=objectives((TAU,)),
        resamples=settings.resamples,
        filtering=True,
        top_k=settings.hub_top_k,
        calibrated=False,
    )


def windows(
    texts: Iterator[str], tokenizer: Tokenizer, n: int, length: int, progress: bool = False
) -> Tensor:
    """The first `length` tokens of each text that is long enough, until there are `n`.

    Texts are web pages, so each window is another page.  Raises ``DataUnavailable`` if the texts
    end before.
    """
    rows: list[list[int]] = []
    with tqdm(total=n, desc="tokenizing", disable=not progress) as bar:
        for text in texts:
            ids = tokenizer(text, truncation=True, max_length=length)["input_ids"]
            if len(ids) >= length:
                rows.append(ids[:length])
                bar.update()
            if len(rows) == n:
                return torch.tensor(rows)
    raise DataUnavailable(f"only {len(rows)} texts have {length} tokens, {n} were asked for")


def fineweb() -> Iterator[str]:
    """Texts of the first file of FineWeb's 10-billion-token sample (2 GB, downloaded once)."""
    import pyarrow.parquet as pq
    from huggingface_hub import hf_hub_download

    path = hf_hub_download(FINEWEB, FIRST_FILE, repo_type="dataset", revision=revision(FINEWEB))
    for batch in pq.ParquetFile(path).iter_batches(1024, columns=["text"]):
        yield from batch.column("text").to_pylist()


def load(name: str, vocab: int, on: str) -> nn.Module:
    """A released checkpoint in float32, cut to the tokenizer's vocabulary."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        name,
        revision=revision(name),
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
    )
    return CutVocabulary(model, vocab).to(on).eval()


def run_hub_world(
    settings: Settings,
    seed: int,
    *,
    tokenizer: Callable[[], Tokenizer] | None = None,
    texts: Callable[[], Iterator[str]] = fineweb,
    models: Callable[[str, int, str], nn.Module] = load,
    plan: Plan | None = None,
    length: int = LENGTH,
) -> World | Missing:
    """The paper's experiment with the settings' models, or why it was not run.

    tokenizer, texts, models, plan, length : replaced in the tests by small ones
    """
    if not settings.hub_teacher:
        return Missing("Pythia is fine-tuned at paper scale (a GPU and the Hub)")
    from transformers import AutoTokenizer

    try:
        words = (
            AutoTokenizer.from_pretrained(
                settings.hub_teacher,
                revision=revision(settings.hub_teacher),
                trust_remote_code=False,
            )
            if tokenizer is None
            else tokenizer()
        )
        total = settings.hub_n + settings.hub_held
        tokens = windows(texts(), words, total, length, progress=True)
        on = device()
        pair = [
            models(name, len(words), on) for name in (settings.hub_teacher, settings.hub_student)
        ]
    except OSError as error:
        raise DataUnavailable(f"the Hub cannot be reached: {error}") from error
    text = TokenSets(tokens[: settings.hub_n], tokens[settings.hub_n :], words)
    folder: Path = models_folder() / "distillation-memorization" / f"seed-{seed}"
    return run_world(plan or hub_plan(settings), text, *pair, seed, folder=folder, progress=True)
