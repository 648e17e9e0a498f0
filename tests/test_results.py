"""Stored results: what comes back, what is refused, and what happens to a bad file."""

from __future__ import annotations

import ast
import enum
import errno
import importlib
import json
import math
import multiprocessing as mp
import os
import pickle
import subprocess
import sys
import types
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import companion
from companion import results
from companion.claims import Criterion
from companion.data import Missing
from companion.model_ecosystem.settings import PRESETS
from companion.papers import papers
from companion.stats import Interval, t_interval

TABLE = pd.DataFrame(
    {
        "a": [1, 2],
        "b": ["x", None],
        "c": pd.Categorical(["u", "v"]),
        "e": pd.array([1, None], "Int64"),
    },
    index=pd.MultiIndex.from_tuples([(1, "x"), (2, "y")], names=["k", "l"]),
)
POLAR = pl.DataFrame(
    {"a": [1, None], "b": [["x"], []], "c": pl.Series(["u", "v"], dtype=pl.Categorical)}
)


def there_and_back(value, folder):
    results.save(folder / "x.npz", value)
    return results.load(folder / "x.npz")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2**70,
        -0.0,
        "é",
        "\ud800",
        b"\0x",
        [1, (2, 3)],
        {(1, "a"): 2.0, 3: None},
        {"~": 1},
        {"b": 1, "a": 2},
        Missing("no license"),
        PRESETS["toy"],
        Interval(1.0, None, 2.0),
        Criterion("text", low=1.0),
        range(1, 9, 2),
        {3, 1},
        frozenset("ab"),
        types.MappingProxyType({"a": 1}),
        np.datetime64("2026-01-01"),
        np.complex64(1j),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_values_come_back(value, tmp_path):
    back = there_and_back(value, tmp_path)
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value)  # the sign of zero, the order of keys


def test_numbers_that_are_none_and_types_of_numpy(tmp_path):
    a, b, c, d, e = there_and_back(
        [math.nan, -math.inf, np.float32(0.1), np.float64("nan"), np.longdouble(1) / 3], tmp_path
    )
    assert math.isnan(a)
    assert b == -math.inf
    assert (type(c), type(d)) == (np.float32, np.float64)
    assert c == np.float32(0.1)
    assert math.isnan(d)
    assert e == np.longdouble(1) / 3


@pytest.mark.parametrize(
    "value",
    [
        np.arange(5)[::2],
        np.zeros((0, 3)),
        np.array(["a", "bb"]),
        np.array(3.5),
        np.arange(6.0).reshape(2, 3).T,
        np.array([(1, 2.0)], dtype=[("n", "i4"), ("x", "f8")]),
        np.array([[1, "a"], [None, (2,)]], dtype=object),
    ],
    ids=str,
)
def test_arrays(value, tmp_path):
    back = there_and_back(value, tmp_path)
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert (back == value).all()


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16", "float8_e4m3fn", "bool"])
def test_tensors(name, tmp_path):
    value = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).to(getattr(torch, name)).mT
    back = there_and_back(value, tmp_path)
    assert back.dtype == value.dtype
    assert torch.equal(back.float(), value.float())


def test_tables(tmp_path):
    value = {"frame": TABLE, "polars": POLAR, "series": TABLE["a"], "index": TABLE.columns}
    back = there_and_back(value, tmp_path)
    pd.testing.assert_frame_equal(back["frame"], TABLE)
    pd.testing.assert_series_equal(back["series"], TABLE["a"])
    assert list(back["index"]) == list(TABLE.columns)
    assert back["polars"].equals(POLAR)
    assert back["polars"].schema == POLAR.schema


@dataclass
class Elsewhere:
    x: int = 0


@pytest.mark.parametrize(
    "value",
    [
        torch.nn.Linear(2, 2),
        torch.nn.Parameter(torch.ones(1)),
        np.random.default_rng(0),
        (x for x in ""),
        lambda: 1,
        math,
        Path(),
        Elsewhere(),
        Elsewhere,
        OrderedDict(),
        np.ma.masked_array([1]),
        enum.Enum("E", "A").A,
        torch.eye(2).to_sparse(),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": [1, "x"]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_file_can_hold_is_refused_and_its_place_named(value, tmp_path):
    with pytest.raises(results.NotStorable, match=r"result\['here'\]\[0\]"):
        results.save(tmp_path / "x.npz", {"here": [value]})
    assert not list(tmp_path.iterdir())


def test_equal_values_give_equal_bytes():
    first = results.dump({"t": TABLE, "s": {3, 1, 2}}, {"key": "k"})
    assert first == results.dump({"t": TABLE.copy(), "s": {2, 3, 1}}, {"key": "k"})
    assert first != results.dump({"t": TABLE, "s": {3, 1}}, {"key": "k"})


def test_numpy_opens_the_file_and_equal_arrays_are_kept_once(tmp_path):
    results.save(tmp_path / "x.npz", [np.arange(3), np.arange(3), np.arange(4)])
    with np.load(tmp_path / "x.npz") as file:
        assert set(file.files) == {"tree.json", "0", "1"}
        assert (file["0"] == np.arange(3)).all()


def test_the_hash_of_an_input_is_its_values(monkeypatch):
    first, classes = results.content([TABLE, POLAR, Interval(1.0)])
    assert classes == {"companion.stats:Interval"}
    monkeypatch.setattr(pd, "__version__", "9.9")
    assert results.content([TABLE.copy(), POLAR.clone(), Interval(1.0)])[0] == first
    for other in (
        [TABLE.assign(a=[1, 3]), POLAR, Interval(1.0)],
        [TABLE, POLAR.with_columns(a=pl.lit(2)), Interval(1.0)],
        [TABLE, POLAR, Interval(2.0)],
    ):
        assert results.content(other)[0] != first
    arrays = np.zeros(3), np.ones(3)
    assert results.content(list(arrays))[0] != results.content(list(arrays[::-1]))[0]


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "companion.data:fetch",
        "companion.data._missing:os",
        "companion.x:Y",
        "subprocess:Popen",
        "companion.stats:np.lib",
        "companion..os:X",
        "companion.stats:Interval:X",
        "companion.data:Missing",
        "companion.results:NotStorable",
    ],
)
def test_only_data_classes_defined_in_companion_are_built(name):
    if name == "companion.data:Missing":  # imported there, defined elsewhere: found where it is
        assert results.find_class(name) is Missing
        return
    with pytest.raises(results.Damaged):
        results.find_class(name)


def forge(path, value, **files):
    head = {"format": results.FORMAT, "about": {}, "value": value}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tree.json", json.dumps(head))
        for name, data in files.items():
            file.writestr(f"{name}.npy", data)


class Trap:
    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_nothing_is_unpickled_and_no_code_runs(tmp_path):
    path = tmp_path / "x.npz"
    header = (
        np.lib.format.magic(1, 0)
        + b"v\0"
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    )
    forge(path, {"~": "array", "v": "a.npy"}, a=header.ljust(128) + pickle.dumps([Trap()]))
    with pytest.raises(results.Damaged):
        results.load(path)
    forge(path, {"~": "companion.claims:Criterion", "f": {"text": "no region"}})
    with pytest.raises(results.Damaged, match="has the fields text, low"):
        results.load(path)
    fields = {"text": "", "low": 2, "high": 1, "closed": False, "must_hold": False, "of": ""}
    forge(path, {"~": "companion.claims:Criterion", "f": fields})
    assert results.load(path).low == 2  # its own check would have refused
    forge(path, {"~": "os:system", "f": {"command": "true"}})
    with pytest.raises(results.Damaged, match="not a class of companion"):
        results.load(path)


def test_a_class_that_moved_is_found(tmp_path):
    path = tmp_path / "x.npz"
    fields = dict.fromkeys(("estimate", "low", "high", "p", "n"), 1)
    for name in ("companion.stats:Interval", "companion.statistics:Interval"):
        forge(path, {"~": name, "f": fields})
        assert results.load(path) == Interval(1, 1, 1, 1, 1)
    for name in ("model_ecosystem", "model_ecosystem.settings", "model_ecosystem.lab.run"):
        assert results.find_class(f"companion.{name}:Settings") is type(PRESETS["toy"])


def test_names_of_classes_say_the_chapter_and_not_the_module():
    assert results.content(PRESETS["toy"])[1] == {"companion.model_ecosystem:Settings"}
    assert results.content(Missing("gone"))[1] == {"companion.data:Missing"}


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """A chapter whose class lies in a room, beside pages that cannot be imported."""
    files = {
        "room/__init__.py": "",
        "room/lab/__init__.py": "",
        "room/lab/one.py": "import typing\n\n\nclass Pair(typing.NamedTuple):\n    x: int\n",
        "room/page/__init__.py": "raise ImportError('a page was imported')\n",
        "room/page/figures.py": "raise ImportError('a page was imported')\n",
    }

    def write(**more):
        for name, text in {**files, **more}.items():
            path = tmp_path / "companion" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        results._classes.cache_clear()
        return importlib.import_module("companion.room.lab.one")

    monkeypatch.setattr(results, "PACKAGE", tmp_path / "companion")
    monkeypatch.setattr(companion, "__path__", [*companion.__path__, str(tmp_path / "companion")])
    yield write
    for name in [name for name in sys.modules if name.startswith("companion.room")]:
        del sys.modules[name]
    results._classes.cache_clear()


def test_a_class_is_found_without_importing_pages(chapter):
    one = chapter()
    assert results.content(one.Pair(1))[1] == {"companion.room:Pair"}
    assert results.find_class("companion.room:Pair") is one.Pair
    assert results.find_class("companion.room.old_place:Pair") is one.Pair
    with pytest.raises(results.Damaged, match="no longer there"):
        results.find_class("companion.room:Other")


def test_two_classes_of_one_name_in_a_chapter_are_refused(chapter):
    one = chapter(**{"room/lab/two.py": "class Pair:\n    pass\n"})
    with pytest.raises(results.NotStorable, match=r"lab\.one and companion\.room\.lab\.two"):
        results.dump(one.Pair(1))
    with pytest.raises(results.Damaged, match=r"may be a class of companion\.room\.lab\.one or"):
        results.find_class("companion.room:Pair")


def test_no_chapter_has_two_data_classes_of_one_name():
    twice = []
    for entry in papers():
        found = {}
        for path in sorted(entry.package_path().rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, []).append(path.name)
        twice += [f"{entry.slug}: {name} in {at}" for name, at in found.items() if len(at) > 1]
    assert twice == []


def test_another_format_or_no_file(tmp_path):
    path = tmp_path / "x.npz"
    with pytest.raises(FileNotFoundError):
        results.load(path)
    forge(path, 1)
    assert results.load(path) == 1
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tree.json", json.dumps({"format": 2, "about": {}, "value": 1}))
    with pytest.raises(results.Damaged, match=r"x\.npz: format 2, this version reads 1"):
        results.load(path)
    with pytest.raises(ValueError, match="'value' or 'about'"):
        results.load(path, "both")


def test_every_flipped_bit_and_every_cut_is_seen_or_harmless(tmp_path):
    path = tmp_path / "x.npz"
    numbers, interval = np.arange(1000.0), Interval(1.0, 2.0, 3.0)
    results.save(path, {"a": numbers, "b": interval}, key="k")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    spoiled = [whole[:cut] for cut in range(0, len(whole), 61)]
    for at in rng.integers(0, len(whole), 300):
        data = bytearray(whole)
        data[at] ^= 1 << int(rng.integers(8))
        spoiled.append(bytes(data))
    refused = 0
    for data in spoiled:
        path.write_bytes(data)
        try:
            back = results.load(path)
        except results.Damaged:
            refused += 1
            continue
        assert back["b"] == interval
        assert (back["a"] == numbers).all()
    assert refused > 0.8 * len(spoiled)


def _write(path, k):
    for _ in range(100):
        results.save(path, {"a": np.full(20_000, float(k)), "k": k})


def test_two_writers_never_show_half_a_file(tmp_path):
    path = tmp_path / "x.npz"
    results.save(path, {"a": np.zeros(20_000), "k": 0})
    writers = [mp.get_context("fork").Process(target=_write, args=(path, k)) for k in (1, 2)]
    for one in writers:
        one.start()
    n_read = 0
    while any(one.is_alive() for one in writers) or n_read == 0:
        found = results.load(path)
        assert (found["a"] == found["k"]).all()
        n_read += 1
    assert [one.exitcode for one in writers] == [0, 0]
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    results.save(path, 1)

    def full(self, data):
        with self.open("wb") as stream:
            stream.write(data[:10])
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        results.save(path, 2)
    assert results.load(path) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_what_was_said_is_read_without_the_value(tmp_path):
    path = tmp_path / "x.npz"
    n_bytes = results.save(path, t_interval([1.0, 2.0, 4.0]), key="k", reads={"n": "h"})
    assert n_bytes == path.stat().st_size
    assert results.load(path, "about") == {"key": "k", "reads": {"n": "h"}}
    assert results.load(path) == t_interval([1.0, 2.0, 4.0])


def test_halves_of_files_go_when_their_writer_is_gone(tmp_path):
    """The id of the process counts, and not that of the thread, which stands behind it."""
    thread = 140_345_678_901_234
    mine = tmp_path / f".step-1.npz.{os.getpid()}.{thread}"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    theirs = [tmp_path / f".step-1.npz.{dead.pid}.{thread}", tmp_path / f".old.npz.{dead.pid}"]
    for part in (mine, *theirs):
        part.write_bytes(b"half")
    results.forget_parts(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]
