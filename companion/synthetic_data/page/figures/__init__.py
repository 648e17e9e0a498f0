"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.synthetic_data.page.figures.loops import answer as answer
from companion.synthetic_data.page.figures.loops import artifact as artifact
from companion.synthetic_data.page.figures.loops import chains as chains
from companion.synthetic_data.page.figures.loops import curves as curves
from companion.synthetic_data.page.figures.loops import generations as generations
from companion.synthetic_data.page.figures.loops import knots as knots
from companion.synthetic_data.page.figures.loops import reliability as reliability
from companion.synthetic_data.page.figures.loops import repair as repair
from companion.synthetic_data.page.figures.loops import sizes as sizes
from companion.synthetic_data.page.figures.loops import threshold_frame as threshold_frame
from companion.synthetic_data.page.figures.others import checks as checks
from companion.synthetic_data.page.figures.others import law as law
from companion.synthetic_data.page.figures.others import law_frame as law_frame
from companion.synthetic_data.page.figures.others import lives as lives
from companion.synthetic_data.page.figures.others import reliability_frame as reliability_frame
from companion.synthetic_data.page.figures.others import students as students
from companion.synthetic_data.page.figures.others import survival as survival
from companion.synthetic_data.page.figures.others import survival_frame as survival_frame
from companion.synthetic_data.page.figures.others import tables as tables
from companion.synthetic_data.page.figures.others import variety as variety
