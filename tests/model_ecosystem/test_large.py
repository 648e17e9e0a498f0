"""Reading a table of which only a part fits into the memory, in processes of their own."""

from tests.model_ecosystem import large

ROWS, CARD = 60_000, 2_000


def test_a_table_is_read_in_a_fraction_of_its_size(tmp_path):
    """Most of its bytes are cards, of which a length stays; whoever reads them all needs more."""
    size = large.write_table(tmp_path, ROWS, card=CARD) / 1e6
    streamed, whole = (large.alone(path, str(tmp_path)) for path in ("read", "eager"))
    assert "60,000 rows" in streamed["said"]
    assert size > 100
    assert streamed["mb"] - streamed["imports"] < 0.75 * size
    assert whole["mb"] - whole["imports"] > size


def test_the_two_paths_run_on_few_models():
    """Their seconds and memory at two million are printed by ``python -m`` of the module."""
    assert "edges" in large.families(2_000)
    assert "siblings minus parents" in large.distances(2_000)
