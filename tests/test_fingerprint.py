"""Digest by definition, on a small package that is written for the purpose."""

from __future__ import annotations

import ast
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from companion import fingerprint
from companion.papers import chapters
from companion.project import Project

FILES = {
    "companion/__init__.py": '"""Package."""\n',
    "companion/stats.py": """
from companion.scale import LEVEL


def mean(values):
    return sum(values) / len(values)


def interval(values, level=LEVEL):
    \"\"\"Documented.\"\"\"
    return mean(values), level


def unused():
    return 0
""",
    "companion/scale.py": "LEVEL = 0.95\n",
    "companion/records.py": "def emit(slug, series):\n    return slug, series\n",
    "companion/demo/__init__.py": "from companion.demo.lab import measure as measure\n",
    "companion/demo/lab.py": """
from dataclasses import dataclass

from companion import stats
from companion.data import fetch

FOLDER = "demo"
STEPS = {"toy": 1, "book": 10}


@dataclass
class World:
    n: int = 3

    def law(self):
        mean = self.n  # hides nothing: the method below names the module's function
        return mean

    def even(self):
        return odd(self)


def odd(world: World) -> float:
    return even(world) + 1


def even(world):
    return odd(world) if world.n else 0


def measure(seed, scale="book"):
    path = fetch(f"{FOLDER}/table.csv")
    return stats.interval([World(seed).law(), even(World(0)), STEPS[scale], path])


def drawn_only(x):
    return x + 1
""",
    "companion/demo/figures.py": "def draw(x):\n    return x\n",
    "companion/data/__init__.py": "def fetch(name):\n    return name\n",
    "companion/data/registry.toml": '["demo/table.csv"]\nsha256 = "aa"\n',
}

CELLS = {
    "imports": "import companion.demo as demo\nfrom companion import records\n%matplotlib inline",
    "run": "found = demo.measure(SEED)\nfound",
    "figure": "from companion.demo import figures\nfigures.draw(found)",
    "extra": "from companion.demo.lab import drawn_only\nshown = drawn_only(found)",
    "rows": "rows = []\nfor one in found:\n    rows.append(one)\nlen(rows)",
    "emit": "records.emit('demo', series={'found': found, 'rows': rows})",
}


def write(root: Path, changes: dict[str, str] | None = None, cells: dict | None = None) -> Path:
    for name, text in {**FILES, **(changes or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text, encoding="utf-8")
    made = [
        {"cell_type": "code", "source": "X = 1\n", "metadata": {"tags": ["setup"]}},
        {"cell_type": "markdown", "source": "Prose.", "metadata": {}},
        *(
            {"cell_type": "code", "source": text, "metadata": {}}
            for text in {**CELLS, **(cells or {})}.values()
        ),
    ]
    (root / "demo.ipynb").write_text(json.dumps({"cells": made}), encoding="utf-8")
    return root


@pytest.fixture
def compare(tmp_path):
    """How the digest differs after an edit."""
    before = fingerprint.chapter(write(tmp_path / "a"), tmp_path / "a" / "demo.ipynb", "book")

    def compare(changes=None, cells=None, edit=None):
        files = dict(changes or {})
        if edit:
            name, old, new = edit
            assert old in FILES[name]
            files[name] = FILES[name].replace(old, new)
        root = write(tmp_path / "b", files, cells)
        after = fingerprint.chapter(root, root / "demo.ipynb", "book")
        same = after.digest == before.digest
        return same, fingerprint.changes(before.definitions, after.definitions)

    return compare


LAB = "companion/demo/lab.py"


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (("companion/scale.py", "0.95", "0.9"), {"LEVEL"}),
        (("companion/stats.py", "level=LEVEL", "level=0.9"), {"interval"}),
        (("companion/stats.py", "/ len(values)", "/ (len(values) - 1)"), {"mean"}),
        ((LAB, "n: int = 3", "n: int = 4"), {"World"}),
        ((LAB, "odd(self)", "measure(self)"), {"World"}),
        ((LAB, "if world.n", "if not world.n"), {"even"}),
        ((LAB, '"book": 10', '"book": 11'), {"STEPS"}),
        ((LAB, "stats.interval(", "stats.unused("), {"measure"}),
        (("companion/data/registry.toml", "aa", "bb"), {"data: demo/table.csv"}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_number_depends_on_changes_the_digest_and_is_named(compare, edit, named):
    same, changes = compare(edit=edit)
    assert not same
    assert set(changes.changed) == named


@pytest.mark.parametrize(
    ("edit", "cells"),
    [
        (("companion/stats.py", "Documented.", "Better words."), None),
        ((LAB, "world: World) -> float", "world: int) -> None"), None),
        ((LAB, "n: int = 3", "n: float = 3"), None),
        ((LAB, "x + 1", "x + 2"), None),
        ((LAB, '"toy": 1', '"toy": 2'), None),
        (("companion/stats.py", "return 0", "return 1"), None),
        (("companion/demo/figures.py", "return x", "return -x"), None),
        (("companion/records.py", "slug, series\n", "series, slug\n"), None),
        (("companion/data/__init__.py", "return name", "return name, 1"), None),
        (None, {"figure": "from companion.demo import figures\nfigures.draw(found, 2)"}),
        (None, {"run": "found = demo.measure(SEED)\nfound.T"}),
        (None, {"imports": CELLS["imports"] + "\n%time 1"}),
        (None, {"extra": ""}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_no_number_depends_on_does_not_count(compare, edit, cells):
    same, changes = compare(edit=edit, cells=cells)
    assert same, changes


@pytest.mark.parametrize(
    "cells",
    [
        {"run": "found = demo.measure(SEED + 1)"},
        {"rows": CELLS["rows"].replace("append(one)", "append(-one)")},
        {"rows": CELLS["rows"] + "\nrows[0] = 1"},
        {"rows": CELLS["rows"].replace("len(rows)", "rows.sort()")},
        {"emit": "records.emit('demo', series={'found': rows, 'rows': rows})"},
    ],
    ids=lambda value: str(value)[-30:],
)
def test_the_statements_that_make_the_record_count(compare, cells):
    same, changes = compare(cells=cells)
    assert not same
    assert all(name.startswith("notebook: ") for name in changes.changed)
    assert changes.changed


SIZED = """
from companion.scale import sized as at


class Settings:
    steps: int = at(toy=1, book=10, least=1)  # comment
    both: int = at(3, paper=4)


PRESETS = Settings()
"""


@pytest.mark.parametrize(
    ("old", "new", "counts_at"),
    [
        ("toy=1", "toy=2", {"toy", None}),
        ("book=10", "book=11", {"book", "paper", None}),  # paper is as book
        ("at(3", "at(5", {"toy", "book", None}),
        ("paper=4", "paper=5", {"paper", None}),
        ("comment", "better", set()),
        ("least=1", "least=0", {None}),
    ],
)
def test_of_a_setting_only_the_value_at_the_scale_counts(tmp_path, old, new, counts_at):
    """Without a scale every value does."""
    found = {}
    for name, text in (("a", SIZED), ("b", SIZED.replace(old, new))):
        own = FILES["companion/scale.py"] + "def sized(*a, **b):\n    return a\n"
        files = {"companion/demo/settings.py": text, "companion/scale.py": own}
        root = write(tmp_path / name, files)
        for scale in (*fingerprint.SCALES, None):
            sources = fingerprint.Sources(root, scale)
            key = ("companion.demo.settings", "PRESETS")
            found.setdefault(scale, []).append(sources.digest(key))
    differ = {scale for scale, (before, after) in found.items() if before != after}
    assert differ == counts_at


VERDICT = """
from companion.demo.lab import drawn_only
from companion.stats import unused
from companion.verdicts import Verdicts, above

verdicts = Verdicts()


@verdicts.claim("C1", region=above(1.0))
def growth(found):
    \"\"\"Words.\"\"\"
    return shared(found, 1)


@verdicts.claim("C2", region=above(3.0))
def width(found):
    return drawn_only(found)


def shared(found, n):
    return found[n]


def series(found):
    return unused()
"""


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("above(3.0)", "above(2.0)", True),
        ("shared(found, 1)", "shared(found, 2)", True),
        ("return found[n]", "return found[n + 1]", True),
        ("drawn_only(found)", "drawn_only(-found)", True),
        ("return low", "return -low", True),  # in the registry itself
        ("Words", "Other words", False),
        ("unused()", "unused() + 1", False),  # no verdict depends on it
    ],
)
def test_claims_that_a_registry_collects_count_with_their_measurements(tmp_path, old, new, counts):
    registry = """
class Verdicts:
    def claim(self, id, region):
        return lambda function: function

    def evaluate(self, found, scale):
        return found


def above(low):
    return low
"""
    cells = {
        "extra": "from companion.demo.verdict import verdicts\nsaid = verdicts.evaluate(found, 1)",
        "emit": "records.emit('demo', series={'said': said})",
    }
    found = []
    for name, change in (("a", str), ("b", lambda text: text.replace(old, new))):
        files = {"companion/demo/verdict.py": VERDICT, "companion/verdicts.py": registry}
        root = write(tmp_path / name, {at: change(text) for at, text in files.items()}, cells)
        found.append(fingerprint.chapter(root, root / "demo.ipynb", "book").digest)
    assert old in VERDICT + registry
    assert (found[0] != found[1]) == counts


def test_a_chapter_may_begin_to_keep_its_results(tmp_path):
    presets = {
        "companion/demo/settings.py": 'PRESETS = {"toy": 1, "book": 2}\n',
        "companion/scale.py": FILES["companion/scale.py"]
        + "def settings_for(a, b, c):\n    return a[b]\n",
    }
    forms = {
        "plain": (
            "from companion.demo.settings import PRESETS\n"
            "from companion.scale import settings_for\n"
            "settings = settings_for(PRESETS, SCALE, SETTINGS)",
            "found = data.attempt(demo.measure, settings, SEED)",
        ),
        "kept": (
            "from companion import chapter\n"
            "run = chapter.begin(SLUG, SCALE, SEED, SETTINGS)\nsettings = run.settings\nrun",
            "found = run.step(demo.measure, settings, run.seed, keep=False)\nrun.log",
        ),
    }
    digests = {}
    for name, (begin, step) in forms.items():
        cells = {"imports": f"{CELLS['imports']}\n{begin}".replace("%matplotlib inline", "")}
        root = write(tmp_path / name, presets, {**cells, "run": step})
        found = fingerprint.chapter(root, root / "demo.ipynb", "book", "companion.demo")
        assert "PRESETS" in found.definitions
        digests[name] = found
    assert digests["plain"].digest == digests["kept"].digest
    assert digests["plain"].definitions == digests["kept"].definitions


def test_drawing_from_a_generator_counts_for_the_next_draw(tmp_path):
    cells = {
        "imports": "from companion import records\nfrom numpy.random import default_rng",
        "run": "rng = default_rng(0)\nfound = rng.random()",
        "figure": "shown = rng.random()",
        "extra": "",
        "rows": "rows = rng.random()",
    }
    digests = []
    for root, shown in (("a", cells["figure"]), ("b", "shown = rng.random(2)")):
        write(tmp_path / root, None, cells | {"figure": shown})
        digests.append(fingerprint.chapter(tmp_path / root, tmp_path / root / "demo.ipynb").digest)
    assert digests[0] != digests[1]


def test_a_move_and_a_rename_change_nothing(compare):
    lab = FILES[LAB]
    moved = {
        LAB: None,
        "companion/statistics.py": FILES["companion/stats.py"].replace("mean", "average"),
        "companion/stats.py": None,
        "companion/demo/lab/__init__.py": "",
        "companion/demo/lab/run.py": lab.replace("import stats", "import statistics as st")
        .replace("stats.interval", "st.interval")
        .replace("STEPS", "N_STEPS"),
        "companion/demo/__init__.py": "from companion.demo.lab.run import measure as observe\n",
    }
    same, _ = compare(moved, {"run": "found = demo.observe(SEED)", "extra": ""})
    assert same


def test_a_module_that_its_package_takes_in_is_followed(tmp_path):
    taken = {
        "companion/demo/__init__.py": "from companion.demo import lab as lab\n",
        "companion/demo/use.py": "from companion.demo import lab\n\n\ndef use(seed):\n"
        "    return lab.measure(seed)\n",
    }
    run = {"run": "from companion.demo.use import use\nfound = use(SEED)"}
    made = []
    for folder, text in (("a", FILES[LAB]), ("b", FILES[LAB].replace("+ 1", "+ 2", 1))):
        root = write(tmp_path / folder, taken | {LAB: text}, run)
        made.append(fingerprint.chapter(root, root / "demo.ipynb"))
    assert {"use", "measure", "odd"} <= made[0].definitions.keys()
    assert fingerprint.changes(made[0].definitions, made[1].definitions).changed == ("odd",)


def test_two_equal_helpers_become_one(compare):
    lab = FILES[LAB] + "\n\ndef mean(values):\n    return sum(values) / len(values)\n"
    own = lab.replace("stats.interval([", "mean([")
    root = "companion/demo/lab.py"
    _, first = compare({root: own})
    _, second = compare({root: own.replace("= mean([", "= stats.mean([")})
    assert first == second


def test_a_circle_ends_and_its_members_are_told_apart():
    tree = {"a": "bc", "b": "a", "c": "cd", "d": ""}
    found = list(fingerprint._circles(("m", "a"), lambda k: [("m", n) for n in tree[k[1]]], {}))
    assert [{name for _, name in one} for one in found] == [{"d"}, {"c"}, {"a", "b"}]


def test_a_local_name_hides_a_definition_only_where_python_says_so(tmp_path):
    source = """
def helper():
    return 1


class Holder:
    helper = 2

    def local(self, helper):
        return helper

    def named(self):
        return helper()


def comprehension(rows):
    return [helper for helper in rows], (lambda helper: helper)


def inner():
    helper = 3
    return helper
"""
    write(tmp_path, {"companion/demo/lab.py": source})
    found = fingerprint.Sources(tmp_path)
    uses = {
        name: found.definition(("companion.demo.lab", name)).uses
        for name in ("Holder", "comprehension", "inner")
    }
    helper = ("companion.demo.lab", "helper")
    assert uses == {"Holder": (helper,), "comprehension": (), "inner": ()}


SOURCE = '''
@cache
def f(a: int, /, b=1, *c, d: "str" = "é", **e) -> float:
    """Docstring."""
    x: dict[str, int] = {}
    y: int
    """About y."""
    with open(a) as g, h:
        pass
    return f"{a!r:>{b}}" "tail" f"" f"{{x}}", -1e400, 0x10, ..., b"x", None, u"z"


class C[T](B, metaclass=M):
    n: int = 3
'''
CANONICAL = (
    "[FunctionDef(name=f,args=arguments(posonlyargs=[arg(arg='a')],args=[arg(arg='b')],"
    "vararg=arg(arg='c'),kwonlyargs=[arg(arg='d')],kw_defaults=[Constant('\\xe9')],"
    "kwarg=arg(arg='e'),defaults=[Constant(1)]),"
    "body=[AnnAssign(target=Name(x),value=Dict()),AnnAssign(target=Name(y)),"
    "With(items=[withitem(context_expr=Call(func=Name(open),args=[Name(a)]),"
    "optional_vars=Name(g)),withitem(context_expr=Name(h))],body=[Pass()]),"
    "Return(value=Tuple(elts=[JoinedStr(values=[FormattedValue(value=Name(a),conversion=114,"
    "format_spec=JoinedStr(values=[Constant('>'),FormattedValue(value=Name(b),conversion=-1)])),"
    "Constant('tail{x}')]),UnaryOp(op=USub(),operand=Constant(inf)),Constant(16),"
    "Constant(Ellipsis),Constant(b'x'),Constant(None),Constant('z')]))],"
    "decorator_list=[Name(cache)]),"
    "ClassDef(name=C,bases=[Name(B)],keywords=[keyword(arg='metaclass',value=Name(M))],"
    "body=[AnnAssign(target=Name(n),value=Constant(3))])]"
)
"""Frozen: whoever changes it makes every record stale."""

FROZEN = "a027617b305a6d35128df54403ce88bbe8df235d6df24d6f115e6f0d5151196d"
"""Digest of the made package's record, frozen."""


def old(source: str) -> str:
    """Python 3.11 has no type parameters; they do not count."""
    return source if sys.version_info >= (3, 12) else source.replace("C[T](", "C(")


def test_the_canonical_form_is_frozen():
    assert fingerprint.canonical(ast.parse(old(SOURCE)).body) == CANONICAL


def others() -> dict[str, str]:
    """Other Pythons on this machine that the book supports: version -> executable."""
    found = {}
    for minor in (11, 12, 13, 14):
        name = f"3.{minor}"
        pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
        places = [*map(str, sorted(pyenv.glob(f"{name}.*/bin/python"), reverse=True))]
        places += filter(None, [shutil.which(f"python{name}")])
        if minor != sys.version_info.minor:
            working = next((place for place in places if works(place, name)), None)
            found |= {name: working} if working else {}
    return found


def works(python: str, version: str) -> bool:
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except OSError:
        return False
    return done.stdout.strip() == version


SCRIPT = """
import gc, json, sys
from pathlib import Path
from companion import fingerprint
gc.disable()  # all that is made here stays
made = Path(sys.argv[1])
root = Path(sys.argv[2])
texts = {"made": fingerprint.chapter(made, made / "demo.ipynb", "book").digest}
for path in sorted((root / "notebooks").glob("*.ipynb")):
    texts[path.stem] = fingerprint.chapter(root, path, "book").digest
print(json.dumps(texts))
"""


def test_the_digest_of_the_made_package_is_frozen(tmp_path):
    write(tmp_path)
    assert fingerprint.chapter(tmp_path, tmp_path / "demo.ipynb", "book").digest == FROZEN


@functools.cache
def of_the_book():
    """What the record of each chapter depends on: name of its notebook -> the chapter."""
    root = Project().root
    return {
        entry.notebook: fingerprint.chapter(root, entry.notebook_path(), "book")
        for entry in chapters()
    }


def test_digests_are_equal_under_every_python_here(tmp_path):
    pythons = others()
    if not pythons:
        pytest.skip("no second Python on this machine; the frozen digests are all that is tested")
    write(tmp_path)
    root = Project().root
    here = {"made": FROZEN} | {name: one.digest for name, one in of_the_book().items()}
    for version, python in pythons.items():
        done = subprocess.run(
            [python, "-c", SCRIPT, str(tmp_path), str(root)],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert json.loads(done.stdout) == here, version


def test_no_record_depends_on_what_only_draws():
    drawing = ("figures", "explorers", "exercises", "listing", "plotting", "explore", "exercises")
    for name, one in of_the_book().items():
        modules = {part for place in one.places.values() for part in place.split(", ")}
        assert not {m for m in modules if set(m.split(".")) & set(drawing)}, name


def test_the_digest_of_a_function():
    from companion import stats

    before = fingerprint.digest(stats.t_interval, {})
    assert before == fingerprint.digest(stats.t_interval, {"demo/other.csv": "aa"})
    assert before != fingerprint.digest(stats.paired, {})
    names = {n for _, n in fingerprint._installed().reached(fingerprint.key_of(stats.paired))}
    assert {"paired", "t_interval", "_sample", "Interval"} <= names


@pytest.mark.parametrize(
    "thing",
    [lambda: 1, json.dumps, others, 3],
    ids=["a lambda", "another package's", "a test's", "a number"],
)
def test_only_definitions_of_the_package_have_a_digest(thing):
    with pytest.raises(TypeError, match="not defined at the top of a module of companion"):
        fingerprint.digest(thing)


def test_the_data_files_that_a_function_names_count():
    from companion.model_ecosystem import sources as sample

    name = "model-ecosystem/hub_families_nodes.csv.gz"
    assert fingerprint.digest(sample.hub_sample, {name: "aa"}) != fingerprint.digest(
        sample.hub_sample, {name: "bb"}
    )
