"""Exercises that answer back, in a cell and, by a box that needs no kernel, on the page."""

from __future__ import annotations

import html
import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context
from pathlib import Path

NEAR = 0.02
"""Relative distance within which a wrong number is taken for one that a hint is about."""

_ASK = "Not answered yet: replace the three dots."
_NO_NUMBER = "Please give a number, for example 0.25, 1/4, 25 % or 2*pi."
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_HERE = Path(__file__).parent


class Answer(str):
    """What the reader sees after an attempt."""

    def __repr__(self) -> str:
        return str(self)


class Box(Answer):
    """A question without an answer yet: a page shows a box that takes one and checks it."""

    def __new__(cls, name: str, question: dict[str, object]) -> Box:
        """name : unique on its page; question : what ``respond`` of exercises.js is given."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"answer box {name!r}: use lower-case letters, digits and hyphens")
        made = super().__new__(cls, _ASK)
        made.name, made.question = name, question
        return made

    def to_html(self) -> str:
        """Label, input, button and script; hidden where no script runs."""
        root = f"rp-answer-{self.name}"
        unit = self.question["unit"] and f"<span>{html.escape(self.question['unit'])}</span> "
        question = json.dumps(self.question, ensure_ascii=False).replace("<", "\\u003c")
        script, style = ((_HERE / f"exercises.{end}").read_text("utf-8") for end in ("js", "css"))
        return (
            # JupyterLab takes keys for its own commands unless an element says not to
            f'<form class="rpl-answer" id="{root}" data-lm-suppress-shortcuts="true" hidden>'
            f'<style>{style}</style><label for="{root}-in">Your answer</label> '
            f'<input id="{root}-in" inputmode="text" autocomplete="off" size="9"> '
            f"{unit}"
            f'<button>Check</button> <output for="{root}-in" aria-live="polite"></output>'
            f"<script>(function () {{\n{script}\nconst me = document.currentScript;\n"
            f'box((me && me.closest("form")) || document.getElementById("{root}"), {question});'
            "\n})();</script></form>"
        )

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.to_html()}


def respond(
    answer: object,
    expected: float,
    *,
    tolerance: float,
    explain: Callable[[float], str] | None = None,
    hints: Sequence[tuple[float, str]] = (),
    otherwise: str = "",
    unit: str = "",
    name: str = "",
) -> Answer:
    """Say whether a numeric answer is right and, if not, what it suggests.

    Parameters
    ----------
    answer : the reader's number, or a text that :func:`read` understands, or ``...`` while the
        blank is not filled in
    expected : the right number, computed and not typed; tolerance : largest relative error accepted
    hints : pairs of a wrong number and what it suggests (within :data:`NEAR`); otherwise : what is
        said about any other wrong number
    explain : a function of the wrong number instead, in a cell only
    unit : what stands behind the box; name : of the box, unique on its page; the name of the
        calling function if that is called ``check_...``. With a name an unanswered question is
        shown as a :class:`Box`, which gives the same responses on the page
    """
    name = name or _caller(sys._getframe(1).f_code.co_name)
    question = {
        "answer": float(expected),
        "tolerance": tolerance,
        "near": NEAR,
        "unit": unit,
        "hints": [[float(value), text] for value, text in hints],
        "otherwise": otherwise,
    }
    if answer is ...:
        return Box(name, question) if name else Answer(_ASK)
    value = read(answer, unit) if isinstance(answer, str) else float(answer)
    if not math.isfinite(value):
        return Answer(_NO_NUMBER)
    if _is_near(value, expected, tolerance):
        return Answer(f"Right: {_shown(value)}.")
    found = [text for wrong, text in hints if _is_near(value, wrong, NEAR)]
    hint = explain(value) if explain else found[0] if found else otherwise
    off = "small" if value < expected else "large"
    return Answer(f"Not yet: {_shown(value)} is too {off}.{hint and ' '}{hint}")


def _caller(function: str) -> str:
    """Name of a box from that of the function that asks: ``check_half_life``, ``half-life``."""
    return function.removeprefix("check_").replace("_", "-") if "check_" in function else ""


def _shown(value: float) -> str:
    """Six significant digits, rounded and written as the page does."""
    rounded = Context(prec=6, rounding=ROUND_HALF_UP).create_decimal(value)
    return f"{float(rounded) + 0.0:.6g}"  # zero has no sign


def _is_near(value: float, target: float, tolerance: float) -> bool:
    return math.isclose(value, target, rel_tol=tolerance, abs_tol=tolerance * 1e-9)


_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_FACTOR = re.compile(rf"([+-]?)({_NUMBER})?(p?)(?:\^([+-]?{_NUMBER}))?")


def read(text: str, unit: str = "") -> float:
    """The number that a reader typed; nan if it is none.

    A comma is a decimal sign.  ``78.5``, ``78,5``, ``1/4``, ``25 %``, ``3e-4``, ``pi/0.04``,
    ``2*pi``, ``2π``, ``10^-3``; nothing is evaluated but products, quotients and one power.

    unit : with ``%`` a percent sign in the text says nothing; else it divides by 100
    """
    rest = re.sub(r"\s", "", text).lower().replace(",", ".").replace("−", "-")
    rest = re.sub("[×·]", "*", re.sub("π|pi", "p", rest)).replace("÷", "/")
    is_share = rest.endswith("%") and unit != "%"
    rest = rest.removesuffix("%")
    value, operator = math.nan, ""
    while True:
        found = _FACTOR.match(rest)
        sign, head, pi, power = found.groups()
        if not head and not pi:
            return math.nan
        try:
            last = (math.pi if pi else float(head)) ** float(power or 1)
            last *= float(head) if pi and head else 1
            last = -last if sign == "-" else last
            value = last if not operator else value * last if operator == "*" else value / last
        except (OverflowError, ZeroDivisionError):  # infinite in a page, and no answer either
            return math.nan
        rest = rest[found.end() :]
        if not rest:
            return value / 100 if is_share else value
        operator, rest = rest[0], rest[1:]
        if operator not in "*/":
            return math.nan
