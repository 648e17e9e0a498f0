"""Icons: of the theme's 2,000 a site keeps those that its pages show.

The theme brings Font Awesome twice: as a script of 1.5 MB that replaces icons by drawings, and as
fonts with a style sheet, for pages without scripts.  Here the script goes, the rules of the style
sheet for icons that are nowhere go, and of the fonts the rest is left.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

from companion.publish.files import write_if_changed

_SCRIPT = re.compile(r"<(?:script|link)\b[^>]*scripts/fontawesome\.js[^>]*>(?:</script>)?\s*")
_PRELOAD = re.compile(r"<link\b[^>]*vendor/fontawesome/webfonts[^>]*>\s*")
_NAME = re.compile(r"\bfa-[a-z0-9-]+")
_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:{1,2}before,?)+)\{content:"(.)"\}')
_SIGN = re.compile("[\ue000-\uf8ff]")
_ESCAPE = re.compile(r'(?<=")\\([ef][0-9a-f]{3})(?=")', re.IGNORECASE)
_FACE = re.compile(
    r'url\(([^)]*/webfonts/fa-[a-z0-9-]+)\.woff2\) format\("woff2"\),url\([^)]*\)'
    r' format\("truetype"\)'
)


def without_script(text: str) -> str:
    """A page that asks for neither the script nor the whole fonts."""
    return _PRELOAD.sub("", _SCRIPT.sub("", text))


def keep_used(site: Path, pages: Iterable[str]) -> None:
    """Cut style sheet and fonts of `site` down to the icons of these pages and of the theme."""
    scripts = sorted((site / "_static").rglob("*.js"))
    scripts = [path for path in scripts if path.name != "fontawesome.js"]
    texts = [*pages, *(path.read_text(encoding="utf-8") for path in scripts)]
    names = {name for text in texts for name in _NAME.findall(text)}
    for path in [*(site / "_static").rglob("fontawesome.js"), *site.rglob("fontawesome.js.map")]:
        path.unlink()
    signs: set[str] = set()
    for path in sorted((site / "_static").rglob("*.css")):
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), path.read_text(encoding="utf-8"))
        text = _RULE.sub(lambda rule: rule[0] if names & set(_NAME.findall(rule[1])) else "", text)
        signs |= set(_SIGN.findall(text))
        write_if_changed(path, _FACE.sub(r'url(\1.woff) format("woff")', text))
    for path in (site / "_static").rglob("webfonts/fa-*.ttf"):
        write_if_changed(path.with_suffix(".woff"), _subset(path, signs))
    for path in (site / "_static").rglob("webfonts/fa-*"):
        if path.suffix != ".woff":
            path.unlink()


def _subset(path: Path, signs: set[str]) -> bytes:
    """A font with nothing but `signs`, compressed."""
    font = TTFont(path, recalcTimestamp=False)
    wanted = subset.Subsetter(
        subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    )
    wanted.populate(text="".join(sorted(signs)))
    wanted.subset(font)
    font.flavor = "woff"
    out = io.BytesIO()
    font.save(out, reorderTables=None)
    return out.getvalue()
