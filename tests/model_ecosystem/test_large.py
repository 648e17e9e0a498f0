"""Reading a table of which only a part fits into the memory, in processes of their own."""

from tests.model_ecosystem import large

ROWS, CARD = 120_000, 2_000


def test_a_table_is_read_in_a_part_of_its_size(tmp_path):
    """Most of it are cards, of which a length stays; whoever reads them all at once needs more."""
    large.write_table(tmp_path, ROWS, card=CARD)
    cards = ROWS * CARD / 1e6
    streamed, whole = (large.alone(path, str(tmp_path)) for path in ("read", "eager"))
    assert "120,000 rows" in streamed["said"]
    assert streamed["mb"] - streamed["before"] < cards
    assert whole["mb"] - whole["before"] > 1.5 * cards


def test_the_two_paths_run_on_few_models():
    """Their seconds and memory at two million are printed by ``python -m`` of the module."""
    for path, words in ((large.families, "edges"), (large.distances, "siblings minus parents")):
        assert words in path(2_000)
        large._PEAK.pop().end()
