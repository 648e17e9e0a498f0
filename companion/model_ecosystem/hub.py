"""The whole Hub: the paper's data set through polars, or the live interface."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from companion.data import Missing, revision
from companion.model_ecosystem.method.forest import RELATIONS, Forest, forest
from companion.model_ecosystem.settings import DATASET, Settings
from companion.model_ecosystem.sources import Ecosystem, hub_records

_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu
cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi
ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks
ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl
nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl
sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve
vi vo wa wo xh yi yo za zh zu
"""

ISO_639_1 = frozenset(_CODES.split())
"""Two-letter language codes.  The tags t5 and tf also have two characters."""

HUB = "hf://datasets/"
"""What the address of a data set of the Hub begins with."""

COLUMNS = {
    "id": ("id", "modelId", "model_id"),
    "created_at": ("createdAt", "created_at"),
    "downloads": ("downloads",),
    "likes": ("likes",),
    "library": ("library_name", "library"),
    "task": ("pipeline_tag", "task"),
    "tags": ("tags",),
    "card": ("card", "modelCard", "card_text"),
}
"""Our names, and what they are called in the data set or by the interface."""


def as_list(value: object) -> list[str]:
    """A list that may be stored as the text of a Python list; never evaluated as code.

    Raises
    ------
    ValueError : text that is no list of strings
    """
    if value is None:
        return []
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value) if value.strip() else []
        except (SyntaxError, ValueError) as error:
            raise ValueError(f"not the text of a list: {value[:80]!r}") from error
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"not a list of strings: {str(value)[:80]!r}")
    return list(value)


def read_dataset(source: str | Path = DATASET, *, n_rows: int | None = None) -> pl.DataFrame:
    """The models of the data set, with the columns of COLUMNS that it has, as :func:`in_short`.

    The files are streamed: of the columns only those that are needed are read, a part at a time,
    and no text of a card stays.  So the files may be larger than the memory.

    source : address, folder or file.  A data set of the Hub is read at one commit, see
        :func:`companion.data.revision`; n_rows : only so many, for a first look

    Raises
    ------
    ValueError : the table has no column of names, or none of tags
    """
    place = str(source)
    if place.startswith(HUB):
        owner, name, *inside = place.removeprefix(HUB).split("/")
        place = HUB + "/".join([owner, f"{name}@{revision(f'{owner}/{name}')}", *inside])
    if not place.endswith(".parquet"):
        place = f"{place.rstrip('/')}/**/*.parquet"
    rows = pl.scan_parquet(place)
    found = rows.collect_schema().names()
    names = {
        ours: next((n for n in theirs if n in found), None) for ours, theirs in COLUMNS.items()
    }
    for needed in ("id", "tags"):
        if names[needed] is None:
            raise ValueError(
                f"{place} has no column for {needed!r}, looked for {COLUMNS[needed]}; it has "
                f"{found}"
            )
    wanted = rows.select(pl.col(n).alias(ours) for ours, n in names.items() if n is not None)
    return in_short(wanted.head(n_rows) if n_rows else wanted).collect(engine="streaming")


def in_short(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Tags as lists; of a card how long it is, and whether a program wrote it.

    rows : columns id and tags, lists or the texts of lists, and maybe card

    Returns : in place of the card card_chars and auto_card, row by row
    """
    schema = rows.collect_schema()
    if schema["tags"] != pl.List(pl.Utf8):
        rows = rows.with_columns(
            pl.col("tags").map_batches(lists_of, return_dtype=pl.List(pl.Utf8), is_elementwise=True)
        )
    if "card" not in schema:
        return rows
    text = pl.col("card").str.to_lowercase()
    return rows.with_columns(
        pl.col("card").str.len_chars().cast(pl.Int64).alias("card_chars"),
        (
            text.str.contains("automatically generated", literal=True)
            | text.str.contains("generated automatically", literal=True)
        ).alias("auto_card"),
    ).drop("card")


_PLAIN = r"^\['[^'\\[:cntrl:]]*'(, '[^'\\[:cntrl:]]*')*\]$"
"""A list of strings without quotes and escapes, as Python writes it."""


def lists_of(values: pl.Series) -> pl.Series:
    """:func:`as_list` of a column, lists of strings; plain texts are cut at their commas."""
    if values.dtype != pl.Utf8:
        return pl.Series(values.name, [as_list(one) for one in values], dtype=pl.List(pl.Utf8))
    plain = values.str.contains(_PLAIN).fill_null(value=False)
    cut = values.str.strip_prefix("['").str.strip_suffix("']").str.split("', '")
    if plain.all():
        return cut
    others = [None if easy else as_list(one) for one, easy in zip(values, plain, strict=True)]
    whole = pl.DataFrame({"plain": plain, "cut": cut}).with_columns(
        pl.Series("other", others, dtype=pl.List(pl.Utf8))
    )
    return whole.select(
        pl.when("plain").then("cut").otherwise("other").alias(values.name)
    ).to_series()


def live_rows(
    parents: Sequence[str], api: object | None = None, *, limit: int | None = None
) -> pl.DataFrame:
    """The declared finetunes of some models, and these models, through the Hub's interface.

    api : a ``huggingface_hub.HfApi``; a new one if missing
    """
    if api is None:
        from huggingface_hub import HfApi

        api = HfApi()
    seen: dict[str, dict[str, object]] = {}
    for parent in parents:
        children = api.list_models(filter=f"base_model:finetune:{parent}", full=True, limit=limit)
        for model in (api.model_info(parent), *children):
            seen[model.id] = {
                "id": model.id,
                "created_at": str(model.created_at) if model.created_at else None,
                "downloads": model.downloads,
                "likes": model.likes,
                "library": model.library_name,
                "task": model.pipeline_tag,
                "tags": list(model.tags or ()),
            }
    schema = {
        "id": pl.Utf8,
        "created_at": pl.Utf8,
        "downloads": pl.Int64,
        "likes": pl.Int64,
        "library": pl.Utf8,
        "task": pl.Utf8,
        "tags": pl.List(pl.Utf8),
    }
    return pl.DataFrame(list(seen.values()), schema=schema)


def ecosystem(rows: pl.DataFrame) -> Ecosystem:
    """What the tags say, by the paper's rules: license, languages, parents.

    rows : columns id and tags, and as many of the others of COLUMNS as there are, the card whole or
    in short.  A model that is listed twice counts once.  A parent that is not in the table gives no
    edge.
    """
    rows = in_short(rows.lazy()).collect(engine="streaming")
    rows = rows.unique("id", keep="first", maintain_order=True)
    for name, kind in (
        ("created_at", pl.Utf8),
        ("downloads", pl.Int64),
        ("likes", pl.Int64),
        ("library", pl.Utf8),
        ("task", pl.Utf8),
        ("card_chars", pl.Int64),
        ("auto_card", pl.Boolean),
    ):
        if name not in rows.columns:
            rows = rows.with_columns(pl.lit(None).cast(kind).alias(name))
    tag = pl.element()
    name = pl.col("id").alias("model_id")

    def declared(column: str) -> pl.Expr:
        return pl.when(pl.col(column).is_not_null()).then(pl.concat_list(column))

    table = rows.select(
        name,
        pl.col("id").str.split("/").list.first().alias("account"),
        pl.col("created_at").alias("date"),
        pl.col("tags")
        .list.eval(tag.filter(tag.str.starts_with("license:")).str.strip_prefix("license:"))
        .list.head(1)
        .alias("license"),
        pl.col("tags").list.eval(tag.filter(tag.is_in(sorted(ISO_639_1)))).alias("language"),
        declared("task").alias("task"),
        declared("library").alias("library"),
        "card_chars",
        "auto_card",
    )
    if not rows["card_chars"].is_not_null().any():
        table = table.drop("card_chars", "auto_card")
    records = Records(
        rows.select(
            name,
            "likes",
            "downloads",
            "tags",
            "task",
            "library",
            pl.col("created_at").alias("date"),
        )
    )
    named = rows.select(name, "tags")
    graph = joined_forest(table["model_id"], links(named))
    return Ecosystem("whole Hub", table, records, graph)


@dataclass(frozen=True, eq=False)
class Records:
    """Records as :func:`hub_records` gives them, each made when it is asked for.

    rows : as there.  Of two million models the dictionaries would take gigabytes
    """

    rows: pl.DataFrame

    def __len__(self) -> int:
        return self.rows.height

    def __iter__(self) -> Iterator[dict[str, object]]:
        for part in self.rows.iter_slices(10_000):
            yield from hub_records(part)


def links(table: pl.DataFrame) -> pl.DataFrame:
    """Declared parents from the tags ``base_model:PARENT`` and ``base_model:RELATION:PARENT``."""
    tags = table.select(pl.col("model_id").alias("child"), pl.col("tags").alias("tag")).explode(
        "tag"
    )
    named = tags.filter(pl.col("tag").str.starts_with("base_model:")).with_columns(
        pl.col("tag").str.strip_prefix("base_model:")
    )
    kind = pl.col("tag").str.extract(r"^([a-z]+):", 1)
    typed = [name for name in RELATIONS if name != "untyped"]
    known = kind.is_in(typed).fill_null(False)
    return named.select(
        pl.when(known)
        .then(pl.col("tag").str.replace(r"^[a-z]+:", ""))
        .otherwise("tag")
        .alias("parent"),
        "child",
        pl.when(known).then(kind).otherwise(pl.lit("untyped")).alias("relation"),
    )


def joined_forest(names: pl.Series, links: pl.DataFrame) -> Forest:
    """What :func:`companion.model_ecosystem.method.forest.named_forest` gives, by joins.

    A name takes no object of its own, so that millions take seconds; without renames.

    names : the models, each once; links : columns parent, child, relation (a name in RELATIONS)
    """
    models = pl.DataFrame({"name": names}).with_row_index("place")
    ends = pl.concat([links["parent"], links["child"]]).unique()
    found = pl.DataFrame({"name": ends}).join(models, on="name", how="left")
    lost = found.filter(pl.col("place").is_null())["name"]
    # a name that differs only in case from a model's is that model, as on the Hub
    folded: dict[str, int] = {}
    wanted = {name.casefold() for name in lost}
    for place, name in enumerate(names if wanted else ()):
        if (key := name.casefold()) in wanted:
            folded.setdefault(key, place)
    other = pl.DataFrame(
        {"name": lost, "elsewhere": [folded.get(name.casefold(), -1) for name in lost]},
        schema={"name": pl.Utf8, "elsewhere": pl.Int64},
    )
    known = found.join(other, on="name", how="left").select(
        "name",
        pl.coalesce(pl.col("place").cast(pl.Int64), "elsewhere").alias("place"),
        pl.col("place").is_null().alias("other"),
    )
    parent, child = (
        links.select(name=side).join(known, on="name", how="left", maintain_order="left")
        for side in ("parent", "child")
    )
    no_parent, no_child = ((side["place"] < 0).to_numpy() for side in (parent, child))
    keep = ~no_child & ~no_parent
    code = links["relation"].replace_strict(
        {name: i for i, name in enumerate(RELATIONS)}, return_dtype=pl.Int8
    )
    return forest(
        len(names),
        parent["place"].to_numpy()[keep],
        child["place"].to_numpy()[keep],
        code.to_numpy()[keep],
        given=links.height,
        renamed=sum(
            side.filter(pl.col("other") & (pl.col("place") >= 0)).height for side in (parent, child)
        ),
        missing_parents=int((no_parent & ~no_child).sum()),
        missing_children=int(no_child.sum()),
    )


def read_hub(settings: Settings, api: object | None = None) -> Ecosystem | Missing:
    """The Hub as the settings name it: a data set, or the live families of some models."""
    if not settings.hub_source and not settings.hub_parents:
        return Missing(
            "The whole Hub is read at paper scale only: set SCALE to 'paper' on a machine with a "
            "network and 16 GB of memory, or SETTINGS to {'hub_parents': ['google/gemma-7b']}."
        )
    if settings.hub_parents:
        return ecosystem(live_rows(settings.hub_parents, api))
    return ecosystem(read_dataset(settings.hub_source, n_rows=settings.hub_rows or None))
