"""One state of the code on one machine: the same bits, whatever order and number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from companion.project import Project
from tests import bits
from tests.conftest import THREADS


def run(hash_seed: str, threads: int) -> dict[str, object]:
    """What ``python -m tests.bits`` finds under this order of sets and number of threads."""
    env = os.environ | {f"{name}_NUM_THREADS": str(threads) for name in THREADS}
    env |= {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Project().root)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bits"],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_toy_steps_are_equal_bit_for_bit_at_any_threads_and_hash_seed():
    """This process, whatever it did before, and a new one."""
    one = bits.said()
    threads = 1 if one["torch threads"] > 1 else 2
    two = run("0" if os.environ.get("PYTHONHASHSEED") == "12345" else "12345", threads)
    assert one.pop("torch threads") != two.pop("torch threads") == threads
    assert one.pop("hash") != two.pop("hash")  # so sets were walked in another order
    assert len(one) == len(bits.STEPS)
    assert one == two
