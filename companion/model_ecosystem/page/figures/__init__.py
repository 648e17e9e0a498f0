"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.model_ecosystem.page.figures.direction import coverage as coverage
from companion.model_ecosystem.page.figures.direction import license_order as license_order
from companion.model_ecosystem.page.figures.direction import orders as orders
from companion.model_ecosystem.page.figures.direction import pair_frame as pair_frame
from companion.model_ecosystem.page.figures.direction import rates as rates
from companion.model_ecosystem.page.figures.kin import answer as answer
from companion.model_ecosystem.page.figures.kin import comparison_frame as comparison_frame
from companion.model_ecosystem.page.figures.kin import comparisons as comparisons
from companion.model_ecosystem.page.figures.kin import similarity as similarity
from companion.model_ecosystem.page.figures.law import families as families
from companion.model_ecosystem.page.figures.law import law_frame as law_frame
from companion.model_ecosystem.page.figures.law import regimes as regimes
from companion.model_ecosystem.page.figures.law import threshold as threshold
from companion.model_ecosystem.page.figures.published import comparison_table as comparison_table
from companion.model_ecosystem.page.figures.published import (
    published_comparisons as published_comparisons,
)
from companion.model_ecosystem.page.figures.published import published_rates as published_rates
from companion.model_ecosystem.page.figures.trees import cards as cards
from companion.model_ecosystem.page.figures.trees import growth as growth
from companion.model_ecosystem.page.figures.trees import scaling as scaling
from companion.model_ecosystem.page.figures.trees import tree_frame as tree_frame
