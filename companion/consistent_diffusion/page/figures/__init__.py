"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.consistent_diffusion.page.figures.molecule import answer as answer
from companion.consistent_diffusion.page.figures.molecule import molecule_bonds as molecule_bonds
from companion.consistent_diffusion.page.figures.molecule import molecule_curves as molecule_curves
from companion.consistent_diffusion.page.figures.molecule import molecule_losses as molecule_losses
from companion.consistent_diffusion.page.figures.molecule import molecule_maps as molecule_maps
from companion.consistent_diffusion.page.figures.molecule import (
    molecule_profiles as molecule_profiles,
)
from companion.consistent_diffusion.page.figures.plane import blur_frame as blur_frame
from companion.consistent_diffusion.page.figures.plane import controls as controls
from companion.consistent_diffusion.page.figures.plane import laws as laws
from companion.consistent_diffusion.page.figures.plane import line_frame as line_frame
from companion.consistent_diffusion.page.figures.plane import maps as maps
from companion.consistent_diffusion.page.figures.plane import residual as residual
from companion.consistent_diffusion.page.figures.plane import strength as strength
from companion.consistent_diffusion.page.figures.plane import two_for_one as two_for_one
