"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.scaling_laws.page.figures.designs import answer as answer
from companion.scaling_laws.page.figures.designs import error_curves as error_curves
from companion.scaling_laws.page.figures.designs import final_losses as final_losses
from companion.scaling_laws.page.figures.designs import treatments as treatments
from companion.scaling_laws.page.figures.here import control as control
from companion.scaling_laws.page.figures.here import lab as lab
from companion.scaling_laws.page.figures.here import lab_frame as lab_frame
from companion.scaling_laws.page.figures.here import live as live
from companion.scaling_laws.page.figures.here import schedules as schedules
from companion.scaling_laws.page.figures.law import family_frame as family_frame
from companion.scaling_laws.page.figures.law import solvers as solvers
from companion.scaling_laws.page.figures.law import surface as surface
from companion.scaling_laws.page.figures.released import chinchilla as chinchilla
from companion.scaling_laws.page.figures.released import cut_ratios as cut_ratios
from companion.scaling_laws.page.figures.released import freedom as freedom
from companion.scaling_laws.page.figures.released import heatmaps as heatmaps
from companion.scaling_laws.page.figures.released import metrics as metrics
from companion.scaling_laws.page.figures.released import one_model as one_model
from companion.scaling_laws.page.figures.released import printed as printed
from companion.scaling_laws.page.figures.released import tails as tails
from companion.scaling_laws.page.figures.released import two_models as two_models
from companion.scaling_laws.page.figures.released import units as units
