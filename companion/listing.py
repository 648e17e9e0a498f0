"""Code of the package shown in a page: one version of a formula, tested and displayed."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable


class Listing:
    """Highlighted source of functions or classes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"

    def __repr__(self) -> str:
        return self.text


def listing(*objects: Callable | type, docstrings: bool = False) -> Listing:
    """The source of `objects`, in order, as the package has it.

    docstrings : keep them; a page usually says the same in its text
    """
    return Listing("\n\n".join(_source(item, docstrings) for item in objects))


def _source(item: Callable | type, docstrings: bool) -> str:
    source = textwrap.dedent(inspect.getsource(item)).rstrip()
    if docstrings:
        return source
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            for i in range(first.lineno - 1, first.end_lineno):
                lines[i] = None
    return "\n".join(line for line in lines if line is not None)
