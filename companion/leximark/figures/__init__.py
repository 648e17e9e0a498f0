"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.leximark.figures import published as published
from companion.leximark.figures.answer import answer as answer
from companion.leximark.figures.answer import decomposition as decomposition
from companion.leximark.figures.keys import key_frame as key_frame
from companion.leximark.figures.keys import keys as keys
from companion.leximark.figures.keys import power as power
from companion.leximark.figures.keys import power_frame as power_frame
from companion.leximark.figures.paper import paper_slopes as paper_slopes
from companion.leximark.figures.scores import curves as curves
from companion.leximark.figures.scores import dose as dose
from companion.leximark.figures.scores import positions as positions
from companion.leximark.figures.scores import removal as removal
from companion.leximark.figures.scores import score_frame as score_frame
from companion.leximark.figures.scores import stealth as stealth
from companion.leximark.figures.text import bars as bars
