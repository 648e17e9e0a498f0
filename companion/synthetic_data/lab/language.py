"""Laboratory E: a real pretrained language model, and how varied its texts are.

Laboratory E: a real pretrained language model, forward passes only.

SmolLM2-135M's own next-token distributions play the truth; the student of infinite data follows
from them without training.  Its completions at several temperatures show what the synthetic part
of a corpus would look like.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion.corpora import python_topics
from companion.scale import derive_seed, generator
from companion.synthetic_data.method.calibration import calibration, sharpen

if TYPE_CHECKING:
    from companion.encoder import Encoder


# ---------------------------------------------------------------------------------------- diversity
def ngrams(tokens: Sequence, n: int) -> list[tuple]:
    """All runs of n tokens."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def distinct(texts: Sequence[Sequence], n: int) -> float:
    """Different n-grams over all n-grams; depends on length, so compare texts of one length.

    texts : token sequences; nan if there is no n-gram at all
    """
    found = [gram for text in texts for gram in ngrams(text, n)]
    return len(set(found)) / len(found) if found else float("nan")


def bleu(text: Sequence, references: Sequence[Sequence], order: int = 4) -> float:
    """BLEU of one text against all references, add-one smoothing beyond single words.

    Papineni et al. 2002: clipped precisions, geometric mean, brevity penalty with the closest
    length.  Smoothing after Lin and Och 2004.
    """
    if not text or not references:
        return 0.0
    logs = []
    for n in range(1, order + 1):
        own = Counter(ngrams(text, n))
        most: Counter = Counter()
        for reference in references:
            most |= Counter(ngrams(reference, n))
        hits, total = sum((own & most).values()), sum(own.values())
        if n == 1 and hits == 0:
            return 0.0
        smooth = 0 if n == 1 else 1
        logs.append(np.log((hits + smooth) / (total + smooth)))
    closest = min((abs(len(r) - len(text)), len(r)) for r in references)[1]
    brevity = min(0.0, 1 - closest / len(text))
    return float(np.exp(np.mean(logs) + brevity))


def self_bleu(texts: Sequence[Sequence], n_references: int = 20) -> float:
    """Mean BLEU of each text against the `n_references` that follow it, around the circle.

    Against all others the cost is quadratic; a fixed number also keeps sizes comparable.
    """
    m = len(texts)
    if m < 2:
        raise ValueError(f"self-BLEU needs at least 2 texts, got {m}")
    reach = min(n_references, m - 1)
    return float(
        np.mean([bleu(texts[i], [texts[(i + 1 + j) % m] for j in range(reach)]) for i in range(m)])
    )


def dispersion(vectors: np.ndarray) -> float:
    """One minus the mean cosine of all pairs; vectors (n, width) of length one."""
    n = len(vectors)
    if n < 2:
        raise ValueError(f"dispersion needs at least 2 vectors, got {n}")
    total = np.asarray(vectors, float).sum(axis=0)
    return float(1 - (total @ total - n) / (n * (n - 1)))


def vendi(vectors: np.ndarray) -> float:
    """Vendi score: exp of the entropy of the eigenvalues of K / n (Friedman and Dieng 2023).

    vectors : (n, width) of length one; between 1 (all equal) and n (all orthogonal)
    """
    vectors = np.asarray(vectors, float)
    values = np.linalg.svd(vectors / np.sqrt(len(vectors)), compute_uv=False) ** 2
    values = values[values > 1e-15]
    return float(np.exp(-(values * np.log(values)).sum()))


# ----------------------------------------------------------------------------------------- language
WINDOW = 128
"""Tokens of context in one forward pass."""

PROMPTS = (
    "The weather today is",
    "My favorite book is about",
    "The scientist discovered that",
    "In the small town, people",
    "The recipe starts with",
    "She opened the door and",
    "The best way to learn is",
    "Last summer we traveled to",
    "The old man told me",
    "A good leader should",
)


class Laws(NamedTuple):
    """Next-token distributions: law (positions, vocabulary) float64; entropy in nats."""

    law: np.ndarray
    confidence: float
    entropy: float


def next_token_laws(model, tokenizer, n_positions: int, seed: int) -> Laws:
    """SmolLM2's distributions at T = 1 at random positions of English text.

    n_positions : rounded up to whole windows; every fourth position of a window is kept
    """
    import torch

    ids = tokenizer(python_topics().text[:60_000])["input_ids"]
    kept = np.arange(WINDOW // 2, WINDOW, 4)
    n_windows = -(-n_positions // len(kept))
    rng = generator(seed, "positions")
    starts = rng.choice(len(ids) // WINDOW, n_windows, replace=False) * WINDOW
    laws = []
    with torch.inference_mode():
        for start in starts:
            window = torch.tensor(ids[start : start + WINDOW], device=model.device)[None]
            logits = model(window).logits[0, kept].double()
            laws.append(torch.softmax(logits, -1).cpu().numpy())
    law = np.concatenate(laws)[:n_positions]
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(law > 0, law * np.log(law), 0).sum(-1).mean()
    return Laws(law, float(law.max(-1).mean()), float(entropy))


class Student(NamedTuple):
    """The student of infinite data on SmolLM2's distributions.

    over, ece : calibration against the truth; best : E max p, the accuracy, which never changes
    kl, entropy : nats; bins : reliability (3, n_bins)
    each : over-confidence at each position, (positions,)
    """

    temperature: float
    share: float
    generation: int
    over: float
    ece: float
    best: float
    kl: float
    entropy: float
    bins: np.ndarray
    each: np.ndarray


def students(
    laws: Laws, temperatures: Sequence[float], shares: Sequence[float], generations: int = 3
) -> list[Student]:
    """Every temperature, mixing ratio and generation; greedy answers never change."""
    truth = laws.law
    rows = np.arange(len(truth))
    weight = np.ones(len(truth))
    log_truth = np.log(np.maximum(truth, 1e-300))
    found = []
    for temperature in temperatures:
        for share in shares:
            law = truth
            for k in range(1, generations + 1):
                law = (1 - share) * truth + share * sharpen(law, temperature)
                greedy = law.argmax(-1)
                said = calibration(law.max(-1), truth[rows, greedy], weight)
                log = np.log(np.maximum(law, 1e-300))
                found.append(
                    Student(
                        temperature,
                        share,
                        k,
                        said.over_confidence,
                        said.error,
                        laws.confidence,
                        float((truth * (log_truth - log)).sum(-1).mean()),
                        float(-(law * log).sum(-1).mean()),
                        said.bins,
                        law.max(-1) - truth[rows, greedy],
                    )
                )
                if temperature == 0:  # the same for every k, to rounding
                    found += [
                        found[-1]._replace(generation=j) for j in range(k + 1, generations + 1)
                    ]
                    break
    return found


def complete(
    model, tokenizer, temperature: float, n_texts: int, n_tokens: int, seed: int
) -> list[list[int]]:
    """Completions of the prompts, each prompt equally often: token lists of one length."""
    import torch

    each = n_texts // len(PROMPTS)
    texts = []
    with torch.inference_mode():
        for prompt in PROMPTS:
            name = derive_seed(seed, "completion", prompt, f"{temperature:g}")
            rng = torch.Generator(device="cpu").manual_seed(name)
            ids = torch.tensor(tokenizer(prompt)["input_ids"], device=model.device)
            out = model(ids.expand(each, -1), use_cache=True)
            written = []
            for _ in range(n_tokens):
                logits = out.logits[:, -1].float().cpu()
                law = torch.softmax(logits / max(temperature, 1e-4), -1)
                token = torch.multinomial(law, 1, generator=rng)
                written.append(token)
                out = model(
                    token.to(model.device), past_key_values=out.past_key_values, use_cache=True
                )
            texts += torch.cat(written, 1).tolist()
    return texts


class Variety(NamedTuple):
    """Diversity of completions at one temperature.

    distinct : 1-, 2- and 3-grams; self_bleu : of word tokens; dispersion, vendi : of sentence
        vectors within a prompt, mean over prompts; by_prompt : (prompts,), dispersion of each
    """

    temperature: float
    distinct: tuple[float, float, float]
    self_bleu: float
    dispersion: float
    vendi: float
    by_prompt: np.ndarray
    n: int
    example: str


def variety(
    model,
    tokenizer,
    encoder: Encoder,
    temperatures: Sequence[float],
    n_texts: int,
    n_tokens: int,
    seed: int,
) -> list[Variety]:
    """Completions at several temperatures and how varied they are; same prompts and lengths."""
    each = n_texts // len(PROMPTS)
    if each < 2:
        raise ValueError(f"need two completions of each of {len(PROMPTS)} prompts, got {n_texts}")
    found = []
    for temperature in temperatures:
        texts = complete(model, tokenizer, temperature, n_texts, n_tokens, seed)
        words = tokenizer.batch_decode(texts, skip_special_tokens=True)
        vectors = encoder.encode(words).reshape(len(PROMPTS), each, -1)
        groups = [texts[i : i + each] for i in range(0, len(texts), each)]
        spread = np.array([dispersion(v) for v in vectors])
        found.append(
            Variety(
                temperature,
                tuple(distinct(texts, n) for n in (1, 2, 3)),
                float(np.mean([self_bleu(g) for g in groups])),
                float(spread.mean()),
                float(np.mean([vendi(v) for v in vectors])),
                spread,
                len(texts),
                PROMPTS[0] + words[0],
            )
        )
    return found
