"""Real models with what they declare: four tables, and the numbers that the paper prints."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import polars as pl

from companion.data import fetch
from companion.model_ecosystem.method.forest import Forest, named_forest

FOLDER = "model-ecosystem"

TRAITS = ("license", "language", "task", "library")
"""What a model passes on to its children; each is a column of a table, a list of values a model."""


@dataclass(frozen=True)
class Ecosystem:
    """Models with what they declare, and who descends from whom.

    name : of the table, as a reader sees it
    table : a row per model; columns model_id, account, date (ISO text) and, as far as the table has
        them, TRAITS (lists), card_chars and auto_card; null where nothing is declared
    records : per model what its string is made of, entry -> value
    graph : the forest over the rows of the table
    child_field : the field that says "I am a child"
    masked : fields that name or date a model, left out where the table has no other such string
    """

    name: str
    table: pl.DataFrame
    records: tuple[dict[str, object], ...]
    graph: Forest
    child_field: str = "base_model"
    masked: tuple[str, ...] = ()

    @property
    def account(self) -> np.ndarray:
        """Who made each model, integers (n,)."""
        return np.unique(self.table["account"].fill_null("").to_numpy(), return_inverse=True)[1]

    def with_edges(self, *relations: str) -> Ecosystem:
        """Only the edges of some relations."""
        return replace(self, graph=self.graph.only(*relations))

    def column(self, name: str) -> list[object]:
        """One column as a list, None for all where the table lacks it."""
        table = self.table
        return table[name].to_list() if name in table.columns else [None] * table.height

    def older_children(self) -> int:
        """Edges whose child has an earlier date than its parent."""
        day = self.table["date"].fill_null("").to_numpy()  # ISO text sorts by time
        above, below = day[self.graph.parent], day[self.graph.child]
        return int(((above != "") & (below != "") & (below < above)).sum())


def _read(name: str, **strings: type[pl.DataType]) -> pl.DataFrame:
    path = fetch(f"{FOLDER}/{name}")
    return pl.read_csv(path.read_bytes(), schema_overrides=strings, infer_schema_length=None)


def _account(names: pl.Expr) -> pl.Expr:
    return names.str.split("/").list.first().alias("account")


def _one(column: str) -> pl.Expr:
    """A trait with one value as a list."""
    return pl.when(pl.col(column).is_not_null()).then(pl.concat_list(column))


@cache
def hub_sample() -> Ecosystem:
    """Complete declared finetune neighborhoods of about 25 famous models, spring 2025.

    Only models with metadata, and only links that the child's own tags declare.

    Raises
    ------
    DataUnavailable : the files are not on this machine; so for the other tables
    """
    nodes = "hub_families_nodes.csv.gz"
    rows = _read(nodes, license=pl.Utf8, tags_json=pl.Utf8, created_at=pl.Utf8)
    rows = rows.filter(pl.col("has_metadata") == 1)
    links = _read("hub_families_edges.csv.gz")
    table = rows.select(
        "model_id",
        _account(pl.col("model_id")),
        pl.col("created_at").alias("date"),
        _one("license").alias("license"),
        pl.col("languages").str.split("|").alias("language"),
        _one("pipeline_tag").alias("task"),
        _one("library_name").alias("library"),
        "card_chars",
        pl.col("card_auto_generated").cast(pl.Boolean).alias("auto_card"),
    )
    records = hub_records(
        rows.select(
            "model_id",
            "likes",
            pl.col("downloads_30d").alias("downloads"),
            pl.col("tags_json").str.json_decode(pl.List(pl.Utf8)).alias("tags"),
            pl.col("pipeline_tag").alias("task"),
            pl.col("library_name").alias("library"),
            pl.col("created_at").alias("date"),
        )
    )
    declared = links.filter(pl.col("source") == "tag").select("parent", "child", "relation")
    graph = named_forest(table["model_id"].to_list(), declared)
    return Ecosystem("Hub sample", table, records, graph)


def hub_records(rows: pl.DataFrame) -> tuple[dict[str, object], ...]:
    """Records as the Hub's interface gives them.

    rows : columns model_id, likes, downloads, tags (list), task, library, date
    """
    return tuple(
        {
            "id": row["model_id"],
            "likes": row["likes"],
            "private": False,
            "downloads": row["downloads"],
            "tags": row["tags"],
            "pipeline_tag": row["task"],
            "library_name": row["library"],
            "createdAt": row["date"],
        }
        for row in rows.iter_rows(named=True)
    )


@cache
def leaderboard() -> Ecosystem:
    """Models of the Open LLM Leaderboard 2, without their scores; a parent in the table each."""
    rows = _read("open_llm_leaderboard.csv.gz").unique(
        "model_id", keep="first", maintain_order=True
    )
    name, parent = pl.col("model_id"), pl.col("base_model")
    table = rows.select(
        "model_id",
        _account(name),
        pl.col("uploaded").alias("date"),
        _one("license").alias("license"),
    )
    links = rows.filter((name != parent) & ~parent.str.contains("(Merge)", literal=True)).select(
        parent=parent, child=name, relation=pl.lit("finetune")
    )
    graph = named_forest(table["model_id"].to_list(), links)
    # parents name themselves in base_model, so the string would hold the name twice
    masked = ("model_id", "uploaded", "base_model")
    return Ecosystem("leaderboard", table, tuple(rows.to_dicts()), graph, "type", masked)


@cache
def epoch() -> Ecosystem:
    """Notable models of Epoch AI's table, 1950 to 2025, with their first declared base model."""
    rows = _read("epoch_models.csv.gz").unique("model", keep="first", maintain_order=True)
    table = rows.select(
        pl.col("model").alias("model_id"),
        pl.col("organization").alias("account"),
        pl.col("published").alias("date"),
    )
    links = rows.filter(pl.col("base_model").is_not_null()).select(
        parent=pl.col("base_model").str.split(",").list.first(),
        child="model",
        relation=pl.lit("finetune"),
    )
    graph = named_forest(table["model_id"].to_list(), links)
    return Ecosystem("Epoch AI", table, tuple(rows.to_dicts()), graph)


@cache
def embedding_models() -> Ecosystem:
    """968 embedding models with a curated parent each, another community's metadata (mteb)."""
    rows = _read("mteb_models.csv.gz").unique("name", keep="first", maintain_order=True)
    table = rows.select(
        pl.col("name").alias("model_id"),
        _account(pl.col("name")),
        pl.col("release_date").alias("date"),
        _one("license").alias("license"),
        pl.col("languages").str.split("|").alias("language"),
        _one("framework").alias("library"),
    )
    links = rows.filter(pl.col("adapted_from").is_not_null()).select(
        parent="adapted_from", child="name", relation=pl.lit("finetune")
    )
    graph = named_forest(table["model_id"].to_list(), links)
    return Ecosystem("embedding models", table, (), graph)


@cache
def card_terms() -> pl.DataFrame:
    """Counts of 512 words and word pairs in the first 512 characters of hand-written cards.

    Returns : a long table model_id, term, count
    """
    return _read("hub_families_card_terms.csv.gz", model_id=pl.Utf8, term=pl.Utf8)


@cache
def printed_similarity() -> pl.DataFrame:
    """Means read off the paper's similarity figures, 24 pair types (error about 0.003)."""
    return _read("paper_similarity_digitised.csv")


@cache
def printed_families() -> np.ndarray:
    """Models in the ten largest families without merges; labels of the authors' figure."""
    rows = _read("hub_marginals.csv").filter(kind="family_size_no_merges_top10")
    return rows["count_or_percent"].to_numpy()


PRINTED_RATES = {"language": 0.2419, "license": 0.1976, "task": 0.4106}
"""Mutation rates, finetunes only; printed by the authors' current notebook."""

PRINTED_ORDER = {"license": (113, 121), "language": (186, 189), "task": (30, 32)}
"""Pairs in order and oriented pairs, finetunes only; printed by the authors' notebooks."""

PRINTED_FORWARD = {"license": 84.6, "language": 75.0, "task": 98.2}
"""Percent of the transitions that go forward in that order; as above."""

# --------------------------------------------------------------------------- classes of values
RESTRICTIVE, OPEN = 0, 1
"""License classes of the paper's Figure of licenses: commercial and use-restricted; permissive and
copyleft."""

_RESTRICTIVE = re.compile(r"gemma|llama|.*openrail|.*-rail|cc-by-nc|deepseek|other-nc")
_OPEN = re.compile(
    r"apache|mit$|bsd|afl|artistic|cc-by-4|cc-by-sa|cc-by-3|cc-by-2|cc0|cc$|unlicense|[al]?gpl|isc|"
    r"wtfpl|mpl|epl|ecl|osl|bsl|ms-pl|pddl|odc|zlib"
)


def license_class(name: str) -> int:
    """RESTRICTIVE, OPEN, or -1 for a license of neither (``other``, an address, unknown)."""
    name = name.lower()
    return RESTRICTIVE if _RESTRICTIVE.match(name) else OPEN if _OPEN.match(name) else -1


MULTILINGUAL, ENGLISH = 0, 1


def language_class(languages: list[str]) -> int:
    """MULTILINGUAL for two languages or more, ENGLISH for English alone, -1 for another one."""
    if len(set(languages)) > 1:
        return MULTILINGUAL
    return ENGLISH if languages[0] in ("en", "eng", "eng-Latn") else -1


EARLY, LATE = 0, 1
"""Task classes at the two ends of the paper's order of tasks."""


def task_class(task: str) -> int:
    """EARLY for filling gaps and features, LATE for classification, -1 for another task."""
    if task in ("fill-mask", "feature-extraction"):
        return EARLY
    return LATE if task.endswith("-classification") else -1
