"""The paper's path: Pythia models on five public tasks, fine-tuned on their own answers.

The paper's tasks and settings are not known to us; these are our choices.  Generation 0 is
fine-tuned on real examples; generation k on the same examples, of which a share s has answers
written by generation k - 1, always from the pretrained weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F
from tqdm.auto import tqdm

from companion.data import Missing
from companion.scale import device, generator, torch_generator
from companion.synthetic_data.lab.language import distinct
from companion.synthetic_data.method.calibration import smooth_error
from companion.synthetic_data.settings import Settings

RATE, BATCH, MAX_NEW = 1e-5, 64, 64
FLOOR = 0.05
"""Exact match below which a cell says nothing: small Pythias are at the floor on arithmetic."""


class Example(NamedTuple):
    """A question as the model reads it, and its answer."""

    prompt: str
    answer: str


class HubTask(NamedTuple):
    """A public data set: repository and file, family, and how a row becomes an example."""

    repository: str
    file: str
    family: str
    read: Callable[[Mapping[str, object]], Example]


def _arc(row: Mapping[str, object]) -> Example:
    choices = dict(zip(row["choices"]["label"], row["choices"]["text"], strict=True))
    options = "\n".join(f"{label}. {text}" for label, text in choices.items())
    prompt = f"{row['question']}\n{options}\nAnswer:"
    return Example(prompt, f" {choices[row['answerKey']]}")


TASKS = {
    "gsm8k": HubTask(
        "openai/gsm8k",
        "main/train-00000-of-00001.parquet",
        "reasoning",
        lambda row: Example(f"Question: {row['question']}\nAnswer:", f" {row['answer']}"),
    ),
    "arc": HubTask(
        "allenai/ai2_arc", "ARC-Challenge/train-00000-of-00001.parquet", "reasoning", _arc
    ),
    "squad": HubTask(
        "rajpurkar/squad",
        "plain_text/train-00000-of-00001.parquet",
        "retrieval",
        lambda row: Example(
            f"{row['context']}\nQuestion: {row['question']}\nAnswer:",
            f" {row['answers']['text'][0]}",
        ),
    ),
    "trivia": HubTask(
        "mandarjoshi/trivia_qa",
        "rc.nocontext/train-00000-of-00001.parquet",
        "retrieval",
        lambda row: Example(f"Question: {row['question']}\nAnswer:", f" {row['answer']['value']}"),
    ),
    "dolly": HubTask(
        "databricks/databricks-dolly-15k",
        "databricks-dolly-15k.jsonl",
        "generation",
        lambda row: Example(
            f"{row['instruction']}\n{row['context']}\nResponse:", f" {row['response']}"
        ),
    ),
}


def load_task(name: str, n: int, seed: int) -> list[Example]:
    """`n` random examples of a task from the Hub; needs a network.

    Raises
    ------
    ValueError : an unknown task
    """
    import pandas as pd
    from huggingface_hub import hf_hub_download

    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; choose one of {', '.join(TASKS)}")
    task = TASKS[name]
    path = hf_hub_download(task.repository, task.file, repo_type="dataset")
    frame = pd.read_json(path, lines=True) if path.endswith("jsonl") else pd.read_parquet(path)
    rows = generator(seed, "hub", name).permutation(len(frame))[:n]
    return [task.read(frame.iloc[int(i)]) for i in rows]


def load_model(name: str):
    """A pretrained Pythia in bfloat16 where there is a GPU, and its tokenizer; needs a network."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    dtype = torch.bfloat16 if device() == "cuda" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        name, dtype=dtype, use_safetensors=True, trust_remote_code=False
    )
    return model.to(device()), AutoTokenizer.from_pretrained(name)


class Tokens(NamedTuple):
    """ids (n, length) padded at the end; answer (n, length), whether a token is to be learned."""

    ids: torch.Tensor
    answer: torch.Tensor


def encode(tokenizer, examples: Sequence[Example], longest: int = 512) -> Tokens:
    """Prompt, answer, end mark; a prompt that is too long loses its beginning."""
    rows, marks = [], []
    for prompt, answer in examples:
        tail = [*tokenizer(answer)["input_ids"], tokenizer.eos_token_id][: longest // 2]
        head = tokenizer(prompt)["input_ids"][-(longest - len(tail)) :]
        rows.append(head + tail)
        marks.append([False] * len(head) + [True] * len(tail))
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    answer = torch.tensor([mark + [False] * (length - len(mark)) for mark in marks])
    return Tokens(ids, answer)


def fine_tune(
    model,
    tokenizer,
    examples: Sequence[Example],
    seed: int,
    *,
    steps: int,
    batch: int = BATCH,
    rate: float = RATE,
    micro: int = 8,
):
    """AdamW on the answer tokens, linear decay; returns the model.

    micro : examples in memory at a time; the update is that of the whole batch
    """
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    order = torch.randperm(len(examples), generator=torch_generator(seed, "hub order"))
    where = next(model.parameters()).device
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        rows = [int(order[(step * batch + i) % len(order)]) for i in range(batch)]
        tokens = encode(tokenizer, [examples[i] for i in rows])
        total = int(tokens.answer[:, 1:].sum())
        for start in range(0, batch, micro):
            ids = tokens.ids[start : start + micro].to(where)
            learn = tokens.answer[start : start + micro, 1:].to(where)
            logits = model(ids[:, :-1]).logits[learn].float()
            (F.cross_entropy(logits, ids[:, 1:][learn], reduction="sum") / total).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@torch.inference_mode()
def write_answers(
    model,
    tokenizer,
    examples: Sequence[Example],
    temperature: float,
    seed: int,
    max_new: int = MAX_NEW,
) -> list[Example]:
    """The same prompts with answers written by the model, one at a time."""
    where = next(model.parameters()).device
    rng = torch_generator(seed, "hub written", f"{temperature:g}")
    written = []
    for prompt, _ in examples:
        ids = torch.tensor([tokenizer(prompt)["input_ids"][-448:]], device=where)
        out, new = model(ids, use_cache=True), []
        for _ in range(max_new):
            logits = out.logits[0, -1].float().cpu()
            if temperature == 0:
                token = int(logits.argmax())
            else:
                law = torch.softmax(logits / temperature, -1)
                token = int(torch.multinomial(law, 1, generator=rng))
            if token == tokenizer.eos_token_id:
                break
            new.append(token)
            out = model(
                torch.tensor([[token]], device=where),
                use_cache=True,
                past_key_values=out.past_key_values,
            )
        written.append(Example(prompt, tokenizer.decode(new)))
    return written


class Cell(NamedTuple):
    """Scores of one model on one task; absolute numbers.

    exact : greedy answers that are right; token : answer tokens predicted right; error : smooth
    calibration error of the answer tokens; distinct : pairs; floor : exact is too low to compare
    """

    exact: float
    token: float
    error: float
    distinct: float
    floor: bool


@torch.inference_mode()
def grade(model, tokenizer, examples: Sequence[Example], max_new: int = MAX_NEW) -> Cell:
    """Scores on held-out examples."""
    where = next(model.parameters()).device
    confidence, correct = [], []
    for example in examples:
        tokens = encode(tokenizer, [example])
        logits = model(tokens.ids[:, :-1].to(where)).logits.float().cpu()[tokens.answer[:, 1:]]
        law = torch.softmax(logits, -1)
        confidence += law.max(-1).values.tolist()
        correct += (law.argmax(-1) == tokens.ids[:, 1:][tokens.answer[:, 1:]]).tolist()
    written = write_answers(model, tokenizer, examples, 0, 0, max_new)
    exact = np.mean(
        [w.answer.strip() == e.answer.strip() for w, e in zip(written, examples, strict=True)]
    )
    right = np.array(correct, float)
    return Cell(
        float(exact),
        float(right.mean()),
        smooth_error(np.array(confidence), right),
        distinct([tokenizer(w.answer)["input_ids"] for w in written], 2),
        bool(exact < FLOOR),
    )


def run_hub(
    settings: Settings,
    seed: int,
    *,
    models: Callable = load_model,
    tasks: Callable = load_task,
    names: Sequence[str] = tuple(TASKS),
    shares: Sequence[float] = (0.0, 0.2, 0.5),
    generations: int = 3,
    temperature: float = 1.0,
    n_test: int = 500,
    max_new: int = MAX_NEW,
    batch: int = BATCH,
    progress: bool = True,
) -> dict[tuple[str, str, float, int], Cell] | Missing:
    """(model, task, s, k) -> scores; ``Missing`` where the settings name no model.

    models, tasks : loaders, replaced in tests by a stand-in
    The default grid is reduced: 3 models, 5 tasks, s in {0, 0.2, 0.5}, one temperature and seed.
    """
    if not settings.hub_models:
        return Missing("The paper's models are trained at paper scale only (hub_models is empty).")
    found = {}
    for model_name in tqdm(settings.hub_models, desc="Pythia", disable=not progress):
        for name in names:
            examples = tasks(name, settings.hub_examples + n_test, seed)
            test, real = examples[:n_test], examples[n_test:]
            steps = math.ceil(len(real) / batch)

            def tuned(data: list[Example], model_name=model_name, steps=steps):
                model, tokenizer = models(model_name)
                return fine_tune(model, tokenizer, data, seed, steps=steps, batch=batch), tokenizer

            first = tuned(real)
            start = grade(*first, test, max_new)
            for s in shares:
                found[model_name, name, s, 0] = start
                order = generator(seed, "hub kept", name, f"{s:g}").permutation(len(real))
                cut = round(s * len(real))
                kept = [real[i] for i in order[cut:]]
                lost = [real[i] for i in order[:cut]]
                model = first
                for k in range(1, generations + 1):
                    if not lost:
                        found[model_name, name, s, k] = start
                        continue
                    written = write_answers(*model, lost, temperature, seed + k, max_new)
                    model = tuned([*kept, *written])
                    found[model_name, name, s, k] = grade(*model, test, max_new)
    return found
