"""Figures of the chapter's statistical half.  They only draw: every number comes from a result."""

from companion.massive_activations.page.figures.excerpt import (
    decomposition_bars as decomposition_bars,
)
from companion.massive_activations.page.figures.excerpt import depth_strips as depth_strips
from companion.massive_activations.page.figures.excerpt import excerpt_view as excerpt_view
from companion.massive_activations.page.figures.excerpt import layer_profiles as layer_profiles
from companion.massive_activations.page.figures.excerpt import (
    ratio_over_training as ratio_over_training,
)
from companion.massive_activations.page.figures.fits import curve_anatomy as curve_anatomy
from companion.massive_activations.page.figures.fits import (
    identifiability_cloud as identifiability_cloud,
)
from companion.massive_activations.page.figures.fits import leakage_histogram as leakage_histogram
from companion.massive_activations.page.figures.fits import null_table as null_table
from companion.massive_activations.page.figures.fits import plateau_profiles as plateau_profiles
from companion.massive_activations.page.figures.fits import refits_overlay as refits_overlay
from companion.massive_activations.page.figures.live import answer as answer
from companion.massive_activations.page.figures.live import control_arms as control_arms
from companion.massive_activations.page.figures.live import mini_fits as mini_fits
from companion.massive_activations.page.figures.live import mini_growth as mini_growth
from companion.massive_activations.page.figures.live import perplexity_dots as perplexity_dots
from companion.massive_activations.page.figures.live import real_profile as real_profile
from companion.massive_activations.page.figures.live import sink_and_spike as sink_and_spike
