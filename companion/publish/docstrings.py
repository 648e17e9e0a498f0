"""A Sphinx extension: the docstrings of this package as pages of the book show them.

Docstrings say ``name, other : text``, with shapes and units in the text.  Sphinx knows no such
lines; here they become its fields, before napoleon reads the sections of numpydoc.  Everything
else stays as it is written, but for signs that reStructuredText would take for markup.

With a public address, each definition leads to its lines in the repository.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.addnodes import pending_xref

from companion.project import PACKAGE

if TYPE_CHECKING:
    from docutils.nodes import document
    from sphinx.application import Sphinx
    from sphinx.config import Config

_NAME = r"\*{0,2}\w[\w.]*(?:\(\w+\)[\w.]*)?"
_NAMES = rf"{_NAME}(?:[,;] {_NAME})*"
_ENTRY = re.compile(rf"({_NAMES}) : (.*)")
_INSIDE = re.compile(rf"(?:;|\.)\s+(?={_NAMES} : )")
_NEXT = re.compile(rf";\s+(?={_NAMES} : )")
_SENTENCE = re.compile(r"[A-Z]\w* ")
"""Begins a line below entries that goes on with none of them."""
_SIGNATURE, _NEUTRAL = "Parameters", "Where"
_SECTIONS = {_SIGNATURE, "Attributes", "Raises"}
"""Sections of numpydoc that are read here; napoleon reads the others."""

_KEPT = re.compile(
    r"``.*?``|(?::[\w:]+:)?`[^`]*`|\*\*[^*]+\*\*|(?<![\w*])\*(?!\s)[^*]*(?<!\s)\*(?!\w)",
    re.DOTALL,
)
"""Markup of reStructuredText that docstrings use."""
_MARKUP = re.compile(r"[|*]|(?<=\w)_(?!\w)")

_PADDING = re.compile(r"(\[[\w.]+, ['\"]) +(?=[\w.])")

_SHORT = 60
"""Characters of a value that is worth showing."""


def fields(lines: Iterable[str], parameters: Iterable[str] | None = None) -> list[str]:
    """A docstring with its lines ``name : text`` as fields.

    parameters : of the definition; where none of them is named, the field says so.  None: unknown
    """
    known = None if parameters is None else set(parameters)
    made: list[str] = []
    section, verbatim = "", False
    for block in _blocks(lines):
        if len(block) > 1 and set(block[1].strip()) == {"-"}:
            section = block[0].strip()
            if section in _SECTIONS:
                block = block[2:]
        verbatim = block[:1] != [] and (
            block[0].startswith((".. ", ">>> ")) or (verbatim and block[0].startswith(" "))
        )
        if verbatim or section not in {"", *_SECTIONS}:
            made += block
        elif section == "Raises":
            made += _raises(block)
        else:
            made += _prose(block, section, known)
        made.append("")
        verbatim = verbatim or (block[-1:] != [] and block[-1].endswith("::"))
    return made


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines between empty ones."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _prose(block: list[str], section: str, known: set[str] | None) -> list[str]:
    """A paragraph, the entries that follow in the same block, and what stands below these."""
    block = [part for line in block for part in _apart(line)]
    first = next((i for i, line in enumerate(block) if _ENTRY.match(line)), len(block))
    last = next((i for i in range(first + 1, len(block)) if _SENTENCE.match(block[i])), len(block))
    last = last if not any(map(_ENTRY.match, block[last:])) else len(block)
    text = [*escape("\n".join(block[:first])).split("\n"), ""] if first else []
    entries = list(_entries(block[first:last]))
    results = [said for names, said in entries if names == ["Returns"]]
    others = [(names, said) for names, said in entries if names != ["Returns"]]
    named = {name.lstrip("*") for names, _ in others for name in names}
    head = section or (_SIGNATURE if known is None or named & known else _NEUTRAL)
    made = [f":{head}:"] if others else []
    for names, said in others:
        listed = ", ".join(f"``{name}``" for name in names)
        made.append(f"    * {listed}: {escape(said)}")
    made += [f":returns: {escape(said)}" for said in results]
    below = ["", *escape("\n".join(block[last:])).split("\n")] if last < len(block) else []
    return [*text, *made, *below]


def _apart(line: str) -> list[str]:
    """A line whose text goes over into entries: the text, and the entries."""
    found = None if _ENTRY.match(line) else _INSIDE.search(line)
    if found is None or line.startswith(" "):
        return [line]
    return [f"{line[: found.start()]}.", line[found.end() :]]


def _entries(lines: list[str]) -> Iterator[tuple[list[str], str]]:
    """Names and text of each entry; a line that begins none goes on with the one before."""
    joined: list[str] = []
    for line in lines:
        if _ENTRY.match(line):
            joined.append(line)
        else:
            joined[-1] += f" {line.strip()}"
    for entry in joined:
        start = ""
        for part in _NEXT.split(entry):
            found = _ENTRY.match(start + part)
            if found is None:  # names of one entry with a semicolon between them
                start = f"{part}; "
                continue
            start = ""
            yield re.split(r"[,;] ", found[1]), found[2]


def _raises(block: list[str]) -> Iterator[str]:
    """Fields of a section ``Raises``: an error and, indented or behind a colon, when."""
    found: list[str] = []
    for line in block:
        if line.startswith(" "):
            found[-1] += f" {line.strip()}"
        else:
            name, _, said = line.partition(" : ")
            found.append(f":raises {name}: {said}".rstrip())
    return (escape(line) for line in found)


def escape(text: str) -> str:
    """`text` in which bars, stars, and underscores are themselves, as in ``|h|`` and ``c*``."""
    made, at = [], 0
    for kept in _KEPT.finditer(text):
        made += [_MARKUP.sub(r"\\\g<0>", text[at : kept.start()]), kept[0]]
        at = kept.end()
    return "".join([*made, _MARKUP.sub(r"\\\g<0>", text[at:])])


def _process(_app: Sphinx, what: str, _name: str, obj: object, _options, lines: list[str]) -> None:
    parameters = None
    if what in {"function", "method", "class", "exception"}:
        try:
            parameters = inspect.signature(obj).parameters
        except (TypeError, ValueError):
            parameters = None
    lines[:] = fields(lines, parameters)
    is_plain = what in {"data", "attribute"} and isinstance(obj, bool | int | float | str)
    if is_plain and len(value := repr(obj)) <= _SHORT and "`" not in value:
        lines += [f"Value: ``{value}``", ""]


def without_padding(text: str | None) -> str | None:
    """A signature in which the shape of one axis reads ``'n'``, not ``' n'`` as in the source.

    Without the space, what checks the source would take the text for the name of something.
    """
    return _PADDING.sub(r"\1", text) if text else text


def _sign(_app: Sphinx, _what, _name, _obj, _options, signature, returned):
    return without_padding(signature), without_padding(returned)


def _skip(_app: Sphinx, _what: str, _name: str, obj: object, _skip: bool, _options) -> bool | None:
    """Leave out members that another library makes, and fields that a docstring explains."""
    doc, module = (getattr(obj, name, None) or "" for name in ("__doc__", "__module__"))
    is_foreign = callable(obj) and module.partition(".")[0] != "companion"
    return True if is_foreign or doc.startswith("Alias for field number") else None


def _qualify(_app: Sphinx, doctree: document) -> None:
    """Let a name mean what it means in its module, where two chapters have one of that name."""
    for node in doctree.findall(pending_xref):
        module = sys.modules.get(node.get("py:module") or "")
        found = getattr(module, node["reftarget"], None)
        inside, name = (getattr(found, one, None) for one in ("__module__", "__qualname__"))
        if inside and name:
            node["reftarget"] = f"{inside}.{name}"


def lines_of(module: str, name: str) -> str | None:
    """Path and lines of a definition, ``companion/scale.py#L30-L40``; None for what has none."""
    found: object = importlib.import_module(module)
    try:
        for part in name.split("."):
            found = getattr(found, part)
        found = inspect.unwrap(found.fget if isinstance(found, property) else found)
        lines, first = inspect.getsourcelines(found)
        path = Path(inspect.getsourcefile(found)).relative_to(PACKAGE.parent)
    except (AttributeError, OSError, TypeError, ValueError):
        return None
    return f"{path.as_posix()}#L{first}-L{first + len(lines) - 1}"


def _show_sources(_app: Sphinx, config: Config) -> None:
    options = config.html_theme_options
    # without an address of ours, jupyter-book has its own there, and no button
    is_ours = options.get("use_repository_button")
    home = f"{options.get('repository_url')}/blob/{options.get('repository_branch')}"

    def resolve(_domain: str, info: dict[str, str]) -> str | None:
        place = lines_of(info["module"], info["fullname"]) if is_ours else None
        return f"{home}/{place}" if place else None

    config.linkcode_resolve = resolve


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect with autodoc, before napoleon, and with linkcode."""
    for name in ("autodoc", "napoleon", "linkcode"):
        app.setup_extension(f"sphinx.ext.{name}")
    app.connect("config-inited", _show_sources)
    app.connect("doctree-read", _qualify)
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _sign)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
