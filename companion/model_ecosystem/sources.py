"""The real samples: 2,057 models of the Hub with their links, and a curated table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from companion.data import fetch
from companion.model_ecosystem.method.forest import Forest, named_forest

FOLDER = "model-ecosystem"


@dataclass(frozen=True)
class Ecosystem:
    """Models with what they declare, and who descends from whom.

    table : one row per model; columns model_id, created_at, downloads, likes, library, task,
        license, languages (list), tags (list), card_chars, auto_card; null where not declared
    graph : the forest over the rows of the table
    """

    table: pl.DataFrame
    graph: Forest

    @property
    def uploader(self) -> np.ndarray:
        """The account before the slash, (n,) strings."""
        return np.array([name.split("/")[0] for name in self.table["model_id"]])

    def with_edges(self, *relations: str) -> Ecosystem:
        """Only the edges of some relations."""
        return Ecosystem(self.table, self.graph.only(*relations))


@cache
def hub_sample() -> Ecosystem:
    """Complete declared fine-tune neighborhoods of about 25 famous models, spring 2025.

    Only models with metadata, and only links that the child's own tags declare.

    Raises
    ------
    DataUnavailable : the files are not on this machine
    """
    strings = {"license": pl.Utf8, "tags_json": pl.Utf8, "created_at": pl.Utf8}
    rows = pl.read_csv(
        fetch(f"{FOLDER}/hub_families_nodes.csv.gz").read_bytes(),
        schema_overrides=strings,
        infer_schema_length=None,
    )
    links = pl.read_csv(fetch(f"{FOLDER}/hub_families_edges.csv.gz").read_bytes())
    table = rows.filter(pl.col("has_metadata") == 1).select(
        "model_id",
        "created_at",
        pl.col("downloads_30d").alias("downloads"),
        "likes",
        pl.col("library_name").alias("library"),
        pl.col("pipeline_tag").alias("task"),
        "license",
        pl.col("languages").str.split("|"),
        pl.col("tags_json").str.json_decode(pl.List(pl.Utf8)).alias("tags"),
        pl.col("card_chars"),
        pl.col("card_auto_generated").cast(pl.Boolean).alias("auto_card"),
    )
    declared = links.filter(pl.col("source") == "tag").select("parent", "child", "relation")
    return Ecosystem(table, named_forest(table["model_id"].to_list(), declared))


@cache
def card_terms() -> tuple[tuple[str, ...], pl.DataFrame]:
    """Counts of 512 words and word pairs in the first 512 characters of hand-written cards.

    Returns : names of the models, and a table model_id, term, count
    """
    counts = pl.read_csv(
        fetch(f"{FOLDER}/hub_families_card_terms.csv.gz").read_bytes(),
        schema_overrides={"model_id": pl.Utf8, "term": pl.Utf8},
    )
    return tuple(counts["model_id"].unique(maintain_order=True)), counts


@cache
def embedding_models() -> Ecosystem:
    """968 embedding models with a curated parent each, another community's metadata (mteb)."""
    rows = pl.read_csv(
        fetch(f"{FOLDER}/mteb_models.csv.gz").read_bytes(), infer_schema_length=None
    ).unique("name", keep="first", maintain_order=True)
    empty = pl.lit(None)
    table = rows.select(
        pl.col("name").alias("model_id"),
        pl.col("release_date").alias("created_at"),
        empty.cast(pl.Int64).alias("downloads"),
        empty.cast(pl.Int64).alias("likes"),
        pl.col("framework").alias("library"),
        empty.cast(pl.Utf8).alias("task"),
        "license",
        pl.col("languages").str.split("|"),
        empty.cast(pl.List(pl.Utf8)).alias("tags"),
        empty.cast(pl.Int64).alias("card_chars"),
        empty.cast(pl.Boolean).alias("auto_card"),
    )
    links = rows.filter(pl.col("adapted_from").is_not_null()).select(
        pl.col("adapted_from").alias("parent"),
        pl.col("name").alias("child"),
        pl.lit("finetune").alias("relation"),
    )
    return Ecosystem(table, named_forest(table["model_id"].to_list(), links))


@cache
def marginals() -> pl.DataFrame:
    """Counts over all 1,860,411 models; columns kind, value, count_or_percent, precision."""
    return pl.read_csv(fetch(f"{FOLDER}/hub_marginals.csv"))


@cache
def printed_numbers() -> pl.DataFrame:
    """Numbers of the paper and of the authors' notebooks."""
    return pl.read_csv(fetch(f"{FOLDER}/paper_numbers.csv"), schema_overrides={"value": pl.Utf8})


@cache
def printed_similarity() -> pl.DataFrame:
    """Means read off the paper's similarity figures, 24 pair types."""
    return pl.read_csv(fetch(f"{FOLDER}/paper_similarity_digitised.csv"))
