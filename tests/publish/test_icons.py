"""A site keeps the icons that it shows."""

from pathlib import Path

import pydata_sphinx_theme
import pytest
from fontTools.ttLib import TTFont

from companion.publish import icons

FONT = "../_static/vendor/fontawesome/webfonts/fa-solid-900.woff2"
PAGE = f"""<link rel="preload" as="font" href="{FONT}">
<script src="../_static/scripts/bootstrap.js"></script>
<script src="../_static/scripts/fontawesome.js?digest=1"></script>
<i class="fa-solid fa-bars"></i><i class="fas fa-download"></i>"""


@pytest.fixture
def site(tmp_path):
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
    for name in (
        "scripts/fontawesome.js",
        "scripts/pydata-sphinx-theme.js",
        "styles/pydata-sphinx-theme.css",
        *(
            f"vendor/fontawesome/webfonts/fa-{kind}"
            for kind in ("solid-900.ttf", "solid-900.woff2", "regular-400.ttf", "brands-400.ttf")
        ),
    ):
        target = tmp_path / "_static" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((theme / name).read_bytes())
    return tmp_path


def test_the_script_and_the_whole_fonts_are_not_asked_for():
    left = icons.without_script(PAGE)
    assert "fontawesome" not in left
    assert "bootstrap.js" in left
    assert "fa-bars" in left


def test_style_and_fonts_have_the_icons_of_the_pages_and_of_the_theme(site):
    icons.keep_used(site, [PAGE])
    sheet = (site / "_static/styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    assert ".fa-bars:before" in sheet
    assert ".fa-helicopter:before" not in sheet
    assert 'webfonts/fa-solid-900.woff) format("woff")' in sheet
    assert "woff2" not in sheet
    files = sorted(path.name for path in (site / "_static").rglob("fa-*"))
    assert files == ["fa-brands-400.woff", "fa-regular-400.woff", "fa-solid-900.woff"]
    path = site / "_static/vendor/fontawesome/webfonts/fa-solid-900.woff"
    signs = set(TTFont(path).getBestCmap())
    assert {0xF0C9, 0xF019, 0xF0EB} <= signs, "bars, download, and the theme's light bulb"
    assert 0xF533 not in signs
    assert path.stat().st_size < 20_000
    assert not (site / "_static/scripts/fontawesome.js").exists()
