"""Paper scale: language models, text sets, images and sound from the Hub, and the paper's module.

Everything is read as parquet and safetensors; no code of a repository runs.  The same functions
run in the tests on models and files of a few kilobytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl
import torch
from torch import nn
from tqdm.auto import tqdm

from companion.data import DataUnavailable, Missing
from companion.models import models_folder
from companion.scale import device
from companion.tart.lab.cells import run_cell
from companion.tart.lab.real import P_IMAGE, Vectors, cell_table, method_table
from companion.tart.lab.synthetic import Curve, first_position, learning_curve
from companion.tart.method.embeddings import CausalEmbedder, PromptMaker, PromptTooLong
from companion.tart.method.module import ReasoningModule
from companion.tart.method.training import HeadRecipe, LogisticTaskSampler, train_head
from companion.tart.settings import PAPER_RECIPE, Settings
from companion.tart.sources import TASKS, TextSet, make_set, split, text_set

if TYPE_CHECKING:
    from PIL.Image import Image

ROOT = "hf://datasets"
N_ROWS = 20_000  # first rows of a table that are read
NOT_HERE = "Runs at paper scale only: it reads models and data from the Hugging Face Hub."


@dataclass(frozen=True)
class HubTask:
    """A binary task from a table of the Hub, by its parquet copy.

    repo, config, part : of the data set; text, label : columns
    positive : values of the label column that count as 1, or None for a probability above 0.5
    """

    repo: str
    config: str
    part: str
    text: str
    label: str
    positive: tuple[int, ...] | None = (1,)


HUB_TASKS = {
    "Rotten Tomatoes": HubTask(
        "cornell-movie-review-data/rotten_tomatoes", "default", "test", "text", "label"
    ),
    "SST-2": HubTask("stanfordnlp/sst2", "default", "validation", "sentence", "label"),
    "IMDB": HubTask("stanfordnlp/imdb", "plain_text", "test", "text", "label"),
    "Civil Comments": HubTask("google/civil_comments", "default", "test", "text", "toxicity", None),
    **{
        f"AG News {i}": HubTask("fancyzhx/ag_news", "default", "test", "text", "label", (i,))
        for i in range(4)
    },
    **{
        f"DBPedia {i}": HubTask(
            "fancyzhx/dbpedia_14", "dbpedia_14", "test", "content", "label", (i,)
        )
        for i in range(4)
    },
}

VISION = (
    "google/vit-base-patch16-224-in21k",
    HubTask("ylecun/mnist", "mnist", "test", "image", "label", (4,)),
    (2, 4),
)
SOUND = (
    "openai/whisper-base",
    HubTask("google/speech_commands", "v0.01", "test", "audio", "label", (1,)),
    (0, 1),
)


def read_table(task: HubTask, root: str = ROOT) -> pl.DataFrame:
    """The task's two columns; DataUnavailable where they cannot be read."""
    address = f"{root}/{task.repo}@~parquet/{task.config}/{task.part}/*.parquet"
    try:
        frame = pl.scan_parquet(address).select(task.text, task.label).head(N_ROWS).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataUnavailable(f"{address} could not be read ({error})") from error
    if frame.is_empty():
        raise DataUnavailable(f"{address} is empty")
    return frame


def hub_texts(name: str, root: str = ROOT) -> TextSet:
    """A text set by name, from the book's data or from the Hub."""
    if name in TASKS:
        return text_set(name)
    if name not in HUB_TASKS:
        raise ValueError(f"unknown task {name!r}; known are {', '.join((*TASKS, *HUB_TASKS))}")
    task = HUB_TASKS[name]
    frame = read_table(task, root)
    values = frame[task.label].to_numpy()
    labels = values > 0.5 if task.positive is None else np.isin(values, task.positive)
    return make_set(name, frame[task.text].to_list(), labels.astype(int).tolist())


def hub_model(name: str) -> CausalEmbedder:
    """A causal language model of the Hub, in float32; DataUnavailable where it cannot be had."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, **options)
    except OSError as error:
        raise DataUnavailable(f"{name} could not be loaded ({error})") from error
    return CausalEmbedder(model.to(device()), PromptMaker(tokenizer))


def run_hub(
    settings: Settings,
    seed: int,
    head: nn.Module | Missing,
    *,
    load: Callable[[str], CausalEmbedder] = hub_model,
    root: str = ROOT,
    progress: bool = True,
) -> pd.DataFrame | Missing:
    """Every model on every task: the table of cells with a column `model`.

    A context that a model cannot read is left out; the paper's code cuts it silently.
    """
    if not settings.hub_models:
        return Missing(NOT_HERE)
    sets = {name: hub_texts(name, root) for name in settings.hub_tasks}
    module = None if isinstance(head, Missing) else head
    tables = []
    for name in settings.hub_models:
        embedder = load(name)
        jobs = [
            (t, k, s)
            for t in sets
            for k in settings.hub_k
            for s in range(seed, seed + settings.hub_seeds)
        ]
        for task, k, s in tqdm(jobs, desc=name, disable=not progress):
            try:
                cell = run_cell(embedder, sets[task], k, s, settings.hub_queries)
            except PromptTooLong:
                continue
            tables.append(cell_table([cell], module).assign(model=name))
    return pd.concat(tables, ignore_index=True)


def paper_head(
    settings: Settings,
    seed: int,
    *,
    recipe: HeadRecipe = PAPER_RECIPE,
    folder: Path | None = None,
    progress: bool = True,
) -> ReasoningModule | Missing:
    """The paper's own module, trained here; the run goes on from its checkpoint."""
    if not settings.hub_train:
        return Missing(NOT_HERE)
    place = models_folder() if folder is None else folder
    head, _ = train_head(
        recipe,
        seed,
        checkpoint=place / f"tart-standard-{seed}.safetensors",
        device=device(),
        progress=progress,
        label="the paper's module",
    )
    return head.cpu()


def long_curve(head: ReasoningModule, settings: Settings, seed: int) -> Curve:
    """Accuracy up to the longest context of the paper's module, and without any example."""
    most = head.max_context
    sizes = [k for k in (18, 32, 64, 128, 256) if k <= most] or [most]
    sampler = LogisticTaskSampler(head.d)
    curve = learning_curve([head], sampler, sizes, settings.n_tasks, settings.n_query, seed)
    return curve._replace(first=first_position(head, sampler, settings.n_first, seed))


@torch.inference_mode()
def image_vectors(model: nn.Module, images: Sequence[Image], batch: int = 32) -> np.ndarray:
    """Mean over tokens of an image model's last hidden state: (n, width).

    As the authors: resized to the model's size, grey as three channels, values 0 to 1, and no
    further normalization.
    """
    side = model.config.image_size
    on = next(model.parameters()).device
    found = []
    for start in range(0, len(images), batch):
        pixels = np.stack(
            [
                np.asarray(image.convert("L").resize((side, side)), dtype=np.float32) / 255
                for image in images[start : start + batch]
            ]
        )
        x = torch.from_numpy(pixels)[:, None].expand(-1, 3, -1, -1).to(on)
        found.append(model(pixel_values=x).last_hidden_state.mean(1).float().cpu().numpy())
    return np.concatenate(found)


@torch.inference_mode()
def sound_vectors(
    model: nn.Module, features: Callable[..., dict], sounds: Sequence[tuple[int, np.ndarray]]
) -> np.ndarray:
    """Mean over time of a sound encoder's last hidden state: (n, width).

    features : the model's feature extractor; sounds : (samples per second, samples)
    """
    on = next(model.parameters()).device
    found = []
    for rate, samples in sounds:
        made = features(samples, sampling_rate=rate, return_tensors="pt")["input_features"]
        states = model.get_encoder()(made.to(on)).last_hidden_state
        found.append(states.mean(1)[0].float().cpu().numpy())
    return np.stack(found)


def decode_image(cell: dict) -> Image:
    """A picture from the bytes of a table's cell."""
    from PIL import Image

    return Image.open(io.BytesIO(cell["bytes"]))


def decode_sound(cell: dict) -> tuple[int, np.ndarray]:
    """(samples per second, samples from -1 to 1) from the bytes of a WAV file."""
    from scipy.io import wavfile

    rate, samples = wavfile.read(io.BytesIO(cell["bytes"]))
    largest = np.iinfo(samples.dtype).max if samples.dtype.kind == "i" else 1
    return rate, samples.astype(np.float32) / largest


def media_vectors(
    kind: str,
    task: HubTask,
    classes: tuple[int, int],
    encode: Callable[[list], np.ndarray],
    settings: Settings,
    seed: int,
    root: str = ROOT,
) -> list[Vectors]:
    """Contexts and queries of one image or sound task; `encode` turns cells into vectors."""
    frame = read_table(task, root)
    labels = frame[task.label].to_numpy()
    rows = np.concatenate([np.flatnonzero(labels == c)[: settings.hub_images] for c in classes])
    x = encode([frame[task.text][int(i)] for i in rows])
    y = (labels[rows] == classes[1]).astype(int)
    found = []
    for k in settings.hub_k:
        for s in range(seed, seed + settings.hub_seeds):
            n_query = min(settings.hub_queries, 2 * (min(np.bincount(y)) - k // 2))
            chosen = split(y, k, n_query, s, kind)
            found.append(
                Vectors(
                    f"{classes[0]}v{classes[1]}, {kind}",
                    k,
                    s,
                    kind,
                    x[chosen.context],
                    y[chosen.context],
                    x[chosen.query],
                    y[chosen.query],
                    P_IMAGE,
                    "repeat",
                )
            )
    return found


def run_media(
    settings: Settings, seed: int, head: nn.Module | Missing, root: str = ROOT
) -> pd.DataFrame | Missing:
    """Images through ViT and spoken words through Whisper's encoder."""
    if not settings.hub_models:
        return Missing(NOT_HERE)
    from transformers import AutoFeatureExtractor, AutoModel

    try:
        image_model = AutoModel.from_pretrained(VISION[0]).to(device()).eval()
        sound_model = AutoModel.from_pretrained(SOUND[0]).to(device()).eval()
        features = AutoFeatureExtractor.from_pretrained(SOUND[0])
    except OSError as error:
        raise DataUnavailable(f"a model could not be loaded ({error})") from error
    vectors = [
        *media_vectors(
            "image model",
            *VISION[1:],
            lambda cells: image_vectors(image_model, [decode_image(c) for c in cells]),
            settings,
            seed,
            root,
        ),
        *media_vectors(
            "sound model",
            *SOUND[1:],
            lambda cells: sound_vectors(sound_model, features, [decode_sound(c) for c in cells]),
            settings,
            seed,
            root,
        ),
    ]
    return method_table(vectors, None if isinstance(head, Missing) else head)
