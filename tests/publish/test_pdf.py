"""The book on paper: order, numbers, links, outline; printed by Chromium from a small site."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from pypdf import PdfReader

from companion.project import Project
from companion.publish import pdf
from companion.publish.errors import PublishError
from tests.site.conftest import browser_or_skip

TOC = """format: jb-book
root: book/intro
parts:
  - caption: The book
    chapters:
      - file: book/how-to-read
  # chapters:begin
  # chapters:end
"""
PAGE = """<!doctype html><html lang="en"><head><title>{title} &#8212; Runnable Papers</title></head>
<body><h1>{title}</h1>{body}</body></html>"""
LONG = "".join(f"<p>Paragraph {i}, which takes a line.</p>" for i in range(90))


@pytest.fixture
def small(tmp_path, project):
    """A project whose site has two pages, each two sheets long."""
    for name in ("companion", "notebooks"):
        (tmp_path / name).mkdir()
    shutil.copy(project.package / "papers.toml", tmp_path / "companion")
    shutil.copytree(project.book, tmp_path / "book")
    (tmp_path / "book" / "_toc.yml").write_text(TOC)
    (tmp_path / "_config.yml").write_text("title: small\n")
    site = tmp_path / "build" / "site"
    (site / "book").mkdir(parents=True)
    (site / "index.html").write_text("<p>The root.</p>")
    (site / "notes.txt").write_text("Not a page.")
    links = (
        '<a href="how-to-read.html">whole</a> <a href="how-to-read.html#end">end</a> '
        '<a href="#here">here</a> <a href="../notes.txt">notes</a> '
        '<a href="https://arxiv.org/abs/2505.14669">paper</a>'
    )
    first = f"<p>{links}</p>{LONG}<p id=here>Here.</p>{pdf.MARK}</span>"
    second = f'<p><a href="#end">down</a></p>{LONG}<h2 id="end">The end</h2>'
    for name, title, body in (("intro", "One", first), ("how-to-read", "Two &amp; a half", second)):
        (site / "book" / f"{name}.html").write_text(PAGE.format(title=title, body=body))
    return Project(tmp_path)


@pytest.mark.browser
def test_pages_follow_the_contents_with_numbers_and_links_inside(small):
    browser_or_skip()
    told = []
    with ThreadPoolExecutor(1) as thread:  # this one may hold the browser of other tests
        path = thread.submit(pdf.make, small, say=told.append).result()
    assert told == ["printing book/intro", "printing book/how-to-read"]
    book = PdfReader(path)
    texts = [page.extract_text() for page in book.pages]
    starts = [n for n, text in enumerate(texts) if text.lstrip().startswith(("One", "Two"))]
    assert len(texts) > starts[1] + 1 > starts[0] + 2
    assert starts[0] == 1
    for title, start in zip(("One", "Two & a half"), starts, strict=True):
        line = next(line for line in texts[0].splitlines() if line.startswith(title))
        assert line.split()[-1] == str(start + 1)
        assert texts[start].split()[-1] == str(start + 1)
    (one, part, under) = book.outline
    assert (one.title, part.title, under[0].title) == ("One", "The book", "Two & a half")
    listed = [book.get_destination_page_number(item) for item in (one, part, under[0])]
    assert listed == [1, starts[1], starts[1]]
    notes = [note.get_object() for note in book.pages[starts[0]]["/Annots"]]
    leads = [
        book.get_page_number(note["/Dest"][0].get_object()) if "/Dest" in note else note.get("/A")
        for note in notes
    ]
    last = len(texts) - 1
    assert leads[0] == starts[1]
    assert leads[1] == last
    assert leads[2] == starts[1] - 1
    assert leads[3] is None, "a file that is not in the book"
    assert leads[4]["/URI"] == "https://arxiv.org/abs/2505.14669"
    front = (small.build / "site" / "book" / "intro.html").read_text()
    assert f'{pdf.MARK}<a href="../{pdf.NAME}">' in front
    pdf.link(small.build / "site", 3_400_000)
    again = (small.build / "site" / "book" / "intro.html").read_text()
    assert again.count(pdf.NAME) == 1
    assert "(3 MB)" in again


def test_without_a_site_or_a_browser_it_says_what_to_do(small, monkeypatch):
    monkeypatch.delenv(pdf.CHROMIUM, raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pdf.NoBrowser, match=r"apt-get install chromium.*CHROMIUM"):
        pdf.make(small, say=print)
    (small.build / "site" / "index.html").unlink()
    with pytest.raises(PublishError, match="companion build"):
        pdf.make(small, say=print)
    assert not (small.build / "site" / pdf.NAME).exists()


def test_the_book_is_printed_in_the_order_of_its_contents(project):
    names = [name for _, name in pdf.pages(project)]
    assert names[0] == "book/intro"
    assert names.index("book/how-to-read") < names.index("notebooks/01-massive-activations")
    assert names.index("notebooks/12-synthetic-data") < names.index("book/references")
    assert len(names) == len(set(names))
