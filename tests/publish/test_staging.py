"""From executed notebooks to clean sources."""

import base64

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion import publish
from companion.publish import clean, staging
from companion.publish.files import digest
from tests.publish import tiny

WIDGET = {"model_id": "ab12", "version_major": 2, "version_minor": 0}
PICTURE = base64.b64encode(b"a small picture").decode()


def shown(**data):
    names = {"html": "text/html", "plain": "text/plain", "png": "image/png"}
    names |= {"widget": clean.WIDGET, "record": clean.RECORD, "steps": clean.STEPS}
    return new_output("display_data", data={names[key]: value for key, value in data.items()})


def kinds(outputs):
    return [sorted(output.get("data", {"stream": ""})) for output in outputs]


def test_widgets_and_records_leave_the_outputs():
    outputs = [
        shown(widget=WIDGET, html="<b>x</b>", plain="x"),
        shown(widget=WIDGET, plain="a progress bar"),
        shown(record={"slug": "alpha"}, steps={"report": "alpha.json"}, plain="the record"),
        shown(widget=WIDGET),
        shown(plain="a value"),
        shown(png="AAAA", plain="<Figure>"),
        new_output("stream", text="printed"),
    ]
    kept = clean.clean_outputs(outputs)
    assert kinds(kept) == [
        ["text/html", "text/plain"],
        ["text/plain"],
        ["image/png", "text/plain"],
        ["stream"],
    ]
    assert clean.WIDGET in outputs[0].data, "the executed notebook itself must not change"


def executed_copy(source):
    """What papermill makes of a notebook: times, paths, a cell with the parameters."""
    notebook = nbformat.from_dict(source)
    notebook.metadata["papermill"] = {"output_path": "/home/me/out.ipynb"}
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    for number, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        cell.metadata["papermill"] = {"start_time": "2026"}
        cell.metadata["execution"] = {"iopub.execute_input": "2026"}
        cell.execution_count = number + 5
        cell.outputs = [new_output("execute_result", data={"text/plain": str(number)})]
    injected = new_code_cell("SCALE = 'toy'", metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(1, injected)
    return notebook


def test_outputs_are_grafted_onto_the_source_of_today():
    old = new_notebook(cells=[new_markdown_cell("old"), new_code_cell("1"), new_code_cell("2")])
    executed = executed_copy(old)
    new = nbformat.from_dict(old)
    new.cells[0].source = "new"
    new.cells[1].metadata["tags"] = ["hide-input"]
    result = clean.graft(new, executed)
    assert [cell.source for cell in result.cells] == ["new", "1", "2"]
    assert [cell.metadata for cell in result.cells] == [{}, {"tags": ["hide-input"]}, {}]
    assert [cell.execution_count for cell in result.cells[1:]] == [1, 2]
    assert [cell.outputs[0].data["text/plain"] for cell in result.cells[1:]] == ["0", "1"]
    assert set(result.metadata) == {"kernelspec"}
    nbformat.validate(result)


def test_outputs_of_other_code_are_refused():
    source = new_notebook(cells=[new_code_cell("1")])
    executed = executed_copy(source)
    source.cells[0].source = "2"
    with pytest.raises(publish.SourceChanged):
        clean.graft(source, executed)


def html_notebook(html):
    return new_notebook(cells=[new_code_cell("x", outputs=[shown(html=html, plain="x")])])


def test_pictures_in_html_become_files():
    uri = f"data:image/webp;base64,{PICTURE}"
    notebook = html_notebook(f'<img src="{uri}" alt="A."><script>{{"src": "{uri}"}}</script>')
    files = clean.extract_frames(notebook)
    name = f"{digest(b'a small picture')[:20]}.webp"
    assert files == {f"vendor/frames/{name}": b"a small picture"}
    html = notebook.cells[0].outputs[0].data["text/html"]
    assert html.count(f'"../_static/frames/{name}"') == 2
    assert "base64" not in html


@given(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=6))
def test_every_picture_survives(contents):
    uris = [f"data:image/png;base64,{base64.b64encode(c).decode()}" for c in contents]
    notebook = html_notebook("".join(f'<img src="{uri}">' for uri in uris))
    files = clean.extract_frames(notebook)
    assert set(files.values()) == set(contents)
    html = notebook.cells[0].outputs[0].data["text/html"]
    order = [
        files[f"vendor/frames/{part.split('.png')[0]}.png"] for part in html.split("frames/")[1:]
    ]
    assert order == contents


def test_what_is_no_picture_stays():
    html = '<a href="data:text/plain;base64,QQ==">a</a><img src="data:image/png;base64,QQ">'
    notebook = html_notebook(html)
    assert clean.extract_frames(notebook) == {}
    assert notebook.cells[0].outputs[0].data["text/html"] == html


def runs(book):
    return {run.slug: run.path for run in publish.run_many(["alpha", "beta"], project=book)}


def test_the_staged_tree_holds_what_the_site_needs(built):
    files = publish.stage(runs(built), built)
    for name in (
        "_config.yml",
        "_toc.yml",
        "book/intro.md",
        "book/scoreboard.md",
        "book/references.bib",
        "notebooks/01-alpha.ipynb",
        "vendor/mathjax/MathJax_Main-Regular.woff",
        "vendor/mathjax/LICENSE",
    ):
        assert files[name] == (built.build / "src" / name).read_bytes()
    assert "Chapter alpha" in files["book/intro.md"].decode()
    assert staging.CARDS not in files["book/intro.md"].decode()


def test_only_what_changed_is_written_and_what_is_gone_is_removed(built):
    source = built.build / "src"
    extra = built.book / "_static" / "extra.txt"
    extra.write_text("x")
    publish.stage(runs(built), built)
    stamps = {path: path.stat().st_mtime_ns for path in source.rglob("*") if path.is_file()}
    assert source / "book" / "_static" / "extra.txt" in stamps
    extra.unlink()
    (built.book / "notation.md").write_text("# Notation\n\nOther words.\n")
    publish.stage(runs(built), built)
    now = {path: path.stat().st_mtime_ns for path in source.rglob("*") if path.is_file()}
    assert set(stamps) - set(now) == {source / "book" / "_static" / "extra.txt"}
    assert [path.name for path in now if now[path] != stamps[path]] == ["notation.md"]


def test_a_planned_chapter_is_in_no_list(built):
    paths = runs(built)
    (built.notebooks / "02-beta.ipynb").unlink()
    files = publish.stage({"alpha": paths["alpha"]}, built)
    contents = yaml.safe_load(files["_toc.yml"])
    listed = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    assert [name for name in listed if name.startswith("notebooks/")] == ["notebooks/01-alpha"]
    assert b"02-beta" not in files["book/intro.md"] + files["book/scoreboard.md"]
    assert not (built.build / "src" / "notebooks" / "02-beta.ipynb").exists()


def test_without_an_address_the_configuration_has_no_button(book):
    settings = yaml.safe_load(staging.config(book))
    assert not {"repository", "launch_buttons"} & set(settings)
    assert not {"use_repository_button", "use_edit_page_button"} & set(settings["html"])
    tiny_text = book.config.read_text(encoding="utf-8")
    book.config.write_text(tiny_text.replace('url: ""', "url: https://github.com/a/b"))
    assert yaml.safe_load(staging.config(book)) == yaml.safe_load(book.config.read_text())


def test_cells_are_numbered_as_in_the_source():
    from companion.publish import worker

    source = new_notebook(
        cells=[new_markdown_cell("# Title\n\n## Part"), new_code_cell("1"), new_code_cell("2")]
    )
    numbers, names, total = worker.describe(executed_copy(source))
    assert numbers == [1, 1, 2, 3]
    assert names == ["Part"] * 4
    assert total == 3
    assert tiny.REAL.config.is_file()
