"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.quartet.page.figures.bug import answer as answer
from companion.quartet.page.figures.bug import averages as averages
from companion.quartet.page.figures.bug import control as control
from companion.quartet.page.figures.bug import reruns as reruns
from companion.quartet.page.figures.frames import Group as Group
from companion.quartet.page.figures.frames import group_frame as group_frame
from companion.quartet.page.figures.frames import map_frame as map_frame
from companion.quartet.page.figures.frames import product_frame as product_frame
from companion.quartet.page.figures.law import efficiencies as efficiencies
from companion.quartet.page.figures.law import fitted as fitted
from companion.quartet.page.figures.law import maps as maps
from companion.quartet.page.figures.network import curves as curves
from companion.quartet.page.figures.network import depth as depth
from companion.quartet.page.figures.network import gaps as gaps
from companion.quartet.page.figures.numbers import plane as plane
from companion.quartet.page.figures.numbers import scale_rules as scale_rules
