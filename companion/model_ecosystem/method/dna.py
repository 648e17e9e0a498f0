"""A model's description as a string, and what is left of it without a field.

The paper compares what the Hub's interface says about a model, as one string.  A **field** is one
thing that this string says: an entry of the record, or all tags of one kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

TAGS = "tags"
"""The entry of a record that holds a list of several fields."""

PREFIXES = ("base_model", "license", "dataset", "arxiv", "region")
"""Kinds of tags that say their kind, as in ``license:mit``."""

TEMPLATE = "generated_from_trainer"
"""The tag that a training program writes into the cards that it makes."""

REPEATED = {"pipeline_tag": "task", "library_name": "library"}
"""Entries that the Hub repeats as a tag, and the field that both are."""

OTHER = "other tags"


def field_of(tag: str, record: Mapping[str, object]) -> str:
    """The field that a tag of this record belongs to."""
    kind = tag.partition(":")[0]
    if kind in PREFIXES and kind != tag:
        return kind
    for entry, field in REPEATED.items():
        if tag == record.get(entry):
            return field
    if tag == TEMPLATE:
        return "template"
    return "language" if len(tag) == 2 and tag.isalpha() else OTHER


def fields(record: Mapping[str, object]) -> set[str]:
    """The fields that a record has."""
    own = {REPEATED.get(name, name) for name in record if name != TAGS}
    return own | {field_of(tag, record) for tag in record.get(TAGS) or ()}


def strings(
    records: Sequence[Mapping[str, object]], without: Collection[str] = frozenset()
) -> list[str]:
    """The records as strings, as the paper writes them, without some fields.

    records : entry -> value; the tags of the Hub are one entry, a list
    """
    texts = []
    for record in records:
        kept = {k: v for k, v in record.items() if REPEATED.get(k, k) not in without}
        if TAGS in kept:
            tags = record[TAGS] or []
            kept[TAGS] = [tag for tag in tags if field_of(tag, record) not in without]
        texts.append(str(kept))
    return texts
