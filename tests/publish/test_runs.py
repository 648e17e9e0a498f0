"""Notebooks run once per state; failures name their cell and spoil nothing else."""

import ast
import shutil
import sys

import nbformat
import pytest

from companion import publish
from companion.publish import batch, process
from companion.scale import n_cores
from tests.publish import tiny

BOTH = ["alpha", "beta"]


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_only_the_changed_chapter_runs(built, quick):
    assert [run.cached for run in publish.run_many(BOTH, project=built)] == [True, True]
    edit(built.package / "beta" / "__init__.py", "seed + one()", "seed + 2 * one()")
    runs = publish.run_many(BOTH, project=built)
    assert [(run.slug, run.cached) for run in runs] == [("alpha", True), ("beta", False)]
    assert tiny.ran(built) == ["beta toy"]
    edit(built.package / "beta" / "__init__.py", "seed + 2 * one()", "seed + one()")
    assert [run.cached for run in publish.run_many(BOTH, project=built)] == [True, True]
    assert tiny.ran(built) == []


def test_scale_seed_and_settings_reach_the_notebook(book, monkeypatch):
    run = publish.run("alpha", "book", 7, {"width": 3}, project=book)
    notebook = nbformat.read(run.path, as_version=4)
    results = [
        output.data["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "execute_result"
    ]
    assert results[0] == "8"
    injected = [
        c.source for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])
    ]
    assert 'SCALE = "book"' in injected[0]
    assert '{"width": 3}' in injected[0]
    assert tiny.ran(book) == ["alpha book"]
    assert publish.run("alpha", "book", 7, {"width": 3}, project=book).cached
    monkeypatch.setattr(process, "WORKER", tiny.QUICK)
    assert not publish.run("alpha", "book", 8, {"width": 3}, project=book).cached


def test_unknown_names_are_refused_and_nothing_is_written(book):
    with pytest.raises(ValueError, match="toy, book, paper"):
        publish.run("alpha", "huge", project=book)
    with pytest.raises(ValueError, match="alpha, beta"):
        publish.run("gamma", project=book)
    assert not book.build.exists()


def test_a_planned_chapter_cannot_run(book):
    (book.notebooks / "02-beta.ipynb").unlink()
    with pytest.raises(ValueError, match="planned"):
        publish.run("beta", project=book)


def test_a_failing_cell_is_named_and_the_other_chapter_is_kept(book, monkeypatch):
    content = tiny.cells("alpha")
    content.insert(5, tiny.code("numbers = []\nnumbers[3]"))
    tiny.write_notebook(book, 1, "alpha", content)
    with pytest.raises(publish.RunsFailed) as caught:
        publish.run_many(BOTH, project=book)
    assert caught.value.finished == ("beta",)
    (failure,) = caught.value.failures
    assert (failure.slug, failure.cell, failure.error) == ("alpha", 6, "IndexError")
    assert "numbers[3]" in failure.source
    assert "list index out of range" in failure.message
    for part in ("alpha", "cell 6", "numbers[3]", "IndexError", "beta"):
        assert part in str(caught.value)

    kept = nbformat.read(book.build / "failed" / "alpha.ipynb", as_version=4)
    assert any(o.output_type == "error" for c in kept.cells for o in c.get("outputs", []))
    assert not list((book.build / "runs").glob("alpha/**/*.ipynb"))
    assert publish.run("beta", project=book).cached

    monkeypatch.setattr(process, "WORKER", tiny.QUICK)
    tiny.write_notebook(book, 1, "alpha", tiny.cells("alpha"))
    assert not publish.run("alpha", project=book).cached
    assert not (book.build / "failed" / "alpha.ipynb").exists()


def test_a_single_run_raises_its_own_failure(book, quick):
    edit(book.package / "alpha" / "__init__.py", "seed + one()", "seed / 0")
    with pytest.raises(publish.NotebookFailed, match="ZeroDivisionError") as caught:
        publish.run("alpha", project=book)
    assert caught.value.cell == 4


def test_a_kernel_that_dies_is_a_failure_with_its_cell(book):
    content = [*tiny.cells("alpha"), tiny.code("import os\nos._exit(1)")]
    tiny.write_notebook(book, 1, "alpha", content)
    with pytest.raises(publish.NotebookFailed, match="kernel died") as caught:
        publish.run("alpha", project=book)
    assert caught.value.cell == 7
    assert "os._exit" in caught.value.source
    assert caught.value.path == book.build / "failed" / "alpha.ipynb"
    assert caught.value.path.is_file()


def test_kernels_are_this_interpreter_with_their_share_of_the_threads(book, monkeypatch):
    for name in batch.THREADS:  # the tests themselves have bounds
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IPYTHONDIR", "somewhere/else")
    monkeypatch.chdir(book.root)
    monkeypatch.setenv("COMPANION_DATA", "../mirror")  # as seen from here, not from the notebooks
    content = [
        *tiny.cells("alpha"),
        tiny.code(
            "import os, sys, companion\n"
            "[sys.executable, companion.__file__, os.environ['COMPANION_PUBLISH'],\n"
            " os.environ['OMP_NUM_THREADS'], os.environ['IPYTHONDIR'], os.getcwd(),\n"
            " os.environ['COMPANION_DATA']]"
        ),
    ]
    tiny.write_notebook(book, 1, "alpha", content)
    run = publish.run_many(BOTH, project=book, workers=2)[0]
    last = nbformat.read(run.path, as_version=4).cells[-1]
    shown = ast.literal_eval(last.outputs[0].data["text/plain"])
    executable, package, publishing, threads, profile, folder, mirror = shown
    assert executable == sys.executable
    assert package == str(book.package / "__init__.py")
    assert publishing == "1"
    assert int(threads) == max(1, n_cores() // 2)
    assert profile == str(book.build / "ipython")
    assert folder == str(book.notebooks)
    assert mirror == str(book.root.parent / "mirror")


def test_code_that_changes_during_a_run_gives_no_result(book, quick):
    edit_itself = (
        "from pathlib import Path\n"
        "path = Path('../companion/common.py')\n"
        "path.write_text(path.read_text() + '\\nmore = 1\\n');"
    )
    tiny.write_notebook(book, 1, "alpha", [*tiny.cells("alpha"), tiny.code(edit_itself)])
    with pytest.raises(publish.NotebookFailed, match=r"companion/common\.py changed") as caught:
        publish.run("alpha", project=book)
    assert caught.value.path == book.build / "failed" / "alpha.ipynb"
    assert not list((book.build / "runs").glob("**/*.ipynb"))


def test_a_damaged_result_is_made_again(built, quick):
    run = publish.run("alpha", project=built)
    assert run.cached
    run.path.write_bytes(run.path.read_bytes()[:1000])
    again = publish.run("alpha", project=built)
    assert not again.cached
    assert again.path == run.path
    assert nbformat.read(again.path, as_version=4).cells[-1].outputs
    assert tiny.ran(built) == ["alpha toy"]


@pytest.mark.parametrize(
    ("env", "share", "expected"),
    [
        ({}, 2, ["2"] * 5),
        ({"OMP_NUM_THREADS": "1"}, 2, ["1"] * 5),
        ({"OMP_NUM_THREADS": "8"}, 2, ["2"] * 5),
        ({"OMP_NUM_THREADS": "0"}, 2, ["1"] * 5),
        ({"OMP_NUM_THREADS": "2,1"}, 2, ["2"] * 5),
        ({"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "1"}, 4, ["3", "1", "3", "3", "3"]),
    ],
)
def test_the_user_s_number_of_threads_is_an_upper_bound(env, share, expected):
    assert list(batch.threads(env, share).values()) == expected


def test_a_full_disk_is_named(book, quick, monkeypatch):
    usage = shutil.disk_usage(book.root)
    monkeypatch.setattr(process.shutil, "disk_usage", lambda _: usage._replace(free=4096))
    edit(book.package / "alpha" / "__init__.py", "seed + one()", "seed / 0")
    with pytest.raises(publish.NotebookFailed, match=r"the disk is full: 0\.0 MB are free"):
        publish.run("alpha", project=book)


def test_a_seed_out_of_range_runs_nothing(book):
    with pytest.raises(ValueError, match="from 0 to 2147483647"):
        publish.run("alpha", seed=2**70, project=book)
    assert not book.build.exists()


def test_half_a_notebook_is_not_set_apart(book, tmp_path):
    """What a full disk cut off is no notebook that anybody could look at."""
    from companion.publish.batch import Batch

    batch = Batch.__new__(Batch)
    batch.project = book
    half, whole = tmp_path / "half.ipynb", tmp_path / "whole.ipynb"
    half.write_text('{"cells": [{"source": "x')
    whole.write_text('{"cells": []}')
    assert batch._set_apart("alpha", half) is None
    assert batch._set_apart("alpha", tmp_path / "none.ipynb") is None
    assert not half.exists()
    assert not (book.build / "failed").exists()
    assert batch._set_apart("alpha", whole).read_text() == '{"cells": []}'
