"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.gaussian_rbf.page.figures.reading import coordinates as coordinates
from companion.gaussian_rbf.page.figures.reading import decay as decay
from companion.gaussian_rbf.page.figures.reading import features as features
from companion.gaussian_rbf.page.figures.reading import formula_frame as formula_frame
from companion.gaussian_rbf.page.figures.reading import path_frame as path_frame
from companion.gaussian_rbf.page.figures.reading import penalties as penalties
from companion.gaussian_rbf.page.figures.reading import pixels as pixels
from companion.gaussian_rbf.page.figures.reading import plane as plane
from companion.gaussian_rbf.page.figures.reading import scores as scores
from companion.gaussian_rbf.page.figures.reading import turned as turned
from companion.gaussian_rbf.page.figures.rotation import answer as answer
from companion.gaussian_rbf.page.figures.rotation import authors_log as authors_log
from companion.gaussian_rbf.page.figures.rotation import dead_start as dead_start
from companion.gaussian_rbf.page.figures.rotation import rotated_frame as rotated_frame
from companion.gaussian_rbf.page.figures.rotation import start_frame as start_frame
from companion.gaussian_rbf.page.figures.rotation import structures as structures
from companion.gaussian_rbf.page.figures.rotation import sweep as sweep
