"""One run of a chapter: settings, published record, and results that are kept by step.

In a notebook::

    run = chapter.begin(SLUG, SCALE, SEED, SETTINGS, fresh=FRESH)
    settings = run.settings
    hub = run.step(lab.read_hub, keep=False)
    drift = run.step(lab.license_drift, hub, settings, SEED)

``run.step(f, *inputs)`` is ``f(*inputs)``, loaded where it is stored: first among the results that
ship with the package (``companion/records/<slug>/``), then among those of this machine
(``build/results/<slug>/``).  The key is the digest by definition of ``f`` and the keys of its
inputs; settings count by the fields that the step reads.

A step is a named, pure function of the package.  What it gives must not be changed in place: the
next step would be given what no key tells.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from companion import extras, fingerprint, records, results, rounding, sweep
from companion.data import DataUnavailable, Missing
from companion.papers import paper
from companion.project import PACKAGE, Project
from companion.scale import check_seed, settings_for

NEVER_COUNT = frozenset({"jobs", "live_jobs", "n_jobs", "progress"})
"""Settings and options that cannot change a result: how many run at a time, what is shown."""

VERIFY = "COMPANION_VERIFY"
"""Environment variable: names of steps that are computed although they are stored, by commas."""

PUBLISHED = "COMPANION_PUBLISHED"
"""Environment variable: if set, a run shows the published one and computes no step that ships."""

STEPS = "steps.json"
"""Beside shipped results: the steps of the run that made them."""

COST = ".cost.json"
"""Beside a kept result: seconds and memory that it took when it was computed."""

TRAINED, ROUNDED = " (it trains)", " (rounding)"
"""Ends of what is said of a step that differs and may, on another processor."""

_ATOMS = (type(None), bool, int, float, complex, str, bytes)


class Stale(RuntimeError):
    """The published run is to be shown, and a result of its is not of this code."""


class Done(NamedTuple):
    """What happened to a step.

    how : ``shipped`` or ``kept`` (loaded), ``computed``, ``missing`` (data are not here)
    key : of its definition and inputs; file : that holds it, "" if it is not kept
    seconds : that it took now; n_bytes : of its file
    reads : hashes of the settings that it read, by field
    note : why a stored result was not used, and the like
    """

    step: str
    how: str
    key: str
    file: str = ""
    seconds: float = 0.0
    n_bytes: int = 0
    reads: Mapping[str, str] = {}
    note: str = ""


def begin(
    slug: str,
    scale: str,
    seed: int = 0,
    overrides: Mapping[str, object] | None = None,
    *,
    fresh: bool = False,
    project: Project | None = None,
) -> Run:
    """Begin a run of the chapter `slug`; arguments are the notebook's parameters.

    overrides : single settings
    fresh : compute every step, whatever is stored

    Raises ``ValueError`` for an unknown slug, scale or setting, or a seed that
    :func:`companion.scale.check_seed` refuses; :class:`companion.extras.MissingExtra` where a
    package that only this chapter needs is not installed.
    """
    entry = paper(slug, project)
    extras.require(slug, project)
    check_seed(seed)
    presets = importlib.import_module(f"{entry.module}.settings").PRESETS
    settings = settings_for(presets, scale, overrides)
    places = shipped_folder(slug, project), kept_folder(slug, project)
    how = {
        "fresh": fresh,
        "verify": os.environ.get(VERIFY, "").split(","),
        "as_published": bool(os.environ.get(PUBLISHED)),
    }
    run = Run(slug, scale, seed, settings, *places, **how, project=project)
    _RUNS[slug] = run
    return run


_RUNS: dict[str, Run] = {}


def report_of(slug: str) -> Path | None:
    """The file in which the last run of a chapter in this process lists its steps."""
    return _RUNS[slug].report if slug in _RUNS else None


def shipped_folder(slug: str, project: Project | None = None) -> Path:
    """Where the results of a chapter's published run lie."""
    return (project.records if project else PACKAGE / "records") / slug


def kept_folder(slug: str, project: Project | None = None) -> Path:
    """Where this machine keeps results: in ``build/`` of a checkout, else in the user's cache."""
    project = project or Project()
    if project.config.is_file():
        return project.build / "results" / slug
    from companion.data._fetch import cache_folder

    return cache_folder().parent / "results" / slug


class Run:
    """One run of a chapter.

    settings : of the chapter, at the run's scale
    published : the chapter's record, or None
    log : what happened to each step, in order
    report : file that holds the log
    """

    def __init__(
        self,
        slug: str,
        scale: str,
        seed: int,
        settings: object,
        shipped: Path,
        kept: Path,
        *,
        fresh: bool = False,
        verify: Iterable[str] = (),
        as_published: bool = False,
        project: Project | None = None,
    ) -> None:
        """How the run's steps are made.

        verify : names of steps that are computed although they are stored, and compared
        as_published : only what ships is loaded, and a step whose shipped result is not of this
            code raises :class:`Stale`; results of this machine do not count
        """
        self.slug, self.scale, self.seed, self.settings = slug, scale, seed, settings
        self.places = {"shipped": shipped} if as_published else {"shipped": shipped, "kept": kept}
        self.fresh, self.verify, self.as_published = fresh, frozenset(verify), as_published
        self._kept = kept
        results.forget_parts(kept)
        self.log: list[Done] = []
        self._keys: dict[int, tuple[object, str]] = {}  # id -> (value kept alive, its key)
        self._project = project
        self._published = _known_steps(shipped / STEPS)
        # what ships is decided by the report of a run that may compute, which is never this one's
        mode = ["as published"] if as_published else []
        every = json.dumps([scale, seed, self._said(settings), *mode])
        self.report = kept / "runs" / f"{_hash(every)[:16]}.json"

    @property
    def published(self) -> dict[str, object] | None:
        """The chapter's record."""
        return records.load(self.slug, self._project)

    @property
    def stale(self) -> list[str]:
        """Steps whose shipped result was made by other code or from other inputs."""
        return [done.step for done in self.log if done.note.startswith("stale")]

    def step(
        self,
        function: Callable,
        *inputs: object,
        keep: bool = True,
        timing: bool | tuple[str, ...] = False,
        **options: object,
    ) -> object:
        """``function(*inputs, **options)``, loaded where it is stored.

        A :class:`companion.data.Missing` among the inputs is handed on, unless the result is
        stored: the key is looked up first, so that results can be shown where their data are not.

        keep : False for what is cheap or large (data just read): called each time, but it has a
            key, so that what is made of it can be stored
        timing : True if the result is measured times, which no second run repeats; of a table
            the names of such columns, of a named tuple those of such fields

        Raises ``TypeError`` for a function that is not a definition of the package,
        :class:`companion.results.NotStorable` for inputs or results that no file can hold, and
        :class:`Stale` where the published run is shown and this step is not part of it.
        """
        begun = time.perf_counter()
        settings = next((v for v in inputs if self._is_settings(v)), None)
        counted = {name: v for name, v in options.items() if name not in NEVER_COUNT}
        parts = {
            "definition": fingerprint.digest(function),
            **{f"input {i}": self._key(v, settings) for i, v in enumerate(inputs, 1)},
            **{f"option {name}": self._key(v, settings) for name, v in sorted(counted.items())},
        }
        key = _hash(json.dumps(parts))
        name = function.__name__
        notes = []
        if keep and not self.fresh:
            found = self._stored(name, key, settings, notes)
            if found is not None:
                done, value = found
                done = done._replace(seconds=time.perf_counter() - begun)
                if name in self.verify:
                    note = self._verified(done, value, function, inputs, options, timing)
                    done = done._replace(note=note)
                return self._end(done, value)
            notes += self._stale_note(name, parts, settings)
            if self.as_published and not self._ships_nothing(name, key):
                raise Stale(f"{name}: {'; '.join(notes) or 'no result of it ships'}")
        note = "; ".join(notes)
        for value in (*inputs, *options.values()):
            if isinstance(value, Missing):  # a new one, which has a key of its own
                reads = self._published_reads(key, settings)
                return self._end(
                    Done(name, "missing", key, reads=reads, note=note), dataclasses.replace(value)
                )
        read: dict[str, object] = {}
        given = [_noting(v, read) if v is settings and v is not None else v for v in inputs]
        try:
            with self._parts():
                value = function(*given, **options)
        except DataUnavailable as error:
            reads = self._published_reads(key, settings)
            done = Done(name, "missing", key, reads=reads, note=note)
            return self._end(done, Missing(str(error), error.short))
        reads = {field: sweep.content(v) for field, v in sorted(read.items())}
        seconds = time.perf_counter() - begun
        done = Done(name, "computed", key, reads=reads, note=note, seconds=seconds)
        if isinstance(value, Missing):
            # For want of data or not: it says something about this machine, so it is never kept
            value = dataclasses.replace(value)
        elif keep:
            done = self._store(done, value, parts)
        return self._end(done, value)

    # -- keys
    def _is_settings(self, value: object) -> bool:
        return isinstance(value, type(self.settings))

    def _key(self, value: object, settings: object) -> str:
        """Key of an input: of the step that made it, else the hash of its content."""
        if value is settings and value is not None:
            return "settings"  # counted by the fields that the step reads
        known = self._keys.get(id(value))
        return known[1] if known else sweep.content(value)

    def _said(self, settings: object, fields: Iterable[str] | None = None) -> dict[str, str]:
        """Hashes of settings, by field; all that count if none are named."""
        if settings is None:
            return {}
        names = [f.name for f in dataclasses.fields(settings)] if fields is None else fields
        return {
            name: sweep.content(getattr(settings, name, None))
            for name in sorted(names)
            if name not in NEVER_COUNT
        }

    def _end(self, done: Done, value: object) -> object:
        """Note the step, and remember the value's key: its own, and the settings that it read."""
        is_shared = isinstance(value, _ATOMS) or (
            isinstance(value, tuple | frozenset) and not value
        )
        if not is_shared:
            self._keys[id(value)] = (value, _full_key(done.key, done.reads))
        self.log.append(done)
        self._write_report()
        return value

    # -- files
    def _stored(
        self, name: str, key: str, settings: object, notes: list[str]
    ) -> tuple[Done, object] | None:
        """The stored result with this key, made with these settings."""
        for how, place in self.places.items():
            for path in sorted(place.glob(f"{name}-{key[:12]}-*.npz")):
                try:
                    about = results.load(path, "about")
                    reads = about["reads"]
                    if about["key"] != key or self._said(settings, reads) != reads:
                        continue
                    value = results.load(path)
                except (results.Damaged, FileNotFoundError, KeyError) as error:
                    notes.append(f"computed again: {error}")
                    warnings.warn(notes[-1], stacklevel=4)
                    continue
                return Done(name, how, key, path.name, 0.0, path.stat().st_size, reads), value
        return None

    def _verified(
        self,
        done: Done,
        stored: object,
        function: Callable,
        inputs: tuple,
        options: Mapping[str, object],
        timing: bool | tuple[str, ...],
    ) -> str:
        """Compute a stored result again; what came of it, in words."""
        if timing is True:
            return "times are not compared"
        if any(isinstance(value, Missing) for value in (*inputs, *options.values())):
            return "not verified: its data are not here"
        try:
            with self._parts(verify=True):
                again = function(*inputs, **options)
        except DataUnavailable as error:
            return f"not verified: {error}"
        if timing:
            stored, again = (_without(value, timing) for value in (stored, again))
        found = results.difference(stored, again)
        if not found:
            return "verified"
        warnings.warn(f"{done.step} gives another result than {done.file}: {found}", stacklevel=4)
        limit = rounding.bound(function)
        if limit == math.inf:
            return f"differs: {found}{TRAINED}"
        beyond = results.difference(stored, again, limit)
        return f"differs: {beyond}" if beyond else f"differs: {found}{ROUNDED}"

    def _store(self, done: Done, value: object, parts: Mapping[str, str]) -> Done:
        """Keep a result; a disk that is full costs the file and not the run."""
        tag = _full_key(done.key, done.reads)[:6]
        path = self._kept / f"{done.step}-{done.key[:12]}-{tag}.npz"
        try:
            n_bytes = results.save(path, value, key=done.key, parts=parts, reads=done.reads)
            cost = {"seconds": round(done.seconds, 3), "peak_mb": round(records.peak_mb(), 1)}
            # apart from the result, which stays the same byte for byte
            results.write_bytes(path.with_suffix(COST), json.dumps(cost).encode())
        except OSError as error:
            note = f"not kept: {error}"
            warnings.warn(f"{done.step} is {note}", stacklevel=4)
            return done._replace(note="; ".join(filter(None, (done.note, note))))
        return done._replace(file=path.name, n_bytes=n_bytes)

    def _stale_note(self, name: str, parts: Mapping[str, str], settings: object) -> list[str]:
        """Why none of the shipped results of this step is used; only if other code made them."""
        differ = []
        for path in sorted(self.places["shipped"].glob(f"{name}-*.npz")):
            try:
                about = results.load(path, "about")
                if self._said(settings, about["reads"]) != about["reads"]:
                    continue  # of other settings, another scale: not stale
                old = about["parts"]
            except (results.Damaged, FileNotFoundError, KeyError):
                continue
            differ.append([part for part in {*old, *parts} if old.get(part) != parts.get(part)])
        nearest = min(differ, key=len, default=[])
        return [f"stale: another {', '.join(sorted(nearest))}"] if nearest else []

    @contextlib.contextmanager
    def _parts(self, *, verify: bool = False) -> Iterator[None]:
        """Sweeps inside a step keep their jobs, unless everything is to be computed."""
        folder = None if verify or self.fresh else self._kept / "parts"
        with sweep.kept_in(folder):
            yield

    # -- reports
    def _published_reads(self, key: str, settings: object) -> dict[str, str]:
        """What the published run says that a step read which cannot run here."""
        for line in self._published:
            if line.key == key and self._said(settings, line.reads) == dict(line.reads):
                return dict(line.reads)
        return self._said(settings)

    def _ships_nothing(self, name: str, key: str) -> bool:
        """Whether the published run had this step and kept no result of it.

        Such a step lacked what it needs there, or its settings say that it does nothing.  That
        stays so where its code changed since: there is no result that could be of another code.
        """
        same = [line for line in self._published if line.key == key]
        lines = same or [line for line in self._published if line.step == name]
        return bool(lines) and not any(line.file for line in lines)

    def _write_report(self) -> None:
        """The log so far, beside the kept results; ``companion record`` ships what it names."""
        lines = [done._asdict() for done in self.log]
        with contextlib.suppress(OSError):
            results.write_bytes(self.report, json.dumps(lines, indent=1).encode())


def _without(value: object, timing: tuple[str, ...]) -> object:
    """A table without these columns, a named tuple with nothing in these fields."""
    if hasattr(value, "_replace"):
        return value._replace(**dict.fromkeys(timing))
    return value.drop(columns=list(timing))


def _known_steps(path: Path) -> list[Done]:
    """The published run's steps; none if the file cannot be read."""
    try:
        lines = _read_steps(path)
        return [
            Done(line["step"], "shipped", line["key"], line["file"], reads=line["reads"])
            for line in lines
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _full_key(key: str, reads: Mapping[str, str]) -> str:
    """Key of a result: of definition and inputs, and of the settings that were read."""
    return _hash(json.dumps([key, dict(sorted(reads.items()))]))


def _noting(settings: object, read: dict[str, object]) -> object:
    """Equal settings that note in `read` which of their fields are read.

    Sent to another process or copied they are plain, and all fields count.
    """
    cls = type(settings)
    names = {field.name for field in dataclasses.fields(settings)} - NEVER_COUNT

    def get(self: object, name: str) -> object:
        value = object.__getattribute__(self, name)
        if name in names:
            read[name] = value
        return value

    def plain(self: object) -> tuple:
        read.update({name: getattr(settings, name) for name in names})
        return dataclasses.replace, (settings,)

    about = {
        "__getattribute__": get,
        "__reduce__": plain,
        "__slots__": (),
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    twin = object.__new__(type(cls.__name__, (cls,), about))
    for field in dataclasses.fields(settings):
        object.__setattr__(twin, field.name, getattr(settings, field.name))
    return twin


# --------------------------------------------------------------------------- publishing
def ship(slug: str, report: str, project: Project | None = None) -> dict[str, float]:
    """Make the results that a run used the chapter's shipped ones, and take others away.

    report : name of the file in which the run lists its steps

    Returns what the run would have cost without stored results: ``seconds`` that its stored steps
    took when they were computed, ``peak_mb`` of the largest.  ``FileNotFoundError`` if a result is
    no longer there.
    """
    shipped, kept = shipped_folder(slug, project), kept_folder(slug, project)
    lines = [Done(**line) for line in json.loads((kept / "runs" / report).read_text("utf-8"))]
    before = {line["file"]: line for line in _read_steps(shipped / STEPS)}
    data = {done.file: _bytes_of(done.file, kept, shipped) for done in lines if done.file}
    costs = {name: before.get(name) or _cost(kept / name) for name in data}
    for name, content in data.items():
        if not (shipped / name).is_file():
            results.write_bytes(shipped / name, content)
    steps = [
        {
            "step": d.step,
            "key": d.key,
            "file": d.file,
            "reads": d.reads,
            **{what: costs[d.file][what] for what in ("seconds", "peak_mb") if d.file},
        }
        for d in {(d.key, d.file): d for d in lines}.values()
    ]
    results.write_bytes(shipped / STEPS, (json.dumps({"steps": steps}, indent=1) + "\n").encode())
    for path in shipped.iterdir():
        if path.name not in {STEPS, *data}:
            path.unlink()
    loaded = [costs[done.file] for done in lines if done.how in ("shipped", "kept")]
    return {
        "seconds": sum(cost["seconds"] for cost in loaded),
        "peak_mb": max((cost["peak_mb"] for cost in loaded), default=0.0),
    }


def shipped_steps(slug: str, project: Project | None = None) -> list[dict[str, object]]:
    """Steps of the published run whose results ship: ``step``, ``file``, ``seconds`` and so on."""
    return [line for line in _read_steps(shipped_folder(slug, project) / STEPS) if line["file"]]


def _read_steps(path: Path) -> list[dict[str, object]]:
    return json.loads(path.read_text("utf-8"))["steps"] if path.is_file() else []


def _bytes_of(name: str, *folders: Path) -> bytes:
    """The result file `name`, from the first folder that has it."""
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            return (folder / name).read_bytes()
    raise FileNotFoundError(f"{name} is no longer among the kept results; run the chapter again")


def _cost(path: Path) -> dict[str, float]:
    try:
        return json.loads(path.with_suffix(COST).read_text("utf-8"))
    except (OSError, ValueError):
        return {"seconds": 0.0, "peak_mb": 0.0}
