"""Files that the chapter ships: ``companion make consistent-diffusion WHAT``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from companion.consistent_diffusion.lab.molecule.frames import make_frames

Say = Callable[[str], None]

MAKERS: Mapping[str, Callable[[Path, Say], Path]] = MappingProxyType({"frames": make_frames})
"""What to make -> function of a folder for checkpoints and of a way to say what happens."""
