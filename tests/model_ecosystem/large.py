"""Large tables: what reading them costs, and two paths of the chapter on two million models.

``python -m tests.model_ecosystem.large`` makes a table like the Hub's, reads it in a process of its
own, and prints seconds and memory; then the two paths.  ``--rows 20_000_000`` is ten Hubs: the
cards alone are ten GB, which compress well because they are made, so that a little over one GB of
disk is enough.  It takes some minutes.  `make test` runs the same with few rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl

PART = 1_000_000
"""Rows of a file of the table."""

GROUP = 2_000
"""Rows of a group of a file: what is read at a time."""

AHEAD = 2
"""Groups that are read before they are needed; polars' own number is for machines with room."""

LICENSES = ("mit", "apache-2.0", "gemma", "llama3", "openrail")
LANGUAGES = ("en", "fr", "de", "zh", "t5")
TASKS = ("text-generation", "text-classification", "fill-mask", "feature-extraction")


def write_table(folder: Path, n: int, *, card: int = 500, seed: int = 0) -> int:
    """A table of `n` models with the columns of the Hub's, in files of PART rows; its bytes.

    card : characters of a model's card, no two of which are alike.  One model in three is a
    finetune of an earlier one, mostly of a famous one.
    """
    rng = np.random.default_rng(seed)
    for begin in range(0, n, PART):
        here = np.arange(begin, min(begin + PART, n))
        parent = np.minimum((here * rng.random(here.size) ** 6).astype(np.int64), here - 1)
        child = (rng.random(here.size) < 1 / 3) & (here > 0)
        drawn = {
            name: pl.Series(np.array(values)[rng.integers(0, len(values), here.size)])
            for name, values in (("l", LICENSES), ("s", LANGUAGES), ("t", TASKS))
        }
        rows = pl.DataFrame({"i": here, "p": parent, "c": child, **drawn})
        above = pl.format("org{}/model-{}", pl.col("p") % 100_003, "p")
        tags = pl.format("'transformers', 'region:us', 'license:{}', '{}'", "l", "s")
        kin = pl.format(", 'base_model:{}', 'base_model:finetune:{}'", above, above)
        shown = pl.when("c").then(kin).otherwise(pl.lit(""))
        rows.select(
            pl.format("org{}/model-{}", pl.col("i") % 100_003, "i").alias("id"),
            (pl.col("i") % 977).alias("likes"),
            (pl.col("i") % 9_973).alias("downloads"),
            pl.format("[{}{}]", tags, shown).alias("tags"),
            pl.col("t").alias("pipeline_tag"),
            pl.lit("transformers").alias("library_name"),
            pl.format("2025-01-{}", pl.col("i") % 19 + 10).alias("createdAt"),
            pl.format("{}{}", "i", pl.lit("a word, " * (card // 8))).alias("card"),
        ).write_parquet(
            folder / f"part-{begin // PART:03}.parquet",
            compression="snappy",
            row_group_size=GROUP,
        )
    return sum(path.stat().st_size for path in folder.glob("*.parquet"))


# ------------------------------------------------------------------ each in a process of its own
def read(folder: str) -> str:
    """The table as the chapter reads it."""
    from companion.model_ecosystem import hub

    rows = hub.read_dataset(folder)
    return f"{rows.height:,} rows, columns {', '.join(rows.columns)}"


def eager(folder: str) -> str:
    """The negative control: all columns at once, and then what is needed of them."""
    from companion.model_ecosystem import hub

    rows = pl.concat([pl.read_parquet(path) for path in sorted(Path(folder).glob("*.parquet"))])
    return f"{hub.in_short(rows.lazy()).collect().height:,} rows"


def ecosystem(folder: str) -> str:
    """The table with its families: what the chapter's paper scale begins with."""
    from companion.model_ecosystem import hub
    from companion.model_ecosystem.lab import run

    whole = hub.ecosystem(hub.read_dataset(folder))
    counts = run.link_counts(whole)
    return f"{counts['models']:,} models, {counts['kept']:,} edges, {counts['parents']:,} parents"


def names_and_links(n: int) -> tuple[pl.Series, pl.DataFrame]:
    """Names of `n` models, and links between them as the Hub's tags declare them."""
    from companion.model_ecosystem.lab.simulate import grow
    from companion.model_ecosystem.method.forest import RELATIONS
    from companion.scale import generator

    graph = grow(n, generator(0, "large"))
    rows = pl.select(pl.int_range(n).alias("i"))
    names = rows.select(pl.format("org{}/model-{}", pl.col("i") % 100_003, "i")).to_series()
    links = {
        "parent": names[graph.parent],
        "child": names[graph.child],
        "relation": pl.Series(RELATIONS)[graph.relation.astype(np.int64)],
    }
    return names, pl.DataFrame(links)


def families(n: int) -> str:
    """First path: from names and declared parents to families and generations."""
    from companion.model_ecosystem.hub import joined_forest
    from companion.model_ecosystem.method.forest import components, depths

    names, links = names_and_links(n)
    start()
    graph = joined_forest(names, links)
    count, _ = components(graph.tree())
    depth, _ = depths(graph.primary())
    return f"{graph.parent.size:,} edges, {count:,} families, {depth.max()} generations"


def distances(n: int) -> str:
    """Second path: how often a trait changes, and whether siblings are closer than parents."""
    from companion.model_ecosystem.lab.intervals import rate
    from companion.model_ecosystem.lab.simulate import grow
    from companion.model_ecosystem.method.drift import both_declared, distance, values_of_codes
    from companion.model_ecosystem.method.forest import depths
    from companion.model_ecosystem.method.similarity import families
    from companion.scale import generator

    rng = generator(0, "large")
    graph = grow(n, rng)
    _, founder = depths(graph.primary())
    codes = np.where(rng.random(n) < 0.2, rng.integers(0, 40, n), founder % 40)
    codes[rng.random(n) < 0.1] = -1
    account = np.arange(n) // 3
    start()
    values = values_of_codes(codes, [f"value {i}" for i in range(40)])
    changed = distance(values, graph)
    found = rate(changed, graph.parent, rng, 500)
    kin = families(values.rows, both_declared(values, graph), uploader=account)
    gap = np.nanmean(kin.sibling - kin.parent_child)
    return f"rate {found.clustered.estimate:.3f}, siblings minus parents {gap:+.3f}"


PATHS = {one.__name__: one for one in (read, eager, ecosystem, families, distances)}


class Peak:
    """Seconds, and the most memory that was in use, from its beginning on.

    Counted is what a process holds itself (``RssAnon``), sampled a hundred times a second: pages of
    a file that is read are lent by the system, which takes them back where memory is short.
    """

    def __init__(self) -> None:
        self.mb, self.at_start = 0.0, _held()
        self._begun = time.perf_counter(), time.process_time()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while True:
            self.mb = max(self.mb, _held())
            if self._ends.wait(0.01):
                return

    def end(self) -> list[float]:
        """MB at the start and at most, seconds of the clock, seconds of processors."""
        took = time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]
        self._ends.set()
        self._thread.join()
        return [self.at_start, max(self.mb, _held()), *took]


def _held() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise OSError("this system does not say what a process holds")


_PEAK: list[Peak] = []


def start() -> None:
    """What is counted begins here: what was before made the input."""
    _PEAK.append(Peak())


def alone(path: str, on: str) -> dict[str, float | str]:
    """One path in a process of its own: what it found, seconds, MB, and MB before it began."""
    command = [sys.executable, "-m", "tests.model_ecosystem.large", "--path", path, "--on", on]
    env = {**os.environ, "POLARS_ROW_GROUP_PREFETCH_SIZE": str(AHEAD)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    before, after, wall, processor, *said = done.stdout.rstrip("\n").split("\t")
    return {
        "said": " ".join(said),
        "before": float(before),
        "mb": float(after),
        "wall": float(wall),
        "processor": float(processor),
    }


def _child(path: str, on: str) -> None:
    from companion.model_ecosystem import hub  # noqa: F401

    start()
    said = PATHS[path](int(on) if on.isdigit() else on)
    print(*_PEAK[-1].end(), said, sep="\t")


def _shown(path: str, found: dict[str, float | str]) -> str:
    return (
        f"{path:<10} {found['wall']:7.1f} s, {found['processor']:7.1f} s of processors, "
        f"{found['mb']:8,.0f} MB ({found['before']:,.0f} of them before): {found['said']}"
    )


def main() -> None:
    """Print the table of costs."""
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("--rows", type=int, default=2_000_000)
    asks.add_argument("--card", type=int, default=500, help="characters of a card")
    asks.add_argument("--where", help="folder for the table; the system's temporary one if missing")
    asks.add_argument("--reads", nargs="*", default=["read", "ecosystem"], choices=PATHS)
    asks.add_argument("--path", choices=PATHS, help=argparse.SUPPRESS)
    asks.add_argument("--on", help=argparse.SUPPRESS)
    asked = asks.parse_args()
    if asked.path:
        _child(asked.path, asked.on)
        return
    if asked.reads:
        with tempfile.TemporaryDirectory(dir=asked.where) as folder:
            size = write_table(Path(folder), asked.rows, card=asked.card)
            cards = f"{asked.rows * asked.card / 1e9:.1f} GB of cards"
            print(f"{asked.rows:,} rows, {cards}, {size / 1e9:.1f} GB in files", flush=True)
            for path in asked.reads:
                print(_shown(path, alone(path, folder)), flush=True)
    for path in ("families", "distances"):
        print(_shown(path, alone(path, "2000000")), flush=True)


if __name__ == "__main__":
    main()
