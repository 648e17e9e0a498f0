"""The pictures of a page in light and in dark."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from companion import live, pictures, plotting
from companion.publish import figures

URI = re.compile(r"data:image/svg\+xml;base64,([^\"]+)")


@pytest.fixture(autouse=True)
def theme():
    plotting.use_theme()


def page(fig):
    """SVGs of a figure's html: phone and wide in light, then in dark."""
    drawn = pictures.for_page(fig, plotting._start_title_at_the_edge)
    html = figures.to_html(drawn, 'a "line"')
    return html, [base64.b64decode(text).decode() for text in URI.findall(html)]


def colors(svg):
    return set(re.findall(r"(?:fill|stroke):(#[0-9a-f]{6})", svg))


def test_a_figure_is_a_picture_for_light_and_one_for_dark_each_also_for_a_phone():
    fig, ax = plotting.figure()
    ax.plot([1, 2], **plotting.style("ours"))
    html, made = page(fig)
    assert re.findall(r'<picture class="rp-figure (only-\w+)">', html) == [
        "only-light",
        "only-dark",
    ]
    assert len(made) == 4
    assert html.count('media="(max-width: 600px)"') == 2
    assert html.count('alt="a &quot;line&quot;"') == 2
    assert 'width="700" height="370"' in html
    light, dark = colors(made[1]), colors(made[3])
    assert plotting.BLUE.lower() in light
    assert live.readable(plotting.BLUE, "dark") in dark
    assert plotting.BLUE.lower() not in dark


def test_what_is_drawn_on_a_dark_page_can_be_seen():
    fig, ax = plotting.figure()
    for name in ("paper", "ours", "null", "control", "truth", "baseline"):
        ax.plot([1, 2], label=name, **plotting.style(name))
    ax.plot([1, 2], color="black")
    ax.legend()
    _, made = page(fig)
    ground = live.GROUNDS["dark"][0]
    grid = figures.on_dark("#e6e6e6")
    weak = [c for c in colors(made[3]) - {grid} if live.contrast(c, ground) < 4.5]
    assert weak == []
    assert f'fill="{figures.INK["dark"]}"' in made[3], "black is what an SVG fills with by default"
    assert live.contrast(grid, ground) < 2, "the grid stays quiet"


def test_greys_keep_their_order_and_white_is_the_page():
    light = [
        live.contrast(figures.on_dark(f"#{v:02x}" * 1 + f"{v:02x}" * 2), "#15171a")
        for v in (255, 230, 150, 80, 34)
    ]
    assert light == sorted(light)
    assert figures.on_dark("#ffffff") == live.GROUNDS["dark"][0]


def test_marks_on_a_map_keep_their_colors():
    fig, (ax, bx) = plotting.figure(1, 2)
    ax.imshow(np.eye(3))
    ax.text(0, 0, "here", color="white")
    ax.annotate(
        "there", (1, 1), (2, 2), color="white", arrowprops={"arrowstyle": "-", "color": "#123456"}
    )
    bx.text(0, 0, "outside", color="#ffffff")
    _, made = page(fig)
    kept = colors(made[3])
    assert {"#ffffff", "#123456"} <= kept
    bx.texts[0].set_color("#fefefe")
    assert "#fefefe" not in colors(page(fig)[1][3])


def test_pixels_of_the_book_s_colors_change_with_them():
    fig, ax = plotting.figure()
    ax.scatter(*np.random.default_rng(0).random((2, 2000)), color=plotting.BLACK, s=40)
    _, made = page(fig)
    brightest = []
    for svg in (made[1], made[3]):
        (uri,) = re.findall(r'href="data:image/webp;base64,([^"]+)"', svg)
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri))).convert("RGBA"))
        brightest.append(pixels[pixels[..., 3] > 250][:, :3].mean())
    assert brightest[0] < 60 < 180 < brightest[1]


def test_a_small_svg_shows_the_same_and_says_nothing_of_its_maker():
    fig, ax = plotting.figure()
    ax.plot([1, 2], [3, 4], "o")
    ax.bar([1], [2], hatch="//", edgecolor="white")
    drawn = pictures.for_page(fig, plotting._start_title_at_the_edge)
    _, made = page(fig)
    assert len(made[1]) < 0.75 * len(drawn["wide"])
    assert "matplotlib" not in made[1].lower()
    assert made[1].count("<use") == drawn["wide"].count("<use")
    named = set(re.findall(r'\bid="([^"]+)"', made[1]))
    assert {a or b for a, b in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', made[1])} == named


def test_equal_figures_give_equal_pictures():
    def make():
        fig, ax = plotting.figure()
        ax.plot([1, 2])
        ax.set_xlim(0, 1)
        return page(fig)

    assert make() == make()
