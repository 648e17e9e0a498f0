"""Files that the chapter ships: ``companion make consistent-diffusion WHAT``.

``frames`` simulates the molecule with OpenMM, ``molecule`` trains the networks that the book
simulates with.  Both go on where they stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from companion.consistent_diffusion.lab.molecule.chains import make_nets
from companion.consistent_diffusion.lab.molecule.frames import make_frames
from companion.consistent_diffusion.lab.molecule.models import MoleculeSizes
from companion.consistent_diffusion.lab.run import sizes_of
from companion.consistent_diffusion.settings import PRESETS

Say = Callable[[str], None]


def make_molecule(scratch: Path, say: Say) -> Path:
    """Train the molecule's networks at the settings of the book."""
    return make_nets(scratch, say, sizes_of(MoleculeSizes, PRESETS["book"]))


MAKERS: Mapping[str, Callable[[Path, Say], Path]] = MappingProxyType(
    {"frames": make_frames, "molecule": make_molecule}
)
"""What to make -> function of a folder for checkpoints and of a way to say what happens."""
