"""References to figures that JupyterLab and Colab show as links, as the page does."""

import json
from pathlib import Path

import pytest

from companion.papers import chapters


def roles(text: str) -> list[str]:
    """Cells of a notebook that say ``{numref}``, which is shown raw outside of the page."""
    cells = json.loads(text)["cells"]
    return [
        cell.get("id", "?")
        for cell in cells
        if cell["cell_type"] == "markdown" and "{numref}" in "".join(cell["source"])
    ]


def test_a_role_is_seen():
    cells = [
        {"cell_type": "markdown", "id": "a", "source": ["See {numref}`fig-x`."]},
        {"cell_type": "markdown", "id": "b", "source": ["See [Figure](#fig-x)."]},
        {"cell_type": "code", "id": "c", "source": ["'{numref}'"]},
    ]
    assert roles(json.dumps({"cells": cells})) == ["a"]


@pytest.mark.parametrize("entry", chapters(), ids=lambda entry: entry.slug)
def test_a_figure_is_referred_to_by_a_link(entry):
    text = Path(entry.notebook_path()).read_text(encoding="utf-8")
    assert roles(text) == [], "write [Figure](#fig-name) in the place of {numref}`fig-name`"
