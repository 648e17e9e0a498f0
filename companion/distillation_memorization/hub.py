"""Paper scale: Pythia on FineWeb, teacher 1.4B, student 160M, on one GPU.

The paper distils 12B into 1.4B on a million sequences, which is out of one reader's reach.  The
same code runs in the tests on two models of a few thousand numbers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from companion import processes
from companion.data import DataUnavailable, Missing, revision
from companion.distillation_memorization.lab.models import Recipe, rows_at_once
from companion.distillation_memorization.lab.text import Sets
from companion.distillation_memorization.lab.world import Plan, World, run_world
from companion.distillation_memorization.method.objectives import TAU, Cached, objectives
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


class Causal(nn.Module):
    """A released causal model as one lane, its logits cut to the tokenizer's vocabulary.

    Checkpoints of one family are padded to different sizes; without the cut their softmaxes do
    not have the same outcomes.
    """

    lanes = 1

    def __init__(self, model: nn.Module, vocab: int) -> None:
        super().__init__()
        if vocab > model.config.vocab_size:
            raise ValueError(f"the model has {model.config.vocab_size} logits, {vocab} are wanted")
        self.causal, self.vocab = model, vocab

    def forward(self, tokens: Tensor) -> SimpleNamespace:
        """``.logits`` of shape (1, batch, length, vocab); tokens : (batch, length), or one lane."""
        rows = tokens[0] if tokens.ndim == 3 else tokens
        return SimpleNamespace(logits=self.causal(rows).logits[None, ..., : self.vocab])

    @torch.no_grad()
    def continue_greedily(self, prefixes: Tensor, n: int) -> Tensor:
        """The `n` most likely next tokens, by the library's own decoding: (1, batch, n)."""
        padding = list(range(self.vocab, self.causal.config.vocab_size))
        made = self.causal.generate(
            prefixes,
            attention_mask=torch.ones_like(prefixes),
            max_new_tokens=n,
            min_new_tokens=n,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
            suppress_tokens=padding or None,
        )
        return made[None, :, prefixes.shape[1] :]


# ------------------------------------------------------------------------------------------- logits
class WrongCache(ValueError):
    """The file holds the outputs for other tokens, another temperature or another k."""


@torch.no_grad()
def cache_top_k(
    teacher: nn.Module, tokens: Tensor, *, path: Path, k: int, tau: float, name: str
) -> Cached:
    """What is in `path`, or else the teacher's `k` largest probabilities, written there first.

    With tens of thousands of tokens all logits would not fit; the rest is one outcome.

    Raises ``WrongCache`` when the file was made for something else.
    """
    digest = hashlib.sha256(tokens.cpu().numpy().tobytes()).hexdigest()[:16]
    identity = f"{name} tokens {digest} shape {tuple(tokens.shape)} k {k} tau {tau:g}"
    if not path.exists():
        on = next(teacher.parameters()).device
        ids, log_probs = [], []
        batches = tokens.split(rows_at_once(tokens, teacher.vocab))
        for rows in tqdm(batches, desc="teacher's probabilities", disable=len(batches) < 100):
            logits = teacher(rows.to(on)).logits[0, :, :-1].float()
            top = torch.log_softmax(logits / tau, -1).topk(k, -1)
            ids.append(top.indices.int().cpu())
            log_probs.append(top.values.half().cpu())
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            kept = {"ids": torch.cat(ids), "log_probs": torch.cat(log_probs)}
            save_file(kept, str(fresh), metadata={"of": identity})
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
    with safe_open(str(path), framework="pt") as file:
        found = (file.metadata() or {}).get("of")
        if found != identity:
            raise WrongCache(f"{path} holds {found!r}, wanted is {identity!r}; delete it")
        return Cached(None, file.get_tensor("ids"), file.get_tensor("log_probs"), tau)


# ---------------------------------------------------------------------------------------------- run
def hub_plan(settings: Settings) -> Plan:
    """The paper's recipe at one reader's size."""
    return Plan(
        name=f"{settings.hub_teacher} to {settings.hub_student}",
        recipe=Recipe(lr=LR, batch=settings.hub_batch),
        teacher_epochs=TEACHER_EPOCHS,
        epochs=(STUDENT_EPOCHS,),
        judged=STUDENT_EPOCHS,
        prefix=PREFIX,
        suffix=SUFFIX,
        arms=objectives((TAU,)),
        resamples=settings.resamples,
        filtering=True,
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
    return Causal(model, vocab).to(on).eval()


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
    folder = models_folder() / "distillation-memorization" / f"seed-{seed}"
    outputs = partial(
        cache_top_k,
        path=folder / "teacher.safetensors",
        k=settings.hub_top_k,
        tau=TAU,
        name=f"{settings.hub_teacher}, {TEACHER_EPOCHS} epochs",
    )
    return run_world(plan or hub_plan(settings), text, *pair, seed, outputs=outputs, progress=True)


processes.together(__name__, "run_hub_world")
