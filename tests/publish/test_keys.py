"""What makes a chapter run again, and what does not."""

import os

import pytest

from companion import data, publish
from companion.data import _registry
from companion.data._fetch import cache_folder
from companion.papers import paper
from companion.publish import clean, keys, store
from tests.publish import tiny


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def parts(book, slug="alpha", scale="toy", seed=None, settings=None, env=None):
    return keys.ingredients(paper(slug, book), scale, seed, settings, book, env or {})


def key(book, *args, **kwargs):
    return keys.key(parts(book, *args, **kwargs))


CASES = [
    # file, old, new, does alpha run again, does beta
    ("companion/common.py", "return 1", "return 3", True, True),
    ("companion/__init__.py", "", "x = 1\n", True, True),
    ("companion/unused.py", "return 2", "return 3", False, False),
    ("companion/alpha/__init__.py", "seed +", "2 * seed +", True, False),
    ("notebooks/01-alpha.ipynb", "value(SEED)", "value(SEED + 1)", True, False),
    ("notebooks/01-alpha.ipynb", "## The figure", "## The picture", False, False),
    ("notebooks/01-alpha.ipynb", "drawn as a line", "as a line", False, False),
    ("companion/papers.toml", "Is alpha what", "Is alpha really what", True, False),
    ("book/notation.md", "Text", "Words", False, False),
]


@pytest.mark.parametrize(("file", "old", "new", "alpha", "beta"), CASES)
def test_what_a_run_depends_on(book, file, old, new, alpha, beta):
    before = key(book, "alpha"), key(book, "beta")
    edit(book.root / file, old, new)
    after = key(book, "alpha"), key(book, "beta")
    assert (before[0] != after[0], before[1] != after[1]) == (alpha, beta)


def test_files_beside_the_code_count_too(book):
    before = key(book)
    (book.package / "alpha" / "table.csv").write_text("1,2\n")
    with_table = key(book)
    (book.package / "alpha" / "table.csv").write_text("1,3\n")
    (book.package / "alpha" / "deep").mkdir()
    assert len({before, with_table, key(book)}) == 3
    cache = book.package / "alpha" / "__pycache__"
    cache.mkdir()
    now = key(book)
    (cache / "x.pyc").write_bytes(b"x")
    assert key(book) == now


def test_the_published_record_counts_where_pages_are_made_from(book):
    before = key(book), key(book, "beta"), key(book, scale="book")
    book.records.mkdir()
    (book.records / "alpha.json").write_text(tiny.record("alpha"))
    after = key(book), key(book, "beta"), key(book, scale="book")
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True, True]


def test_records_of_other_chapters_do_not_count(book):
    book.records.mkdir()
    (book.records / "__init__.py").write_text("")
    (book.records / "schema.json").write_text("{}")
    edit(
        book.package / "alpha" / "__init__.py",
        "import one",
        "import one\nfrom companion import records",
    )
    before = key(book)
    (book.records / "beta.json").write_text(tiny.record("beta"))
    assert key(book) == before
    (book.records / "schema.json").write_text('{"type": "object"}')
    assert key(book) != before


def test_scale_seed_settings_and_device_count(book):
    variants = [
        key(book),
        key(book, scale="book"),
        key(book, seed=0),
        key(book, seed=1),
        key(book, settings={"width": 1}),
        key(book, settings={"width": 2}),
        key(book, env={"COMPANION_DEVICE": "cuda"}),
    ]
    assert len(set(variants)) == len(variants)
    assert key(book, settings={"a": 1, "b": 2}) == key(book, settings={"b": 2, "a": 1})
    assert key(book, settings={}) == key(book)
    assert key(book, env={"HOME": "elsewhere"}) == key(book)


def test_the_place_of_the_checkout_does_not_count(tmp_path):
    one, two = tiny.make(tmp_path / "one"), tiny.make(tmp_path / "two" / "deeper")
    assert key(one) == key(two)


def test_versions_count(book, monkeypatch):
    before = key(book)
    monkeypatch.setattr(keys, "_version", lambda name: "0.0")
    assert key(book) != before
    assert parts(book)["library papermill"] == "0.0"


def test_the_libraries_that_a_chapter_imports_count(book):
    assert "library lmfit" not in parts(book)
    edit(book.package / "common.py", "return 1", "import lmfit\n\n    return 1")
    assert "library lmfit" in parts(book)


def test_data_count_by_what_is_there(tmp_path):
    name = next(name for name, entry in data.registry().items() if not entry.ships)
    book = tiny.make(tmp_path / "book", data=f'"{name}"')
    mirror = tmp_path / "mirror"
    file = mirror / name
    file.parent.mkdir(parents=True)
    nowhere = {"COMPANION_CACHE": str(tmp_path / "empty")}
    there = {**nowhere, "COMPANION_DATA": str(mirror)}
    unset = key(book, env=nowhere)
    empty = key(book, env=there)
    file.write_text("one")
    one = key(book, env=there)
    file.write_text("two")
    two = key(book, env=there)
    assert len({unset, one, two}) == 3
    assert empty == unset  # a mirror that lacks the file changes nothing
    assert parts(book, env=nowhere)[f"data {name}"] == "not there"
    assert key(book, env=nowhere) == unset


def test_where_a_file_is_found_does_not_count(tmp_path):
    name = next(name for name, entry in data.registry().items() if not entry.ships)
    book = tiny.make(tmp_path / "book", data=f'"{name}"')
    cached = cache_folder({"COMPANION_CACHE": str(tmp_path)}) / data.registry()[name].asset
    mirrored = tmp_path / "mirror" / name
    for file in (cached, mirrored):
        file.parent.mkdir(parents=True)
        file.write_text("one")
    nowhere = {"COMPANION_CACHE": str(tmp_path / "empty")}
    in_cache = {"COMPANION_CACHE": str(tmp_path)}
    in_mirror = {**nowhere, "COMPANION_DATA": str(tmp_path / "mirror")}
    assert key(book, env=in_cache) == key(book, env=in_mirror) != key(book, env=nowhere)


def test_of_data_that_ship_the_copy_that_is_found_counts(tmp_path, monkeypatch):
    name = next(name for name, entry in data.registry().items() if entry.ships)
    book = tiny.make(tmp_path / "book", data=f'"{name}"')
    other = tmp_path / "mirror" / name
    other.parent.mkdir(parents=True)
    other.write_text("another file of this name")
    nowhere = {"COMPANION_CACHE": str(tmp_path / "empty")}
    there = {**nowhere, "COMPANION_DATA": str(tmp_path / "mirror")}
    assert key(book, env=there) == key(book, env=nowhere)  # the package's own is taken
    before = parts(book, env=there)
    monkeypatch.setattr(_registry, "FILES", tmp_path / "package")
    after = parts(book, env=there)
    assert keys.difference(before, after) == [f"data {name}"]


def test_looking_at_data_leaves_the_environment_as_it_was(tmp_path):
    book = tiny.make(tmp_path / "book", data=f'"{next(iter(data.registry()))}"')
    before = dict(os.environ)
    parts(book, env={"COMPANION_DATA": str(tmp_path)})
    assert dict(os.environ) == before


def test_differences_are_named(book):
    old = parts(book)
    edit(book.package / "common.py", "return 1", "return 3")
    edit(book.notebooks / "01-alpha.ipynb", "value(SEED)", "value(SEED + 1)")
    names = keys.difference(old, parts(book))
    assert names == ["code cells", "companion/common.py"]
    assert keys.sources([*names, "data a/b", "library numpy", "$COMPANION_DATA"]) == names


def test_the_store_finds_keeps_and_forgets(book, tmp_path):
    def wanted(seed):
        return store.plan(paper("alpha", book), "toy", seed, None, book, {})

    assert store.find(wanted(0)) is None
    assert store.changed(wanted(0)) == []
    for seed in range(store.KEPT + 2):
        output = tmp_path / "executed.ipynb"
        output.write_text(f"run {seed}")
        run = store.keep(wanted(seed), output, 3.456)
        os.utime(run.path, (seed, seed))
        assert not output.exists()
    assert store.find(wanted(0)) is None
    newest = store.find(wanted(store.KEPT + 1))
    assert newest.cached
    assert newest.wall_s == 3.46
    assert len(list(newest.path.parent.glob("*.ipynb"))) == store.KEPT
    assert len(list(newest.path.parent.glob("*.json"))) == store.KEPT
    assert store.changed(wanted(99)) == ["seed"]
    assert store.last_duration(wanted(99)) == 3.46


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def _alter(path):
    path.write_bytes(path.read_bytes()[:-1] + b"X")


DAMAGE = {
    "truncated": _truncate,
    "other content of the same size": _alter,
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "no note": lambda path: path.with_suffix(".json").unlink(),
    "a cut note": lambda path: path.with_suffix(".json").write_text('{"wall_s": 1'),
    "a note of another kind": lambda path: path.with_suffix(".json").write_text("[1, 2]"),
    "a note without a hash": lambda path: path.with_suffix(".json").write_text('{"wall_s": "x"}'),
    "bytes that are no text": lambda path: path.with_suffix(".json").write_bytes(b"\xff\x00"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_run_counts_as_absent(book, tmp_path, how):
    wanted = store.plan(paper("alpha", book), "toy", 0, None, book, {})
    output = tmp_path / "executed.ipynb"
    output.write_text("an executed notebook")
    path = store.keep(wanted, output, 2.0).path
    assert store.find(wanted).path == path
    DAMAGE[how](path)
    assert store.find(wanted) is None
    assert store.changed(wanted) == []
    assert store.last_duration(wanted) in (2.0, 60.0)
    output.write_text("an executed notebook")
    store.keep(wanted, output, 2.0)
    assert store.find(wanted).cached


def test_what_is_kept_is_on_the_disk_first(book, tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, real=real, name=name: done.append(name) or real(*a)
        )
    output = tmp_path / "executed.ipynb"
    output.write_text("run")
    store.keep(store.plan(paper("alpha", book), "toy", 0, None, book, {}), output, 1.0)
    assert done == ["fsync", "fsync", "replace", "replace"]


def test_the_type_of_the_record_is_the_records_own():
    from companion import records

    assert clean.RECORD == records.MIME


def test_the_public_names_are_there():
    names = {"build", "build_site", "record", "run", "run_many", "stage", "NotebookFailed"}
    assert names <= set(dir(publish))
