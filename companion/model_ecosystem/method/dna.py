"""A model's description as a string of tokens, and what can be masked in it."""

from __future__ import annotations

import polars as pl

MASKS = ("none", "base_model", "base_model, ids, dates")
"""What is cut out of the string before it is compared."""


def strings(table: pl.DataFrame, mask: str = "none") -> list[str]:
    """The record of each model as the Hub's interface gives it, turned into one string.

    table : as in `sample.Ecosystem`

    Raises
    ------
    ValueError : unknown mask; the message lists them
    """
    if mask not in MASKS:
        raise ValueError(f"unknown mask {mask!r}; choose one of {', '.join(MASKS)}")
    texts = []
    for row in table.iter_rows(named=True):
        tags = row["tags"] or []
        if mask != "none":
            tags = [tag for tag in tags if not tag.startswith("base_model:")]
        record = {
            "id": row["model_id"],
            "likes": row["likes"],
            "private": False,
            "downloads": row["downloads"],
            "tags": tags,
            "pipeline_tag": row["task"],
            "library_name": row["library"],
            "createdAt": row["created_at"],
        }
        if mask == MASKS[2]:
            for name in ("id", "likes", "downloads", "createdAt"):
                del record[name]
        texts.append(str(record))
    return texts
