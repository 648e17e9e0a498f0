"""The checks of the notebooks find what they are for."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks import lint

FIGURE = {
    "figure": {"name": "fig-loss", "caption": "Loss over steps."},
    "image": {
        "alt": "Line chart of the loss against steps; it falls from four to two in all runs."
    },
}


def code(source, *names, **metadata):
    cell = new_code_cell(source)
    cell.metadata.update(metadata | ({"tags": list(names)} if names else {}))
    return cell


@pytest.fixture
def good():
    text = "\n\n".join(f"## {name.capitalize()}" for name in lint.SECTIONS)
    cells = [
        new_markdown_cell("# Title", metadata={"tags": ["card"]}),
        code("import companion", "setup"),
        code('SCALE = "toy"\nSEED = 0\nSETTINGS = {}', "parameters"),
        new_markdown_cell(text),
        code("draw()", mystnb=FIGURE),
    ]
    return new_notebook(cells=cells)


CHECKS = (lint.stored, lint.layout, lint.sections, lint.figures, lint.pictures)


def test_a_good_notebook_has_no_problem(good):
    assert [check(good) for check in CHECKS] == [[]] * len(CHECKS)


def picture():
    return new_output("display_data", data={"image/png": "AAAA"})


def undescribed(notebook):
    cell = notebook.cells[4]
    cell.outputs.append(picture())
    del cell.metadata.mystnb["image"]


BAD = [
    (lint.stored, lambda n: n.cells[2].outputs.append(picture()), "outputs"),
    (lint.stored, lambda n: n.cells[2].update(execution_count=3), "count"),
    (lint.stored, lambda n: n.cells[2].metadata.update(execution={}), "execution"),
    (lint.stored, lambda n: n.metadata.update(widgets={}), "widgets"),
    (lint.layout, lambda n: n.cells.pop(0), "card"),
    (lint.layout, lambda n: n.cells.pop(1), "setup"),
    (lint.layout, lambda n: n.cells[0].metadata.update(opening={}), "hero"),
    (lint.stored, lambda n: n.cells[1].metadata.update(opening={}), "opening"),
    (lint.layout, lambda n: n.cells.pop(2), "parameters"),
    (lint.layout, lambda n: n.cells[2].update(source="SEED = 0\nSETTINGS = {}"), "SCALE"),
    (lint.layout, lambda n: n.cells[4].update(source="x = 1\n" * 26), "26 lines"),
    (lint.layout, lambda n: n.cells[4].update(source='open("/home/me/x")'), "/home/m"),
    (lint.sections, lambda n: n.cells[3].update(source="## The claim"), "no section"),
    (
        lint.sections,
        lambda n: n.cells[3].update(
            source="\n".join(f"## {name}" for name in reversed(lint.SECTIONS))
        ),
        "order",
    ),
    (lint.figures, lambda n: n.cells[4].metadata.mystnb.figure.pop("caption"), "caption"),
    (lint.figures, lambda n: n.cells[4].metadata.mystnb.figure.update(name="loss"), "fig-"),
    (lint.figures, lambda n: n.cells[4].metadata.mystnb.image.update(alt="Plot."), "short"),
    (lint.figures, lambda n: n.cells.append(n.cells[4]), "twice"),
    (lint.pictures, lambda n: n.cells[4].outputs.extend([picture(), picture()]), "2 pictures"),
    (lint.pictures, lambda n: n.cells[2].outputs.append(picture()), "without caption"),
    (lint.pictures, undescribed, "without caption"),
]


@pytest.mark.parametrize(("check", "change", "part"), BAD)
def test_a_bad_notebook_is_found(good, check, change, part):
    change(good)
    assert any(part in problem for problem in check(good))
