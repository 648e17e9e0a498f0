"""One notebook in a process of its own: ``python -m companion.publish.worker``.

The first line of standard input is the job (:class:`Job` as JSON).  Each line of standard output
is an event as JSON: ``{"event": "cell", ...}``, then ``{"event": "done"}`` or
``{"event": "failed", ...}``.  When standard input closes, the parent is gone and so is this
process with its kernel and all that the kernel started: an interrupted build leaves nothing
running.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from companion._quick import without
from companion.publish.family import MARK, Family, cause

if TYPE_CHECKING:
    from companion.publish.spare import Spare

SOURCE_LINES = 4
"""Lines of a failing cell that the error shows."""


@dataclass(frozen=True)
class Job:
    """What to run: paths, parameters of the notebook, additions to the kernel's environment.

    connection : where the kernel's ports and key are written; the runner of the job decides
    """

    notebook: str
    output: str
    folder: str
    parameters: dict[str, object]
    env: dict[str, str] = field(default_factory=dict)
    connection: str = ""

    def to_json(self) -> str:
        """The job as one line."""
        return json.dumps(asdict(self))


Emit = Callable[[Mapping[str, object]], None]


def execute(job: Job, emit: Emit, spare: Spare | None = None) -> None:
    """Run the job's notebook with papermill; every way to fail is an event.

    spare : process that becomes the kernel; None starts one
    """
    import nbformat
    from nbclient.exceptions import DeadKernelError

    with without("pyarrow"):  # papermill would read notebooks from Hadoop with it
        from papermill.engines import NBClientEngine, papermill_engines
        from papermill.exceptions import PapermillExecutionError
        from papermill.execute import execute_notebook

    from companion.publish.kernel import NAME, kernel_manager

    manager = kernel_manager(job.env, job.connection, spare)
    state: dict[str, object] = {"number": None, "source": "", "notebook": None}

    class Engine(NBClientEngine):
        """papermill's own engine, which also says where it is."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
            """Execute as papermill does, with this interpreter and with events."""
            numbers, names, total = describe(nb_man.nb)
            begin = nb_man.cell_start

            def cell_start(cell, cell_index=None, **more):
                state.update(number=numbers[cell_index], source=cell.source, notebook=nb_man.nb)
                if cell.cell_type == "code":
                    number, name = numbers[cell_index], names[cell_index]
                    emit({"event": "cell", "number": number, "of": total, "name": name})
                begin(cell, cell_index, **more)

            nb_man.cell_start = cell_start
            super().execute_managed_notebook(
                nb_man, kernel_name, kernel_manager_class=manager, **kwargs
            )

    papermill_engines.register("companion", Engine)
    try:
        execute_notebook(
            job.notebook,
            job.output,
            parameters=job.parameters,
            engine_name="companion",
            kernel_name=NAME,
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            cwd=job.folder,
            start_timeout=120,
        )
    except PapermillExecutionError as error:
        emit(_failure(state, error.source, error.ename, error.evalue))
    except DeadKernelError:
        if state["notebook"] is not None:
            nbformat.write(state["notebook"], job.output)
        text = f"the kernel died: {cause(manager.status())}"
        emit(_failure(state, str(state["source"]), "DeadKernel", text))
    except Exception as error:
        emit(_failure(state, str(state["source"]), type(error).__name__, str(error)))
    else:
        emit({"event": "done"})


def describe(notebook) -> tuple[list[int], list[str], int]:
    """Per cell: its number in the notebook's source (from 1) and the heading above it; the count.

    papermill adds a cell with the parameters; it is not counted and carries the number of the cell
    before it.
    """
    numbers, names, heading, number = [], [], "", 0
    for cell in notebook.cells:
        if "injected-parameters" not in cell.metadata.get("tags", []):
            number += 1
        if cell.cell_type == "markdown":
            titles = [line for line in cell.source.splitlines() if line.startswith("#")]
            heading = titles[-1].lstrip("# ") if titles else heading
        numbers.append(number)
        names.append(heading)
    return numbers, names, number


def _failure(state: Mapping[str, object], source: str, name: str, message: str) -> dict:
    head = "\n".join(source.strip().splitlines()[:SOURCE_LINES])
    return {
        "event": "failed",
        "cell": state["number"],
        "source": head,
        "error": name,
        "message": message,
    }


def _leave_with_parent(family: Family) -> None:
    """Wait for the end of standard input, then end this process and its kernel."""
    while sys.stdin.buffer.read(4096):
        pass
    family.end()
    os._exit(1)


def main(spare: Spare | None = None) -> None:
    """Read the job from standard input and run it; `spare` as for :func:`execute`."""
    if not (line := sys.stdin.buffer.readline()):
        os._exit(1)  # whoever wanted it is gone
    job = Job(**json.loads(line))
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else writes to standard output goes to standard error
    lock = threading.Lock()
    family = Family(os.environ.get(MARK, ""), os.getpid())

    def emit(event: Mapping[str, object]) -> None:
        family.remember()
        with lock:
            events.write(json.dumps(event) + "\n")
            events.flush()

    threading.Thread(target=_leave_with_parent, args=(family,), daemon=True).start()
    execute(job, emit, spare)
    family.end()
    os._exit(0)


if __name__ == "__main__":
    main()
