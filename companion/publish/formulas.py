"""Formulas are typeset when the site is built: a page shows them without a script.

MathJax runs here in QuickJS, which both are installed with the ``book`` extra.  A page gets
MathJax's HTML, with MathML beside it for those who listen; one style sheet for the site has the
signs that some page uses, and a browser loads the fonts of those that it meets.
"""

from __future__ import annotations

import html
import importlib.util
import json
import re
from pathlib import Path

from companion.publish.errors import PublishError

STYLE = "formulas.css"
"""The style sheet, beside the fonts in the site's ``_static/mathjax``."""

PARTS = (
    "loader.js",
    "core.js",
    "adaptors/liteDOM.js",
    "input/tex-full.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
)
FONTS = "output/chtml/fonts/woff-v2"

# No timer, no document: MathJax's own stand-in for one keeps what is typeset.
_BEFORE = """
globalThis.global = globalThis.self = globalThis;
globalThis.console = {log() {}, warn() {}, error() {}, info() {}};
globalThis.setTimeout = () => 0;
globalThis.clearTimeout = () => {};
globalThis.MathJax = {loader: {load: []}};
"""
_AFTER = """
const parts = MathJax._;
const adaptor = parts.adaptors.liteAdaptor.liteAdaptor();
const handler = parts.handlers.html_ts.RegisterHTMLHandler(adaptor);
parts.a11y["assistive-mml"].AssistiveMmlHandler(handler);
const input = new parts.input.tex_ts.TeX({packages: ["base", "ams", "boldsymbol", "cancel",
  "mathtools", "newcommand", "textmacros"], formatError: (jax, error) => { throw error; }});
const font = new parts.output.chtml.fonts.tex_ts.TeXFont({fontURL: "."});
const output = new parts.output.chtml_ts.CHTML({font, adaptiveCSS: true});
const page = parts.mathjax.mathjax.document("", {InputJax: input, OutputJax: output});
// JSON: the binding does not know the strings that QuickJS keeps in parts
const typeset = (tex, display) => JSON.stringify(adaptor.outerHTML(
  page.convert(tex, {display, em: 16, ex: 8, containerWidth: 640, scale: 1})));
const style = () => JSON.stringify(adaptor.textContent(output.styleSheet(page)));
"""

_MATH = re.compile(
    r'(<(span|div) class="[^"]*\bmath\b[^"]*"[^>]*>)((?:\s*<span class="eqno">.*?</span>)?)'
    r"\s*\\([(\[])(.*?)\\[)\]]\s*(</\2>)",
    re.DOTALL,
)
_TABLE = re.compile(r'<table[^>]*class="[^"]*\bmathjax_process\b.*?</table>', re.DOTALL)
_INLINE = re.compile(r"(<[^>]*>)|\$([^$<>]+)\$|\\\((.+?)\\\)")
_SCRIPTS = re.compile(
    r"<script[^>]*\bsrc=\"[^\"]*mathjax[^\"]*\"[^>]*></script>\s*|"
    r"<script>window\.MathJax\s*=.*?</script>\s*",
    re.DOTALL,
)


def folder() -> Path:
    """Where MathJax lies: the wheel that carries it as files (no Django is needed)."""
    found = importlib.util.find_spec("mathjax")
    if found is None or not found.submodule_search_locations:
        raise PublishError(
            "MathJax is not installed: pip install django-static-mathjax==3.2.2.1 "
            "(part of the `book` extra)"
        )
    return Path(next(iter(found.submodule_search_locations))) / "static" / "mathjax"


def fonts() -> dict[str, bytes]:
    """MathJax's license and the fonts of its signs; staged path -> content."""
    files = [folder() / "LICENSE", *sorted((folder() / "es5" / FONTS).glob("*.woff"))]
    return {f"vendor/mathjax/{path.name}": path.read_bytes() for path in files}


class Formulas:
    """Typesets the formulas of all pages of a site."""

    def __init__(self) -> None:
        try:
            import quickjs
        except ImportError:
            raise PublishError(
                "QuickJS is not installed: pip install quickjs-ng (part of the `book` extra)"
            ) from None
        self._engine = quickjs.Context()
        self._engine.eval(_BEFORE)
        for part in PARTS:
            self._engine.eval((folder() / "es5" / part).read_text(encoding="utf-8"))
        self._engine.eval(_AFTER)
        self._done: dict[tuple[str, bool], str] = {}

    def typeset(self, tex: str, *, display: bool) -> str:
        """A formula as HTML with MathML; :class:`PublishError` if MathJax cannot read it."""
        key = (tex, display)
        if key not in self._done:
            import quickjs

            try:
                made = self._engine.eval(f"typeset({json.dumps(tex)}, {json.dumps(display)})")
            except quickjs.JSException as error:
                said = str(error).splitlines()[0]
                raise PublishError(f"MathJax cannot read {tex!r}: {said}") from None
            self._done[key] = json.loads(made)
        return self._done[key]

    def style(self) -> str:
        """Style sheet for everything that was typeset so far."""
        return json.loads(self._engine.eval("style()"))

    def page(self, text: str) -> str:
        """A page with its formulas typeset, and without MathJax's script."""
        text = _MATH.sub(self._math, text)
        return _SCRIPTS.sub("", _TABLE.sub(lambda table: _INLINE.sub(self._cell, table[0]), text))

    def _math(self, match: re.Match[str]) -> str:
        opened, _, number, bracket, tex, closed = match.groups()
        made = self.typeset(html.unescape(tex).strip(), display=bracket == "[")
        return f"{opened}{number}{made}{closed}"

    def _cell(self, match: re.Match[str]) -> str:
        tag, dollars, brackets = match.groups()
        if tag:
            return tag
        return self.typeset(html.unescape(dollars or brackets).strip(), display=False)
