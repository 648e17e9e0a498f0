"""The whole book as one PDF: every page of the site, printed by headless Chromium.

The pages follow the table of contents.  In front stand a title and a list of contents with page
numbers; below, every sheet has its number.  Links between pages become links inside the PDF, and
the outline has parts and chapters.  What moves or folds on the site is shown as it first stands;
folded parts are left out.
"""

from __future__ import annotations

import html
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urlsplit
from urllib.request import url2pathname

import yaml

from companion.project import Project
from companion.publish.api import FOLDER
from companion.publish.errors import PublishError
from companion.publish.files import write_atomic, write_if_changed
from companion.publish.staging import contents

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import DictionaryObject

NAME = "runnable-papers.pdf"
"""The file, in the folder of the site."""

CHROMIUM = "CHROMIUM"
"""Environment variable that names the browser."""

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

PAPER = {
    "format": "A4",
    "print_background": True,
    "margin": {"top": "16mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
}
MARK = '<span class="rp-pdf">'
"""Begins the place on the front page where the link to the PDF goes."""

_READY = """async () => {
  await document.fonts.ready;
  const images = [...document.images].filter(image => image.getClientRects().length);
  images.forEach(image => { image.loading = "eager"; });
  await Promise.all(images.map(image => image.decode().catch(() => null)));
}"""
_CONTENTS = """<html lang="en"><head><title>Runnable Papers</title><style>
body {{ font: 11pt/1.5 "Inter", "DejaVu Sans", sans-serif; }}
h1 {{ font-size: 30pt; margin: 40mm 0 0; }} h1 + p {{ font-size: 13pt; margin: 4mm 0 25mm; }}
h2 {{ font-size: 11pt; margin: 5mm 0 1mm; break-after: avoid; }}
p.line {{ display: flex; margin: 0; gap: 3mm; }} p.line i {{ flex: 1; border-bottom: 1px dotted
#888; margin-bottom: 2mm; }} a {{ color: inherit; text-decoration: none; }}
</style></head><body><h1>Runnable Papers</h1><p>A paper makes claims. This book runs them.</p>
{lines}</body></html>"""


class NoBrowser(PublishError):
    """There is no Chromium to print with; the message says how to get one."""


@dataclass
class Printed:
    """One page of the site on paper.

    part : of the book; name : its path in the site, without ``.html``; title : as in the outline
    data : the PDF; start : number of its first sheet in the book, from 1
    """

    part: str
    name: str
    title: str
    data: bytes = field(repr=False)
    start: int = 0


def make(project: Project | None = None, *, say: Callable[[str], None]) -> Path:
    """Print the site in ``build/site`` into :data:`NAME` there, and link it on the front page.

    say : is told each page

    Raises :class:`~companion.publish.errors.PublishError` without a site, and :class:`NoBrowser`.
    """
    project = (project or Project()).require()
    site = project.build / "site"
    if not (site / "index.html").is_file():
        raise PublishError("there is no site yet; `companion build` makes it")
    with chromium() as browser:
        printed = []
        for part, name in pages(project):
            say(f"printing {name}")
            title, data = sheet(browser, (site / f"{name}.html").as_uri())
            printed.append(Printed(part, name, title, data))
        front = _front(browser, printed)
    whole = merge(front, printed, site)
    write_atomic(site / NAME, whole)
    link(site, len(whole))
    return site / NAME


def executable() -> str:
    """The browser: ``$CHROMIUM``, or the first of :data:`PROGRAMS` that is installed."""
    named = os.environ.get(CHROMIUM)
    found = named or next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if not found:
        raise NoBrowser(
            "printing needs Chromium or Chrome: install one (on Debian: apt-get install chromium), "
            f"or set {CHROMIUM} to its path"
        )
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser, which is closed afterwards."""
    program = executable()
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NoBrowser("printing needs the package playwright") from error
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-gpu"]
            )
        except Error as error:
            raise NoBrowser(f"{program} does not start: {error}") from error
        try:
            yield browser
        finally:
            browser.close()


def pages(project: Project) -> list[tuple[str, str]]:
    """Part and path of every page, in the order of the table of contents; none of the code."""
    toc = yaml.safe_load(contents(project))
    found = [("", toc["root"])]
    for part in toc["parts"]:
        names = [entry["file"] for entry in part["chapters"]]
        found += [(part["caption"], name) for name in names if not name.startswith(f"{FOLDER}/")]
    return found


def sheet(browser: Browser, address: str) -> tuple[str, bytes]:
    """Title and PDF of a page."""
    page = browser.new_page(color_scheme="light")
    try:
        page.goto(address)
        page.emulate_media(media="print", color_scheme="light")
        page.evaluate(_READY)
        title = page.title().split(" — ")[0].strip()
        return title, page.pdf(**PAPER, tagged=True, outline=False)
    finally:
        page.close()


def _front(browser: Browser, printed: list[Printed]) -> bytes:
    """Title and contents; gives every page of the site its place behind them."""
    from pypdf import PdfReader

    sheets = 1  # the contents' own length, until it is known
    while True:
        at = sheets + 1
        for one in printed:
            one.start = at
            at += len(PdfReader(io.BytesIO(one.data)).pages)
        page = browser.new_page()
        try:
            page.set_content(_CONTENTS.format(lines=_lines(printed)))
            data = page.pdf(**PAPER)
        finally:
            page.close()
        if (needed := len(PdfReader(io.BytesIO(data)).pages)) == sheets:
            return data
        sheets = needed


def _lines(printed: list[Printed]) -> str:
    lines, part = [], ""
    for one in printed:
        if one.part != part:
            part = one.part
            lines.append(f"<h2>{html.escape(part)}</h2>")
        lines.append(
            f'<p class="line"><a href="https://book.invalid/{one.name}">'
            f"{html.escape(one.title)}</a><i></i>{one.start}</p>"
        )
    return "\n".join(lines)


def merge(front: bytes, printed: list[Printed], site: Path) -> bytes:
    """One PDF of the contents and all pages, with an outline, numbers, and links inside."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter()
    readers = [PdfReader(io.BytesIO(one.data)) for one in printed]
    starts = {one.name: one.start - 1 for one in printed}
    for reader in (PdfReader(io.BytesIO(front)), *readers):
        for page in reader.pages:
            writer.add_page(page)
    places = {
        one.name: {
            name.lstrip("/"): _place(reader, name, one.start - 1)
            for name in reader.named_destinations
        }
        for one, reader in zip(printed, readers, strict=True)
    }
    owner = sorted((start, name) for name, start in starts.items())
    for number, page in enumerate(writer.pages):
        here = next((name for start, name in reversed(owner) if start <= number), "")
        for note in page.get("/Annots") or []:
            _turn(note.get_object(), here, starts, places, site, writer)
    parents: dict[str, object] = {}
    for one in printed:
        if one.part and one.part not in parents:
            parents[one.part] = writer.add_outline_item(title=one.part, page_number=one.start - 1)
        writer.add_outline_item(
            title=one.title, page_number=one.start - 1, parent=parents.get(one.part)
        )
    _number(writer)
    writer.add_metadata({"/Title": "Runnable Papers", "/Author": "The Runnable Papers authors"})
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def _place(reader: PdfReader, name: str, offset: int) -> tuple[int, float]:
    """Sheet of the book, from 0, and height of a named place of one of its PDFs."""
    to = reader.named_destinations[name]
    number = reader.get_destination_page_number(to)
    return offset + max(number or 0, 0), float(to.top) if to.top is not None else 0.0


def _turn(
    note: DictionaryObject,
    here: str,
    starts: dict[str, int],
    places: dict[str, dict[str, tuple[int, float]]],
    site: Path,
    writer: PdfWriter,
) -> None:
    """Make a link to a page of the book lead there; one to another file of the site leads nowhere.

    here : path of the page that the link stands on
    """
    from pypdf.generic import ArrayObject, FloatObject, NameObject, NullObject

    action = (note.get("/A") or {}).get_object() if note.get("/A") else {}
    if "/Dest" in note:
        page, anchor = here, str(note["/Dest"]).lstrip("/")
    elif action.get("/S") == "/GoTo":
        page, anchor = here, str(action.get("/D")).lstrip("/")
    elif action.get("/S") == "/URI":
        page, anchor = _target(str(action["/URI"]), site)
        if page is None:
            return
    else:
        return
    for key in ("/A", "/Dest"):
        note.pop(key, None)
    if page not in starts:
        return
    number, top = places[page].get(unquote(anchor), (starts[page], None))
    height = NullObject() if top is None else FloatObject(top)
    target = writer.pages[number].indirect_reference
    zoom = NullObject()
    note[NameObject("/Dest")] = ArrayObject([target, NameObject("/XYZ"), zoom, height, zoom])


def _target(address: str, site: Path) -> tuple[str | None, str]:
    """Page of the book, "" for another file of the site, None for the rest of the world."""
    bare, anchor = urldefrag(address)
    split = urlsplit(bare)
    if split.netloc == "book.invalid":
        return split.path.lstrip("/"), anchor
    if split.scheme != "file":
        return None, anchor
    path = Path(url2pathname(split.path))
    inside = path.relative_to(site).as_posix() if path.is_relative_to(site) else ""
    return inside.removesuffix(".html"), anchor


def _number(writer: PdfWriter) -> None:
    """Write the number of each sheet below its text, but not on the title."""
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure
    from pypdf import PdfReader

    target = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 42}), PdfPages(target) as numbers:
        for number, page in enumerate(writer.pages, start=1):
            size = float(page.mediabox.width) / 72, float(page.mediabox.height) / 72
            fig = Figure(figsize=size)
            if number > 1:
                fig.text(0.5, 0.028, str(number), ha="center", fontsize=8, color="#5a6069")
            numbers.savefig(fig, transparent=True)
    overlay = PdfReader(target)
    for page, mark in zip(writer.pages, overlay.pages, strict=True):
        page.merge_page(mark)
        page.compress_content_streams()
    writer.compress_identical_objects()


def link(site: Path, size: int) -> None:
    """Put the link to the PDF where the front page has a place for it."""
    for page in (site / "book" / "intro.html",):
        before, mark, after = page.read_text(encoding="utf-8").partition(MARK)
        if mark:
            rest = after[after.index("</span>") :]
            said = f'<a href="../{NAME}">The whole book as a PDF</a> ({size / 1e6:.0f} MB)'
            write_if_changed(page, f"{before}{mark}{said}{rest}")
