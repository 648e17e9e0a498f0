"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.leximark.page.figures import published as published
from companion.leximark.page.figures.auroc import answer as answer
from companion.leximark.page.figures.auroc import curves as curves
from companion.leximark.page.figures.auroc import decomposition as decomposition
from companion.leximark.page.figures.auroc import dose as dose
from companion.leximark.page.figures.auroc import positions as positions
from companion.leximark.page.figures.auroc import removal as removal
from companion.leximark.page.figures.auroc import score_frame as score_frame
from companion.leximark.page.figures.auroc import stealth as stealth
from companion.leximark.page.figures.keys import bars as bars
from companion.leximark.page.figures.keys import key_frame as key_frame
from companion.leximark.page.figures.keys import keys as keys
from companion.leximark.page.figures.keys import paper_slopes as paper_slopes
from companion.leximark.page.figures.keys import power as power
from companion.leximark.page.figures.keys import power_frame as power_frame
