"""Stands for the process that runs a notebook (:mod:`companion.publish.worker`), without a kernel.

It takes the same job and says the same events, but executes the cells itself, with nothing but the
standard library.  A kernel and what drives it take a second of processor time to start; this takes
hundredths.  For tests of what is run, kept and shown; those of how it runs have kernels.

What it knows of notebooks: a cell's last expression is its result, as text, as PNG where the value
has ``_repr_png_`` and as all that its ``_repr_mimebundle_`` gives; a cell that raises ends the run.
"""

from __future__ import annotations

import ast
import base64
import json
import os
import sys


def execute(source: str, names: dict[str, object]) -> object:
    """Run the source of a cell; the value of its last expression, None if there is none."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
    return None if source.rstrip().endswith(";") else value


def shown(value: object, count: int) -> list[dict[str, object]]:
    """The outputs of a cell with this value."""
    if value is None:
        return []
    data = {"text/plain": repr(value)}
    if hasattr(value, "_repr_png_"):
        data["image/png"] = base64.b64encode(value._repr_png_()).decode()
    if hasattr(value, "_repr_mimebundle_"):
        data |= value._repr_mimebundle_()
    return [
        {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": count}
    ]


def main() -> None:
    """Read the job from standard input and run it."""
    job = json.loads(sys.stdin.readline())
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def emit(**event: object) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    with open(job["notebook"], encoding="utf-8") as stream:
        notebook = json.load(stream)
    cells = [cell | {"number": n} for n, cell in enumerate(notebook["cells"], start=1)]
    given = "\n".join(f"{name} = {value!r}" for name, value in job["parameters"].items())
    for place, cell in enumerate(cells):
        if "parameters" in cell["metadata"].get("tags", ()):
            injected = cell | {"id": "injected", "source": given}
            injected["metadata"] = {"tags": ["injected-parameters"]}
            cells.insert(place + 1, injected)
            break
    os.environ.update(job["env"])
    sys.path[:0] = job["env"]["PYTHONPATH"].split(os.pathsep)
    os.chdir(job["folder"])
    names: dict[str, object] = {"__name__": "__main__"}
    last: dict[str, object] = {"event": "done"}
    for count, cell in enumerate((c for c in cells if c["cell_type"] == "code"), start=1):
        source = "".join(cell["source"])
        emit(event="cell", number=cell["number"], of=len(notebook["cells"]), name="")
        cell["execution_count"] = count
        try:
            cell["outputs"] = shown(execute(source, names), count)
        except (Exception, KeyboardInterrupt) as error:
            said = {"ename": type(error).__name__, "evalue": str(error), "traceback": []}
            cell["outputs"] = [{"output_type": "error", **said}]
            last = {"event": "failed", "cell": cell["number"], "source": source}
            last |= {"error": said["ename"], "message": said["evalue"]}
            break
    for cell in cells:
        del cell["number"]
    metadata = notebook["metadata"] | {"papermill": {"parameters": job["parameters"]}}
    with open(job["output"], "w", encoding="utf-8") as stream:
        json.dump(notebook | {"cells": cells, "metadata": metadata}, stream)
    emit(**last)


if __name__ == "__main__":
    main()
