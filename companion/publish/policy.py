"""What a page may run: the book's own files and its own inline scripts, and nothing else.

Each page carries a Content-Security-Policy.  Scripts come from the site itself; those that stand
in the page (live figures, explorers, and a few lines of the theme) are named by the SHA-256 of
their text, so one that gets into a page on another way does not run.  Pictures, fonts and requests
stay within the site as well.  Styles may stand in the page: figures and tables carry theirs.

The theme calls two of its functions from attributes of buttons, which no hash can name; they
become ``data-rp-click``, and ``book.js`` listens.
"""

from __future__ import annotations

import base64
import hashlib
import re

from companion.publish.errors import PublishError

HANDLERS = {"window.print()": "print", "toggleFullScreen()": "fullscreen"}
"""Text of an ``onclick`` of the theme -> what ``book.js`` calls it."""

_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z][^\s>/]*(?:\s+[^\s=>/]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?)*")
_HANDLER = re.compile(r"\s(on[a-z]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_TYPE = re.compile(r"\btype\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_RUNS = {"", "module", "text/javascript", "application/javascript"}
_HEAD = re.compile(r"<head[^>]*>(?:\s*<meta charset=[^>]*>)?", re.IGNORECASE)


def with_policy(text: str, name: str) -> str:
    """A finished page with its policy; nothing in it may be changed after this.

    name : the page's path in the site, for messages

    Raises :class:`PublishError` for what would not run: a handler in an attribute, a link with a
    script, a script of a page without a head.
    """
    if not _HEAD.search(text):
        if _SCRIPT.search(text) or _HANDLER.search(text):
            raise PublishError(f"{name} has scripts and no head for a policy")
        return text  # one line that leads to another page
    parts, start = [], 0
    for script in _SCRIPT.finditer(text):  # what looks like a tag within a script is none
        parts += [_without_handlers(text[start : script.start()], name), script[0]]
        start = script.end()
    parts.append(_without_handlers(text[start:], name))
    text = "".join(parts)
    head = _HEAD.search(text)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(text)}">'
    return f"{text[: head.end()]}\n{meta}{text[head.end() :]}"


def policy(text: str) -> str:
    """The policy of a page with the scripts of `text`."""
    own = dict.fromkeys(f"'sha256-{_hash(script)}'" for script in inline(text))
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *own]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def inline(text: str) -> list[str]:
    """Texts of the scripts that stand in a page; data in a script element are none."""
    found = []
    for script in _SCRIPT.finditer(text):
        kind = _TYPE.search(script[1])
        if not re.search(r"\bsrc\s*=", script[1]) and (kind[1].lower() if kind else "") in _RUNS:
            found.append(script[2])
    return found


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _without_handlers(text: str, name: str) -> str:
    def tag(match: re.Match[str]) -> str:
        if re.search(r"=\s*[\"']?\s*javascript:", match[0], re.IGNORECASE):
            raise PublishError(f"{name} has a link that runs a script: {match[0][:80]}")
        return _HANDLER.sub(handler, match[0])

    def handler(match: re.Match[str]) -> str:
        said = match[2] if match[2] is not None else match[3]
        if match[1].lower() != "onclick" or said not in HANDLERS:
            raise PublishError(f"{name} has a handler that no policy can name: {match[0].strip()}")
        return f' data-rp-click="{HANDLERS[said]}"'

    return _TAG.sub(tag, text)
