"""Pages of the code: a page for each chapter's method, and one for the modules that all share.

Sphinx makes the pages from docstrings (:mod:`companion.publish.docstrings`); here stands what is
on which page, and how the pages of equations and of functions lead to each other.  A chapter's
``__init__`` says which function is which equation, the formulas of its notebook have the numbers:
nothing is written into a notebook.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from companion import repository
from companion.papers import Paper, chapters
from companion.project import Project

FOLDER = "api"
"""Of the pages, in the staged tree and in the site."""

SHARED = (
    *("chapter", "scale", "listing", "claims", "tables", "plotting", "records", "data"),
    *("explore", "live", "exercises"),
    *("verdicts", "stats", "sweep", "results", "training", "corpora", "models", "encoder"),
)
"""Shared modules that notebooks and chapters take in: first for pages, then for experiments."""

_ROW = re.compile(r"^(\d+)( \(paper\))? +(\S+(?:, \S+)*)$", re.MULTILINE)
_ORDER = re.compile(r"^ *\d+ method/(\w+)  ", re.MULTILINE)
_TAG = re.compile(r"\\tag\{(\d+)([^}]*)\}")
_OF_PAPER = re.compile(r"paper\W+eqs?\.\s*(\d+)")
_FORMULA = re.compile(r'<div class="(math\b[^"]*)">(.*?</div>)', re.DOTALL)
_LINES = re.compile(r'<dl>\s*((?:<dd><em class="sig-param">.*?</em>,?</dd>\s*)+)</dl>', re.DOTALL)
"""Parameters of a long signature, one a line: Sphinx makes them a list without terms."""
_NUMBER = re.compile(r'\bid="mjx-eqn:(\d+)')


@dataclass(frozen=True)
class Place:
    """Where an equation stands in the code.

    said : as the chapter's ``__init__`` says it, ``method/mixing.rotate``
    module : dotted, in the package; name : of the definition in it, empty for the whole module
    """

    said: str
    module: str
    name: str

    @property
    def dotted(self) -> str:
        """Full name."""
        return f"{self.module}.{self.name}" if self.name else self.module

    @property
    def anchor(self) -> str:
        """Of its entry on the page of the chapter's code."""
        return self.dotted if self.name else f"module-{self.module}"


@dataclass(frozen=True)
class Equation:
    """An equation and its functions.

    number : in the chapter; None where the chapter does not print it
    of_paper : its number in the paper, where the chapter counts it by that
    """

    number: int | None
    of_paper: int | None
    places: tuple[Place, ...]


def page(entry: Paper) -> str:
    """Path of the page of a chapter's method, without ending."""
    return f"{FOLDER}/{entry.slug}"


def documented(project: Project) -> list[Paper]:
    """Chapters that have a method."""
    return [
        entry for entry in chapters(project) if (entry.package_path(project) / "method").is_dir()
    ]


def modules(entry: Paper, project: Project) -> list[str]:
    """Modules of a method by their names in it, in the order in which a reader takes them."""
    folder = entry.package_path(project) / "method"
    found = sorted(
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if path.name != "__init__.py"
    )
    order = _ORDER.findall(_first_page(entry, project))
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def _first_page(entry: Paper, project: Project) -> str:
    """Docstring of a chapter's package."""
    source = (entry.package_path(project) / "__init__.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def equations(entry: Paper, project: Project) -> list[Equation]:
    """What a chapter's ``__init__`` lists, with the numbers that its notebook prints."""
    printed = {int(of): int(number) for number, of in _tags(entry, project) if of}
    found = []
    for number, of_paper, places in _ROW.findall(_first_page(entry, project)):
        shown = printed.get(int(number)) if of_paper else int(number)
        found.append(
            Equation(
                shown,
                int(number) if of_paper else None,
                tuple(_place(said, entry) for said in places.split(", ")),
            )
        )
    return sorted(found, key=lambda one: (one.number is None, one.number or one.of_paper))


def _tags(entry: Paper, project: Project) -> list[tuple[str, str]]:
    """Numbers of a notebook's formulas, with those of the paper where a formula says them."""
    cells = json.loads(entry.notebook_path(project).read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(one["source"]) for one in cells if one["cell_type"] == "markdown")
    return [(number, _paper_number(more)) for number, more in _TAG.findall(prose)]


def _paper_number(text: str) -> str:
    found = _OF_PAPER.search(text)
    return found[1] if found else ""


def _place(said: str, entry: Paper) -> Place:
    folder, _, last = said.rpartition("/")
    module, _, name = last.partition(".")
    return Place(said, ".".join([entry.module, *folder.split("/"), module]), name)


def pages(project: Project) -> dict[str, str]:
    """The pages in reStructuredText: staged path -> content; empty without anything to show."""
    entries = documented(project)
    shared = [name for name in SHARED if _shared_path(name, project)]
    if not entries:
        return {}
    made = {f"{page(entry)}.rst": _method(entry, project) for entry in entries}
    if shared:
        made[f"{FOLDER}/shared.rst"] = _shared(shared)
    made[f"{FOLDER}/index.rst"] = _index(entries, bool(shared))
    return made


def _shared_path(name: str, project: Project) -> Path | None:
    module = project.package / f"{name}.py"
    package = project.package / name
    return module if module.is_file() else package if package.is_dir() else None


def sources(project: Project) -> list[Path]:
    """Files whose docstrings the pages show."""
    found = [path for name in SHARED if (path := _shared_path(name, project))]
    found += [entry.package_path(project) for entry in documented(project)]
    return sorted(path for one in found for path in ([one] if one.is_file() else one.rglob("*.py")))


def contents(project: Project) -> list[dict[str, object]]:
    """Entries of ``_toc.yml``: one, with the other pages below it; empty without pages."""
    made = pages(project)
    below = [
        {"file": page(entry), "title": entry.short}
        for entry in documented(project)
        if f"{page(entry)}.rst" in made
    ]
    if f"{FOLDER}/shared.rst" in made:
        below.insert(0, {"file": f"{FOLDER}/shared"})
    return [{"file": f"{FOLDER}/index", "sections": below}] if made else []


def _index(entries: Iterable[Paper], shared: bool) -> str:
    lines = [
        *_title("The code"),
        "What the functions of the package ``companion`` take and give: shapes, units, and errors,",
        "from their docstrings.",
        "Below a numbered equation of a chapter stands the function that computes it, and the",
        "function's entry leads back.",
        "",
    ]
    if shared:
        lines += ["Notebooks and chapters share :doc:`these modules <shared>`.", ""]
    lines += ["A chapter's method is the paper's equations and algorithms, and nothing else:", ""]
    lines += [f"* :doc:`{entry.short} <{entry.slug}>`" for entry in entries]
    return "\n".join([*lines, ""])


def _shared(names: Iterable[str]) -> str:
    lines = [
        *_top("Shared modules"),
        "What notebooks take from ``companion``, and what the packages of the chapters build on.",
        "",
    ]
    for name in names:
        lines += [*_title(name, "-"), f".. automodule:: companion.{name}"]
        # these are packages: what they offer stands in modules whose names begin with an underscore
        lines += ["   :imported-members:"] if name in {"data", "records"} else []
        lines.append("")
    return "\n".join(lines)


def _method(entry: Paper, project: Project) -> str:
    lines = [
        *_top(f"Code: {entry.short}"),
        f"The method of `the chapter <../notebooks/{entry.notebook}.html>`__, "
        f"``{entry.module}.method``, in reading order.",
        "",
    ]
    listed = equations(entry, project)
    if listed:
        lines += [".. list-table::", "   :class: rp-equations", "   :header-rows: 1", ""]
        lines += ["   * - equation", "     - in code"]
        for equation in listed:
            places = ", ".join(f":py:obj:`{one.said} <{one.dotted}>`" for one in equation.places)
            lines += [f"   * - {_said(equation, entry)}", f"     - {places}"]
        lines.append("")
    for name in modules(entry, project):
        module = f"{entry.module}.method.{name}"
        lines += [*_title(name, "-"), f".. automodule:: {module}"]
        # an equation has an entry, whatever its function is called
        said = {one.name for equation in listed for one in equation.places if one.module == module}
        hidden = sorted(part for one in said for part in one.split(".") if part.startswith("_"))
        lines += [f"   :private-members: {', '.join(hidden)}", ""] if hidden else [""]
    method = f"{entry.module}.method."
    others = {
        place.dotted: place
        for equation in listed
        for place in equation.places
        if not place.module.startswith(method)
    }
    if others:
        lines += [
            *_title("Beside the method", "-"),
            "Equations that the experiments and the figures of the chapter compute.",
            "",
        ]
        for place in others.values():
            lines += [f".. auto{_kind(place, project)}:: {place.dotted}", ""]
    return "\n".join(lines)


def _said(equation: Equation, entry: Paper) -> str:
    """An equation in a table of the code's page, which leads to it."""
    of_paper = f"paper eq. {equation.of_paper}" if equation.of_paper else ""
    if equation.number is None:
        return f"`{of_paper} <{entry.address}>`__" if entry.address else of_paper
    shown = f"{equation.number}, {of_paper}" if of_paper else f"{equation.number}"
    return f"`{shown} <{_address(equation, entry)}>`__"


def _address(equation: Equation, entry: Paper) -> str:
    return f"../notebooks/{entry.notebook}.html#equation-{equation.number}"


def _kind(place: Place, project: Project) -> str:
    """What is at a place, as Sphinx calls it."""
    if not place.name:
        return "module"
    path = project.root.joinpath(*place.module.split(".")).with_suffix(".py")
    node: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
    for part in place.name.split("."):
        node = next(one for one in node.body if getattr(one, "name", None) == part)
    if isinstance(node, ast.ClassDef):
        return "class"
    decorators = {one.id for one in node.decorator_list if isinstance(one, ast.Name)}
    kind = "property" if "property" in decorators else "method"
    return kind if "." in place.name else "function"


def _title(text: str, line: str = "=") -> list[str]:
    return [text, line * len(text), ""]


def _top(text: str) -> list[str]:
    """Head of a page of which the search knows the names of definitions, and not every word."""
    return [":nosearch:", "", *_title(text)]


def with_functions(text: str, entry: Paper, project: Project) -> str:
    """A chapter's page on which each implemented equation leads to its functions."""
    known = {one.number: one for one in equations(entry, project) if one.number}

    def formula(match: re.Match[str]) -> str:
        numbers = [int(number) for number in _NUMBER.findall(match[2])]
        if not numbers:
            return match[0]
        first, *others = (f'id="equation-{number}"' for number in numbers)
        more = "".join(f"<span {one}></span>" for one in others)
        places = [one for number in numbers if number in known for one in known[number].places]
        links = ", ".join(
            f'<a href="../{page(entry)}.html#{html.escape(place.anchor)}">'
            f"<code>{html.escape(place.said.removeprefix('method/'))}</code></a>"
            for place in dict.fromkeys(places)
        )
        below = f'<p class="rp-code">In code: {links}</p>' if links else ""
        return f'{more}<div {first} class="{match[1]}">{match[2]}{below}'

    return _FORMULA.sub(formula, text)


def with_equations(text: str, entry: Paper, project: Project) -> str:
    """The page of a chapter's code on which each entry leads back to its equations."""
    of: dict[Place, list[Equation]] = {}
    for equation in equations(entry, project):
        for place in equation.places:
            of.setdefault(place, []).append(equation)
    for place, listed in of.items():
        said = ", ".join(_back(equation, entry) for equation in listed)
        anchor = re.escape(f'id="{html.escape(place.anchor)}"')
        behind = r".*?</dt>\s*<dd>" if place.name else r".*?</h2>"
        text = re.sub(
            f"{anchor}{behind}",
            lambda found, said=said: f'{found[0]}<p class="rp-equation">{said}</p>',
            text,
            count=1,
            flags=re.DOTALL,
        )
    return text


def with_lines(text: str) -> str:
    """A page of the code whose long signatures are lines, and no lists inside a term of a list."""

    def lines(match: re.Match[str]) -> str:
        return match[1].replace("<dd>", '<span class="rp-line">').replace("</dd>", "</span>")

    return _LINES.sub(lines, text)


def with_source_button(text: str, name: str, project: Project) -> str:
    """A page of the code whose button to edit it leads to the code.

    name : the page's path in the site
    """
    home = repository.url(project)
    if home is None:
        return text
    of = {f"{page(entry)}.html": entry.module.replace(".", "/") for entry in documented(project)}
    generated = f"{home}/edit/main/{name.removesuffix('.html')}.rst"
    return text.replace(generated, f"{home}/tree/main/{of.get(name, 'companion')}")


def _back(equation: Equation, entry: Paper) -> str:
    paper = f"the paper's equation {equation.of_paper}" if equation.of_paper else ""
    if equation.number is None:
        words = f"{paper[0].upper()}{paper[1:]}"
        return f'<a href="{entry.address}">{words}</a>' if entry.address else words
    more = f", {paper}" if paper else ""
    return f'<a href="{_address(equation, entry)}">Equation {equation.number}</a>{more}'
