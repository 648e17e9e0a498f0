"""Nothing that comes from elsewhere is run: no pickle, no eval, no code of a repository.

Read from the syntax of every module, so that a new line is seen before anybody runs it.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from companion import data
from companion.project import PACKAGE, Project

MODULES = {
    "_pickle",
    "cPickle",
    "cloudpickle",
    "code",
    "codeop",
    "dill",
    "imp",
    "jsonpickle",
    "marshal",
    "pickle",
    "pty",
    "runpy",
    "shelve",
}
CALLS = {
    "__import__",
    "breakpoint",
    "builtins.compile",
    "builtins.eval",
    "builtins.exec",
    "compile",
    "eval",
    "exec",
    "execfile",
    "importlib.reload",
    "joblib.dump",
    "joblib.load",
    "numexpr.evaluate",
    "os.popen",
    "os.startfile",
    "os.system",
    "pandas.eval",
    "pandas.read_pickle",
    "shutil.unpack_archive",
    "torch.hub.load",
    "torch.jit.load",
    "torch.load",
    "torch.package.PackageImporter",
    "torch.save",
    "urllib.request.urlretrieve",
    "yaml.dump_all",
    "yaml.full_load",
    "yaml.full_load_all",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.unsafe_load_all",
}
"""By their full names; what a module calls them is followed to its imports."""

METHODS = {"extractall": "unpacks wherever an archive says", "to_pickle": "pickles"}
"""Whatever has the method."""

ARRAYS = {"numpy.load", "numpy.save", "numpy.lib.format.read_array", "numpy.lib.format.write_array"}
"""Each of them says that it takes no pickle, by name: the default was another one before."""
ONE_PLACE = {"joblib": "sweep.py", "set_num_threads": "scale.py", "threadpool_limits": "scale.py"}
"""What only one module may use: the others ask it."""

WITH_COMMIT = {
    "mamba3/hub.py",
    "model_ecosystem/hub.py",
    "model_ecosystem/settings.py",
    "tart/hub.py",
}
"""Modules with addresses of the Hub; tests of the chapters say that the commit is put into them."""

READERS = {"hf_hub_download", "snapshot_download", "list_repo_files", "load_dataset"}
TOKENIZER = "Tokenizer"

HANDED_ON = {"encoder.py", "models.py", "next_token_concepts/hub.py"}
"""Modules that make one mapping of revision and trust, and give it to both calls as ``**``."""

KNOWN: dict[str, set[str]] = {
    "mamba3/hub.py": {"calls torch.load with weights_only=True", "calls torch.save"}
}
"""Module -> rules that it breaks today: a release without safetensors, which is read as weights
only, and its stand-in, which is written.  May only shrink."""


def broken(source: str, name: str) -> Iterator[tuple[str, int]]:
    """(rule, line) of what a module does that no module may do."""
    tree = ast.parse(source)
    imported = dict(full_names(tree))
    for node in ast.walk(tree):
        names, imports = [], isinstance(node, ast.Import)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").partition(".")[0] in MODULES:
                yield f"takes in {node.module}", node.lineno
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.Name):
            names = [node.id]
        for one in names:
            root = one.partition(".")[0]
            if imports and root in MODULES:
                yield f"takes in {root}", node.lineno
            if root in ONE_PLACE and name != ONE_PLACE[root]:
                yield f"uses {root}", node.lineno
        address = isinstance(node, ast.Constant) and str(node.value).startswith("hf://")
        if address and name not in WITH_COMMIT:
            yield "reads the Hub by address", node.lineno
        if isinstance(node, ast.Call):
            yield from ((rule, node.lineno) for rule in of_call(node, name, imported))


def full_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What a module calls something, and its full name: ``pd`` is ``pandas``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def of_call(node: ast.Call, name: str, imported: dict[str, str]) -> Iterator[str]:
    """Rules that one call breaks."""
    first, *rest = ast.unparse(node.func).split(".")
    called = ".".join([imported.get(first, first), *rest])
    last = called.rpartition(".")[2]
    given = {word.arg: word.value for word in node.keywords}

    def says(word: str, value: object) -> bool:
        return isinstance(given.get(word), ast.Constant) and given[word].value == value

    if called in CALLS:
        safe = called == "torch.load" and says("weights_only", True)
        yield f"calls {called} with weights_only=True" if safe else f"calls {called}"
    if isinstance(node.func, ast.Attribute) and last in METHODS and not says("filter", "data"):
        yield METHODS[last]
    if ("allow_pickle" in given or called in ARRAYS) and not says("allow_pickle", False):
        yield "may unpickle arrays"
    if (
        called.startswith(("os.exec", "os.spawn")) and "." in called
    ) or last == "create_subprocess_shell":
        yield f"calls {called}"
    if "trust_remote_code" in given and not says("trust_remote_code", False):
        yield "trusts code of a repository"
    if "shell" in given and not says("shell", False):
        yield "starts a shell"
    if last == "pipeline" and "tokenizer" not in given:
        yield "pipeline that loads what it is told by name"
    if last == "HfFileSystem" and name not in WITH_COMMIT:
        yield "reads the Hub by address"
    if last not in READERS and last != "from_pretrained":
        return
    whole = None in given and name in HANDED_ON
    if "revision" not in given and "gguf_file" not in given and not whole:
        yield f"{last} without a revision"
    if last == "from_pretrained":
        kind = called.split(".")[-2]
        is_model = TOKENIZER not in kind and not kind.endswith("Config")
        if is_model and not says("use_safetensors", True) and "gguf_file" not in given:
            yield "weights that may be pickled"
        refuses = says("trust_remote_code", False) or whole or "gguf_file" in given
        if kind.startswith("Auto") and not refuses:
            yield "does not refuse code of a repository"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def code_of(notebook: Path) -> str:
    """All code cells, without lines for the shell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    return re.sub(r"(?m)^( *)[%!].*$", r"\1pass", text)


def test_nothing_that_comes_from_elsewhere_is_run():
    found: dict[str, set[str]] = {}
    lines = []
    for path in modules():
        name = path.relative_to(PACKAGE).as_posix()
        for rule, line in broken(path.read_text(encoding="utf-8"), name):
            found.setdefault(name, set()).add(rule)
            lines.append(f"{name}:{line} {rule}")
    assert found == KNOWN, "\n".join(lines)


def test_no_notebook_runs_what_comes_from_elsewhere(project: Project):
    for path in sorted(project.notebooks.glob("*.ipynb")):
        assert not list(broken(code_of(path), path.name)), path.name


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import pickle", "takes in pickle"),
        ("from cloudpickle import loads", "takes in cloudpickle"),
        ("import _pickle as fast", "takes in _pickle"),
        ("x = eval(text)", "calls eval"),
        ("import builtins as b; b.exec(text)", "calls builtins.exec"),
        ("x = torch.load(path)", "calls torch.load"),
        ("x = torch.load(path, weights_only=False)", "calls torch.load"),
        ("from torch import load as get; get(path)", "calls torch.load"),
        ("import torch as t; t.load(path, weights_only=True)", "with weights_only=True"),
        ("torch.save(model, path)", "calls torch.save"),
        ("import numpy as n; n.load(path)", "may unpickle arrays"),
        ("from numpy import load; load(path, mmap_mode='r')", "may unpickle arrays"),
        ("import numpy as np; np.load(path, None, True)", "may unpickle arrays"),
        ("import numpy as np; np.load(path, allow_pickle=True)", "may unpickle arrays"),
        ("np.lib.format.read_array(file, allow_pickle=flag)", "may unpickle arrays"),
        ("import pandas as pd; pd.read_pickle(path)", "calls pandas.read_pickle"),
        ("table.to_pickle(path)", "pickles"),
        ("import yaml; yaml.load(text, Loader=yaml.SafeLoader)", "calls yaml.load"),
        ("from yaml import unsafe_load as read; read(text)", "calls yaml.unsafe_load"),
        ("tarfile.open(path).extractall(folder)", "unpacks wherever"),
        ("os.execvp(name, words)", "calls os.execvp"),
        ("AutoTokenizer.from_pretrained(name, revision=r)", "does not refuse code"),
        ("subprocess.run(line, shell=True)", "starts a shell"),
        ("joblib.Parallel(2)", "uses joblib"),
        ("torch.set_num_threads(1)", "uses set_num_threads"),
        ("hf_hub_download(name, 'a')", "hf_hub_download without a revision"),
        ("T.from_pretrained(name, **options, trust_remote_code=True)", "trusts code"),
        ("AutoTokenizer.from_pretrained(name)", "from_pretrained without a revision"),
        ("AutoModel.from_pretrained(name, revision=r)", "weights that may be pickled"),
        (
            "AutoModel.from_pretrained(name, revision=r, use_safetensors=True)",
            "does not refuse code",
        ),
    ],
)
def test_the_rules_see_what_they_are_for(line, rule):
    assert any(rule in found for found, _ in broken(line, "module.py"))


def test_what_is_allowed_is_not_seen():
    for line in (
        "import numpy as np; np.load(path, allow_pickle=False)",
        "import yaml; yaml.safe_load(text)",
        "safetensors.torch.load_file(path)",
        "json.load(file)",
        "model.eval()",
        "re.compile(text)",
        "AutoModel.from_pretrained(n, revision=r, use_safetensors=True, trust_remote_code=False)",
        "AutoTokenizer.from_pretrained(n, revision=r, trust_remote_code=False)",
    ):
        assert not list(broken(line, "module.py")), line


# --------------------------------------------------------------------------- commits of the Hub
COMMIT = "0123456789abcdef" * 2 + "01234567"


def test_a_repository_is_read_at_the_commit_that_the_reader_names(tmp_path, monkeypatch):
    place = tmp_path / "commits.toml"
    place.write_text(f'"owner/name" = "{COMMIT}"\n"owner/branch" = "main"\n', encoding="utf-8")
    monkeypatch.setenv("COMPANION_REVISIONS", str(place))
    assert data.revision("owner/name") == COMMIT
    assert data.revision(str(tmp_path)) == "main"
    with pytest.raises(ValueError, match="40 hexadecimal digits"):
        data.revision("owner/branch")
    with pytest.raises(data.NotPinned, match='"owner/other" = "COMMIT"'):
        data.revision("owner/other")
    monkeypatch.delenv("COMPANION_REVISIONS")
    with pytest.raises(data.DataUnavailable, match=r"no commit of owner/name is named.*Hub only"):
        data.revision("owner/name")


@pytest.mark.parametrize("content", [None, "no toml at all ["])
def test_a_file_of_commits_that_cannot_be_read_is_said(tmp_path, monkeypatch, content):
    place = tmp_path / "commits.toml"
    if content is not None:
        place.write_text(content, encoding="utf-8")
    monkeypatch.setenv("COMPANION_REVISIONS", str(place))
    with pytest.raises(ValueError, match="no TOML file of commits"):
        data.revision("owner/name")


@pytest.fixture
def commits(tmp_path, monkeypatch):
    """Every repository that the hubs name, at one commit."""
    names = {
        "Aimpoint-Digital/pythia-massive-activations",
        "EleutherAI/lambada_openai",
        "EleutherAI/pythia-14m",
        "EleutherAI/pythia-70m",
        "NousResearch/Meta-Llama-3.1-8B",
        "HuggingFaceFW/fineweb",
        "HuggingFaceFW/fineweb-edu",
        "Salesforce/wikitext",
        "allenai/c4",
        "hf-internal-testing/llama-tokenizer",
        "modelbiome/ai_ecosystem",
        "roberta-base",
        "state-spaces/mamba3-siso-187m",
        "stanfordnlp/imdb",
        "swj0419/BookMIA",
    }
    place = tmp_path / "commits.toml"
    place.write_text("".join(f'"{name}" = "{COMMIT}"\n' for name in names), encoding="utf-8")
    monkeypatch.setenv("COMPANION_REVISIONS", str(place))


class Stop(Exception):
    """What a stand-in of a library raises, so that nothing is read."""


DOORS = {
    "tart.hub": {
        "read_table": lambda hub: hub.read_table(hub.HUB_TASKS["IMDB"]),
    },
    "quartet.hub": {
        "tokenizer": lambda hub: hub._tokenizer(),
        "file": lambda hub: hub._c4_file("a.gz"),
    },
    "distillation_memorization.hub": {
        "texts": lambda hub: next(hub.fineweb()),
        "model": lambda hub: hub.load("EleutherAI/pythia-70m", 10, "cpu"),
    },
    "leximark.hub": {
        "table": lambda hub: hub.load_bookmia(),
        "model": lambda hub: hub.load_causal("EleutherAI/pythia-70m"),
        "filler": lambda hub: hub.hub_source(),
    },
    "mamba3.hub": {
        "weights": lambda hub: hub.download("SISO"),
        "tokenizer": lambda hub: hub.hub_tokenizer(),
        "texts": lambda hub: hub.fineweb_documents(1, 1),
        "passages": lambda hub: hub.lambada_passages(1),
    },
    "scaling_laws.hub": {"evaluation": lambda hub: hub.pythia_evaluation(n_windows=1)},
    "model_ecosystem.hub": {"table": lambda hub: hub.read_dataset()},
    "massive_activations.hub": {
        "tokenizer": lambda hub: hub.our_measurements(("pythia-14m",)),
        "numbers": lambda hub: hub.download_stats(),
    },
}


@pytest.mark.parametrize("module", DOORS)
@pytest.mark.parametrize("named", [True, False], ids=["named", "not named"])
def test_every_door_to_the_hub_asks_for_one_commit(module, named, request, monkeypatch):
    hub = importlib.import_module(f"companion.{module}")
    if named:
        request.getfixturevalue("commits")
    else:
        monkeypatch.delenv("COMPANION_REVISIONS", raising=False)
    asked = []

    def note(*args, **options):
        asked.append((*args, options))
        raise Stop

    for place in (
        "huggingface_hub.hf_hub_download",
        "companion.massive_activations.sources.snapshot_download",
        "huggingface_hub.snapshot_download",
        "huggingface_hub.list_repo_files",
        "huggingface_hub.HfFileSystem.glob",
        "transformers.AutoTokenizer.from_pretrained",
        "transformers.AutoModelForCausalLM.from_pretrained",
        "polars.scan_parquet",
    ):
        monkeypatch.setattr(place, note)
    for name, call in DOORS[module].items():
        with pytest.raises(Stop if named else data.NotPinned):
            call(hub)
        if named:
            assert COMMIT in str(asked[-1]), name
    assert len(asked) == (len(DOORS[module]) if named else 0)
