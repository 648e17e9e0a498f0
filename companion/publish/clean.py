"""From an executed notebook to one that can be shown: sources of today, outputs without waste."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

import nbformat

from companion.opening import HERO
from companion.opening import KEY as OPENING
from companion.pictures import FIGURE
from companion.publish import figures
from companion.publish.errors import SourceChanged
from companion.publish.files import digest

RECORD = "application/vnd.runnable-papers.record+json"
STEPS = "application/vnd.runnable-papers.steps+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
FRAMES = "vendor/frames"
"""Folder of the staged tree that holds the explorers' pictures."""

RUN_CLASS = "rp-run"
"""CSS class of the line that says which run a page shows."""

OPENING_CLASS = "rp-opening"
"""CSS class of the takeaways and what follows them on the first screen."""

RUN_YOURSELF = "Run it yourself"
"""What the fold says that holds the parameters and the imports of a page."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_SETTINGS = re.compile(r"\w*Settings\(")
_DATA_URI = re.compile(r"data:image/(webp|png|jpeg|svg\+xml);base64,([A-Za-z0-9+/=]+)")
_DRAWN = re.compile(
    r'<picture class="rp-figure[^<]*<source[^<]*<img src="\.\./_static/frames/(\w+)\.svg"'
)
_INJECTED = "injected-parameters"


def graft(source: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The source notebook with the outputs of the executed one.

    Prose, captions and tags come from `source`, so that changing them runs nothing again.  The
    code cells must be the same; :class:`SourceChanged` otherwise.
    """
    ran = [
        cell
        for cell in executed.cells
        if cell.cell_type == "code" and _INJECTED not in cell.metadata.get("tags", [])
    ]
    result = nbformat.from_dict(source)
    cells = [cell for cell in result.cells if cell.cell_type == "code"]
    if [cell.source for cell in cells] != [cell.source for cell in ran]:
        raise SourceChanged("the code cells of a notebook changed after it ran; build again")
    for number, (cell, old) in enumerate(zip(cells, ran, strict=True), start=1):
        cell.outputs = clean_outputs(old.outputs)
        _describe(cell)
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
    result.metadata = clean_metadata(executed.metadata)
    return result


def arrange(notebook: nbformat.NotebookNode) -> None:
    """Put the cells in the order and into the folds in which a page shows them.

    In the notebook the setup has to run before the first figure; on the page it stands below.
    The generated text gets a frame, and what the first figure's caption says beyond one sentence
    a fold in it.  Parameters and imports share one fold (:data:`RUN_YOURSELF`).
    """
    cells = {tag: cell for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    if "parameters" in cells:
        _fold_parameters(notebook, cells["parameters"])
    if OPENING not in cells:
        return
    setup, opening = cells["setup"], cells[OPENING]
    notebook.cells.remove(setup)
    notebook.cells.insert(notebook.cells.index(opening) + 1, setup)
    more = _shorten_caption(cells[HERO]) if HERO in cells else ""
    opening.source = f"::::{{div}} {OPENING_CLASS}\n{opening.source}{more}\n::::"


def _shorten_caption(cell: nbformat.NotebookNode) -> str:
    """Leave a figure the first sentence of its caption; the others as a fold in Markdown."""
    figure = cell.metadata.get("mystnb", {}).get("figure", {})
    first, *rest = _SENTENCE.split(figure.get("caption", ""), maxsplit=1)
    if not rest:
        return ""
    figure["caption"] = first
    return f"\n\n<details><summary>What the figure shows</summary>\n\n{rest[0]}\n\n</details>"


def _fold_parameters(notebook: nbformat.NotebookNode, parameters: nbformat.NotebookNode) -> None:
    """Make the parameters, and the imports of the same section, one folded cell.

    Settings that a cell merely prints are left out: the notebook shows them where it runs.
    """
    start = notebook.cells.index(parameters)
    folded = parameters
    for cell in notebook.cells[start + 1 :]:
        if cell.cell_type == "markdown" and not cell.source.startswith("#"):
            continue
        if cell.cell_type == "code":
            cell.source = f"{parameters.source}\n\n{cell.source}"
            notebook.cells.remove(parameters)
            folded = cell
        break
    tags = folded.metadata.setdefault("tags", [])
    folded.metadata.tags = list(dict.fromkeys([*tags, "parameters", "hide-input"]))
    folded.metadata.setdefault("mystnb", {})["code_prompt_show"] = RUN_YOURSELF
    folded.outputs = [
        output
        for output in folded.outputs
        if set(output.get("data", {})) != {"text/plain"}
        or not _SETTINGS.match("".join(output.data["text/plain"]))
    ]


def insert_below_card(notebook: nbformat.NotebookNode, line: str) -> None:
    """Put a line of text below the card or first screen, or below the first cell without one."""
    top = {"card", OPENING}
    tagged = [
        i for i, cell in enumerate(notebook.cells) if top & set(cell.metadata.get("tags", []))
    ]
    cell = nbformat.v4.new_markdown_cell(f":::{{div}} {RUN_CLASS}\n{line}\n:::", id="which-run")
    notebook.cells.insert(max(tagged, default=0) + 1, cell)


def _describe(cell: nbformat.NotebookNode) -> None:
    """Put the figure's own description behind the author's words in the alternative text.

    ``plotting`` leaves it in the metadata of the picture; a page takes it from the cell's.
    """
    for output in cell.outputs:
        told = output.get("metadata", {}).get("image/png", {}).pop("alt", None)
        drawn = output.get("data", {}).pop(FIGURE, None)
        told = drawn.pop("alt") if drawn else told
        if told:
            image = cell.metadata.setdefault("mystnb", {}).setdefault("image", {})
            image["alt"] = " ".join(filter(None, (image.get("alt"), told)))
        if drawn:
            alt = cell.metadata["mystnb"]["image"]["alt"]
            output.data["text/html"] = figures.to_html(drawn, alt)


def clean_metadata(metadata: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Kernel and language only: no widget state, no paths and times of the building machine."""
    kept = {name: metadata[name] for name in ("kernelspec", "language_info") if name in metadata}
    kept.setdefault(
        "kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"}
    )
    return nbformat.from_dict(kept)


def clean_outputs(outputs: Iterable[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Outputs that a reader of the page should see.

    The record goes, a widget goes where HTML stands beside it, and an output that is nothing but a
    widget or a record goes entirely.
    """
    kept = []
    for output in outputs:
        output = nbformat.from_dict(output)
        if "data" in output:
            data = output.data
            special = {RECORD, STEPS, WIDGET} & set(data)
            for mime in special:
                del data[mime]
            if special and not set(data) - {"text/plain"}:
                continue
            output.metadata = {
                mime: value for mime, value in output.metadata.items() if mime not in special
            }
        kept.append(output)
    return kept


def extract_frames(notebook: nbformat.NotebookNode) -> dict[str, bytes]:
    """Take pictures out of HTML outputs; staged path -> content.

    ``data:`` addresses in `notebook` become addresses of files, which a browser loads when it
    shows them.  The notebook's page lies one folder below the site's root.
    """
    files: dict[str, bytes] = {}

    def replace(match: re.Match[str]) -> str:
        kind, text = match.groups()
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error:
            return match.group(0)
        name = f"{digest(content)[:20]}.{kind.removesuffix('+xml')}"
        files[f"{FRAMES}/{name}"] = content
        return f"../_static/frames/{name}"

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                text = output.data["text/html"]
                text = text if isinstance(text, str) else "".join(text)
                output.data["text/html"] = _DATA_URI.sub(replace, text)
                drawn = _DRAWN.search(output.data["text/html"])
                if drawn and "image/png" in output.data:
                    pixels = base64.b64decode(output.data.pop("image/png"))
                    files[f"{FRAMES}/{drawn[1]}.png"] = pixels
    return files
