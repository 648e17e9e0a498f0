"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.distillation_memorization.page.figures.causes import browser_frame as browser_frame
from companion.distillation_memorization.page.figures.causes import filter_frame as filter_frame
from companion.distillation_memorization.page.figures.causes import forced as forced
from companion.distillation_memorization.page.figures.causes import kind_of as kind_of
from companion.distillation_memorization.page.figures.causes import prefix_frame as prefix_frame
from companion.distillation_memorization.page.figures.causes import scatter as scatter
from companion.distillation_memorization.page.figures.causes import venns as venns
from companion.distillation_memorization.page.figures.rates import answer as answer
from companion.distillation_memorization.page.figures.rates import bars as bars
from companion.distillation_memorization.page.figures.rates import curves as curves
from companion.distillation_memorization.page.figures.rates import hard_epochs as hard_epochs
from companion.distillation_memorization.page.figures.rates import heirs as heirs
from companion.distillation_memorization.page.figures.rates import overfit as overfit
from companion.distillation_memorization.page.figures.rates import temperature as temperature
