"""The checks of the site find what they are for, and leave a good page alone."""

import pytest

from tests.site import checks

GOOD = """<html><head><link rel="stylesheet" href="a.css"><script src="a.js"></script></head>
<body><article><h1 id="top">Title</h1><h2 id="part">Part</h2><h3 id="detail">Detail</h3>
<p>The loss is low.</p><a href="#part">part</a><a href="https://example.org/">elsewhere</a>
<img src="plot.png" alt="Line chart: the loss falls from 4.1 to 2.0 in 300 steps.">
<pre>print("{cite:p}`inside code`")</pre></article></body></html>"""


def page(body):
    return checks.parse(f"<html><body><article><h1>T</h1>{body}</article></body></html>")


READ = ("remote_assets", "missing_alts", "double_ids", "headings", "raw_text")


@pytest.mark.parametrize("name", READ)
def test_a_good_page_has_no_problem(name):
    assert getattr(checks, name)(checks.parse(GOOD)) == []


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<script src="//cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="https://fonts.example.org/css">',
        '<img alt="A picture of a line." src="https://badge.example.org/b.svg">',
        '<img alt="A picture of a line." srcset="a.png 1x, https://x.example.org/b.png 2x">',
        '<iframe src="https://example.org/"></iframe>',
        '<video poster="https://example.org/p.png"></video>',
        "<style>@import 'https://fonts.example.org/css';</style>",
        '<p style="background: url(https://example.org/a.png)">text</p>',
    ],
)
def test_a_remote_file_is_found(body):
    assert len(checks.remote_assets(page(body))) == 1


def test_a_link_to_another_host_is_no_remote_file():
    body = '<a href="https://arxiv.org/abs/1"></a><link rel="canonical" href="https://x.org/">'
    assert checks.remote_assets(page(body)) == []


@pytest.mark.parametrize("alt", ["", "alt='  '", "alt='figure-1.png'", "alt='_images/ab12.png'"])
def test_an_image_without_a_description_is_found(alt):
    assert len(checks.missing_alts(page(f'<img src="x.png" {alt}>'))) == 1


def test_a_double_id_is_found():
    assert checks.double_ids(page('<p id="a">1</p><p id="a">2</p><p id="b">3</p>')) == [
        "id 'a' occurs 2 times"
    ]


@pytest.mark.parametrize("body", ["<h1>Second</h1>", "<h3>No h2 before</h3>"])
def test_a_wrong_heading_is_found(body):
    assert len(checks.headings(page(body))) == 1


@pytest.mark.parametrize(
    "body", ["<p>see {cite:p}`key2025`</p>", "<p>:::{note}</p>", "<p>equation (eq-loss)</p>"]
)
def test_raw_markup_is_found(body):
    assert len(checks.raw_text(page(body))) >= 1


def test_leftovers_are_found():
    html = "<script type='application/vnd.jupyter.widget-view+json'></script> /home/me/book"
    assert len(checks.leftovers(html, ("/home/me",))) == 2
    assert checks.leftovers(GOOD, ("/home/me",)) == []


def test_broken_links_are_found(tmp_path):
    site = tmp_path / "site"
    (site / "book").mkdir(parents=True)
    (site / "a.css").write_text("")
    (site / "a.js").write_text("")
    (site / "plot.png").write_bytes(b"")
    (site / "one.html").write_text(GOOD)
    assert checks.broken_links(site) == []
    (site / "book" / "two.html").write_text(
        '<a href="../one.html#part">good</a> <a href="../one.html#nowhere">anchor</a>'
        '<a href="three.html">page</a> <img src="../gone.png"> <a href="../../up.html">up</a>'
        '<a href="#here">own anchor</a> <a href="mailto:a@example.org">mail</a>'
    )
    problems = checks.broken_links(site)
    assert len(problems) == 5
    for part in ("#nowhere", "three.html", "gone.png", "up.html", "#here"):
        assert any(part in problem for problem in problems)
