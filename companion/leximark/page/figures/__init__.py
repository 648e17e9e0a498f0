"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.leximark.page.figures import published as published
from companion.leximark.page.figures.answer import answer as answer
from companion.leximark.page.figures.answer import decomposition as decomposition
from companion.leximark.page.figures.keys import key_frame as key_frame
from companion.leximark.page.figures.keys import keys as keys
from companion.leximark.page.figures.keys import power as power
from companion.leximark.page.figures.keys import power_frame as power_frame
from companion.leximark.page.figures.paper import paper_slopes as paper_slopes
from companion.leximark.page.figures.scores import curves as curves
from companion.leximark.page.figures.scores import dose as dose
from companion.leximark.page.figures.scores import positions as positions
from companion.leximark.page.figures.scores import removal as removal
from companion.leximark.page.figures.scores import score_frame as score_frame
from companion.leximark.page.figures.scores import stealth as stealth
from companion.leximark.page.figures.text import bars as bars
