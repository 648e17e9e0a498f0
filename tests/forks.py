"""Processes of the tests that are forks of one server, so that none of them imports anything.

Imports take seconds, torch's most of all; the tests that fork stay in one process of the tests
(see ``tests/conftest.py``), and the server is started once.
"""

from __future__ import annotations

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.kill_jobs", "tests.process_jobs"])
