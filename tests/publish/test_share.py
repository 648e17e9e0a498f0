"""What a reader takes away: citations that BibTeX reads, badges that count, filled-in reports."""

from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from pybtex.database import parse_string

from companion import catalogue
from companion.papers import paper, papers
from companion.publish import share
from tests import copies
from tests.site import checks

SITE = "https://some-one.github.io/papers/"
HOME = "https://github.com/some-one/papers"
PAGE = """<article><section id="further-reading"><h2>Further reading</h2><ul><li>One</li></ul>
</section></article>"""
CLAIMS = """<tr id="claim-c1"><th>C1</th></tr><tr class="rp-details"><td><details>
<summary>Criterion</summary>a<br>b</details></td></tr><tr id="claim-c2"><th>C2</th></tr>
<tr class="rp-details"><td><details>c</details></td></tr>"""


def standing(verdicts, tmp_path, slug="tart"):
    project = copies.make(tmp_path)
    copies.start(project, slug)
    if verdicts is not None:
        copies.publish(
            project, slug, [{"claim": f"C{i}", "verdict": v} for i, v in enumerate(verdicts, 1)]
        )
    return catalogue.standing(paper(slug, project), project)


@pytest.mark.parametrize("entry", papers(), ids=lambda entry: entry.slug)
def test_a_citation_is_what_bibtex_reads(entry):
    found = parse_string(share.bibtex(entry, f"{SITE}a_b.html"), "bibtex").entries
    cited, chapter = found[f"{entry.slug}-paper"], found[f"{entry.slug}-runnable"]
    assert len(cited.persons["author"]) == len(entry.authors)
    assert cited.fields["title"] == f"{{{entry.title}}}"
    assert cited.fields["eprint"] == entry.arxiv
    assert chapter.fields["chapter"] == str(entry.number)
    assert chapter.fields["url"] == f"{SITE}a_b.html"
    assert "url" not in parse_string(share.bibtex(entry), "bibtex").entries[chapter.key].fields


@pytest.mark.parametrize(
    ("verdicts", "text", "color"),
    [
        (None, "not verified yet", "open"),
        (["holds", "holds"], "2 of 2 claims reproduced", "holds"),
        (["holds", "not resolved", "not tested"], "1 of 3 claims reproduced", "open"),
        (["does not hold"], "0 of 1 claim reproduced", "fails"),
        (["holds", "does not hold"], "1 of 2 claims reproduced", "fails"),
    ],
)
def test_a_badge_counts_what_holds(verdicts, text, color, tmp_path):
    svg = share.badge(standing(verdicts, tmp_path))
    tree = ElementTree.fromstring(svg)
    assert tree.get("aria-label") == f"Runnable Papers: {text}"
    assert share.COLORS[color] in svg
    assert {share.COLORS[other] in svg for other in share.COLORS if other != color} == {False}


def test_checks_of_our_own_and_old_records_do_not_count(tmp_path):
    project = copies.make(tmp_path)
    copies.start(project, "tart")
    copies.publish(project, "tart", [{}, {"claim": "O1", "of": "ours"}])
    entry = catalogue.standing(paper("tart", project), project)
    assert share.counted(entry) == ("1 of 1 claim reproduced", "holds")
    code = project.package / "tart" / "method" / "spread.py"
    code.write_text(code.read_text().replace("0.25, 0.75", "0.2, 0.8"))
    entry = catalogue.standing(paper("tart", project), project)
    assert share.counted(entry) == ("not verified yet", "open")


def test_further_reading_ends_with_the_citation_and_the_badge(tmp_path):
    entry = standing(["holds"], tmp_path)
    made = share.files(entry, SITE)
    page = checks.parse(share.with_citation(PAGE, entry, SITE))
    fold = page.select_one("#further-reading > details.rp-cite")
    cite, embed = (tag.get_text() for tag in fold.select("pre"))
    assert cite == made["_static/cite/tart.bib"]
    assert embed == (
        f"[![Runnable Papers: 1 of 1 claim reproduced]({SITE}_static/badges/tart.svg)]"
        f"({SITE}notebooks/02-tart.html)"
    )
    image = fold.select_one("img")
    assert image["alt"] == "Runnable Papers: 1 of 1 claim reproduced"
    assert ElementTree.fromstring(made["_static/badges/tart.svg"]).get("width") == image["width"]
    assert len(checks.parse(share.with_citation(PAGE, entry, None)).select("pre")) == 1


def test_each_claim_leads_to_a_report_that_is_filled_in(tmp_path):
    entry = standing(["holds"], tmp_path)
    page = checks.parse(share.with_reports(CLAIMS, entry.paper, entry.record, HOME, "1.2.3"))
    (link,) = page.select("a")  # C2 is in no record
    address = urlsplit(link["href"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{HOME}/issues/new"
    told = parse_qs(address.query)
    assert told["title"] == ["tart C1: "]
    made = entry.record["provenance"]
    for part in ("chapter 2", "claim c1", "holds", "1.2.3", made["digest"][:12], "unknown"):
        assert part in told["body"][0].lower(), part
    assert share.with_reports(CLAIMS, entry.paper, None, HOME, "1.2.3") == CLAIMS


def test_each_claim_says_how_to_name_it_for_good(tmp_path):
    entry = standing(["holds"], tmp_path)
    digest = entry.record["provenance"]["digest"][:12]
    said = f"To cite: tart C1, Runnable Papers 1.2.3, record {digest}"
    page = checks.parse(share.with_reports(CLAIMS, entry.paper, entry.record, None, "1.2.3"))
    assert [tag.get_text() for tag in page.select("small")] == [said]
    assert page.select("a") == []
    text = share.with_reports(CLAIMS, entry.paper, entry.record, HOME, "1.2.3", "abc123")
    (one,) = checks.parse(text).select("small")
    assert one.get_text() == said
    assert one.a["href"] == f"{HOME}/blob/abc123/companion/records/tart.json"
