"""Links from a chapter to the glossary and to other chapters."""

import html
import re
from dataclasses import replace

import nbformat
import pytest

from companion.papers import papers
from companion.project import Project
from companion.publish import links
from tests.published import published
from tests.site import checks

GLOSSARY = """<dl><dt id="term-AUROC">AUROC<a class="headerlink" href="#term-AUROC">#</a></dt>
<dt id="term-Holm-s-correction">Holm&#39;s correction</dt><dt id="term-token">token</dt>
<dt id="term-record">record</dt></dl>"""
ARTICLE = """<h2>Tokens</h2><p>A <code>token</code> and <a href="x">a token</a>; tokenizer.</p>
<div class="cell docutils"><div><p>token</p></div></div><p>Its tokens, a token,
and the auroc of a record. 1 < 2 <!-- a < token -->
<script>if (a <b && c > d) "token"; x = 1 < 2</script></p>
<table><tr><td><p>AUROC</p></td></tr></table>"""


def test_the_first_use_of_a_term_leads_to_the_glossary():
    known = links.terms(GLOSSARY)
    assert known == {
        "auroc": "term-AUROC",
        "holm's correction": "term-Holm-s-correction",
        "token": "term-token",
    }
    page = checks.parse(links.with_terms(ARTICLE, known, "../book/notation.html"))
    found = [(a.get_text(), a["href"]) for a in page.select("a.rp-term")]
    assert found == [
        ("tokens", "../book/notation.html#term-token"),
        ("auroc", "../book/notation.html#term-AUROC"),
    ]
    for link in page.select("a.rp-term"):
        link.unwrap()
    assert str(page) == str(checks.parse(ARTICLE))


def glossary() -> dict[str, str]:
    """Term -> its explanation, from the source of the page."""
    text = (Project().book / "notation.md").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for block in re.findall(r"^:::\{glossary\}\n(.*?)^:::", text, re.DOTALL | re.MULTILINE):
        for names, says in re.findall(r"((?:^\S.*\n)+)  (\S.*)\n", block, re.MULTILINE):
            found |= dict.fromkeys(names.splitlines(), says)
    return found


def test_each_term_is_told_once_in_a_sentence_or_two_or_three():
    text = (Project().book / "notation.md").read_text(encoding="utf-8")
    found = glossary()
    lines = re.findall(r"^\S.*$", text[text.index(":::{glossary}") :], re.MULTILINE)
    names = [line for line in lines if not line.startswith((":::", "## "))]
    assert sorted(names) == sorted(found)
    assert len(found) >= 60
    for name, says in found.items():
        plain = re.sub(r"\{[^}]*\}`[^`]*`|`[^`]*`|\$[^$]*\$", "x", says)
        assert plain.endswith("."), name
        assert len(re.findall(r"[.!?](?= |$)", plain)) <= 3, name
        assert len(says) <= 260, name


@pytest.mark.parametrize("entry", published(), ids=lambda entry: entry.slug)
def test_every_chapter_leads_to_terms_of_its_own_field(entry):
    """The terms of statistics aside, which all chapters share."""
    general = {
        "verdict",
        "confidence interval",
        "negative control",
        "token",
        "p-value",
        "bootstrap",
    }
    known = {
        name.lower(): f"term-{name}"
        for name in glossary()
        if name.lower() not in links.ORDINARY | general
    }
    cells = nbformat.read(entry.notebook_path(), as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = [line for line in text.splitlines() if not line.startswith(("#", "|", "<", "$"))]
    page = links.with_terms(f"<p>{html.escape(' '.join(prose))}</p>", known, "x.html")
    found = {link["href"] for link in checks.parse(page).select("a.rp-term")}
    assert len(found) >= 3, found


def test_a_chapter_leads_to_those_that_share_an_idea():
    a, b, c = (
        replace(paper, ideas=ideas)
        for paper, ideas in zip(papers(), (("x", "y"), ("x", "z"), ("y",)), strict=False)
    )
    text = '<section id="further-reading"><h2>Further reading</h2><ul></ul></section><p></p>'
    page = checks.parse(links.with_related(text, a, (a, b, c)))
    told = [li.get_text() for li in page.select("section .rp-related li")]
    assert told == [f"x: {b.short}", f"y: {c.short}"]
    assert page.select_one(".rp-related a")["href"] == f"{b.notebook}.html"
    assert links.with_related(text, replace(b, ideas=("z",)), (a, b, c)) == text


def test_every_chapter_shares_an_idea_with_another_one():
    everything = papers()
    for paper in published():
        others = {idea for one in everything if one is not paper for idea in one.ideas}
        assert set(paper.ideas) & others, paper.slug
        assert set(paper.ideas) <= others, f"an idea of {paper.slug} alone leads nowhere"


def test_further_reading_leads_to_the_references():
    references = """<section><div class="citation" id="id1" role="doc-biblioentry"><p>A. <a
    class="reference" href="https://arxiv.org/abs/1234.5">url</a></p></div>
    <div class="citation" id="id2"><p>B. No address.</p></div>
    <div class="citation" id="id3"><p><a href="https://arxiv.org/abs/6.7">C</a></p></div></section>"""
    known = links.entries(references)
    assert known == {"https://arxiv.org/abs/1234.5": "id1", "https://arxiv.org/abs/6.7": "id3"}
    outside = '<p><a href="https://arxiv.org/abs/6.7">C</a></p>'
    text = (
        f'{outside}<section id="further-reading"><p><a href="https://arxiv.org/abs/6.7">C</a>, '
        '<a href="https://arxiv.org/abs/8.9">D</a></p></section>'
    )
    page = checks.parse(links.with_references(text, known, "../book/references.html"))
    added = [a["href"] for a in page.find_all("a", string="reference")]
    assert added == ["../book/references.html#id3"]
    assert page.select_one("section a").find_next("a")["href"] == added[0]
