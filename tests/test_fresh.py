"""The published records are those of this code."""

import pytest

from companion import catalogue, records
from companion.catalogue import STALE
from companion.papers import chapters, paper


@pytest.mark.parametrize("slug", [entry.slug for entry in chapters()])
def test_records_are_fresh(slug):
    record = records.load(slug)
    if record is None:
        pytest.skip("no record yet")
    made = record["provenance"]
    assert made.get("digest"), f"no digest in the record: `companion restamp {slug}` writes it"
    if records.outdated(record):  # a person said so, and the pages do
        assert STALE in catalogue.standing(paper(slug)).verdict
    elif records.is_stale(slug):
        places = records.code(slug, record["scale"]).places
        differ = records.changed_definitions(slug).text(places)
        pytest.fail(
            f"{slug}: {differ}. Record it again (`make record CHAPTER={slug}`), or, if no "
            f'published number can have moved, say why: `companion restamp {slug} --accept "..."`'
        )
