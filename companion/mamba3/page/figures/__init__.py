"""The chapter's figures.  They only draw: every number comes from a result."""

from companion.mamba3.page.figures.idea import areas as areas
from companion.mamba3.page.figures.idea import mask_factors as mask_factors
from companion.mamba3.page.figures.idea import mistakes as mistakes
from companion.mamba3.page.figures.idea import order_view as order_view
from companion.mamba3.page.figures.idea import orders as orders
from companion.mamba3.page.figures.idea import roofline_view as roofline_view
from companion.mamba3.page.figures.idea import rotor_view as rotor_view
from companion.mamba3.page.figures.models import ablation as ablation
from companion.mamba3.page.figures.models import answer as answer
from companion.mamba3.page.figures.models import contexts as contexts
from companion.mamba3.page.figures.models import decode as decode
from companion.mamba3.page.figures.models import drifting as drifting
from companion.mamba3.page.figures.models import forgetting as forgetting
from companion.mamba3.page.figures.models import learned_turns as learned_turns
from companion.mamba3.page.figures.models import reading_lengths as reading_lengths
from companion.mamba3.page.figures.models import state_sizes as state_sizes
from companion.mamba3.page.figures.models import tracking as tracking
