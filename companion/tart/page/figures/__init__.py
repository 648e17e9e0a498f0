"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.tart.page.figures.learn import curve as curve
from companion.tart.page.figures.learn import losses as losses
from companion.tart.page.figures.learn import noise as noise
from companion.tart.page.figures.learn import schematic as schematic
from companion.tart.page.figures.learn import shipped as shipped
from companion.tart.page.figures.real import answer as answer
from companion.tart.page.figures.real import flips as flips
from companion.tart.page.figures.real import gaps as gaps
from companion.tart.page.figures.real import imbalance as imbalance
from companion.tart.page.figures.real import methods as methods
from companion.tart.page.figures.real import more_examples as more_examples
from companion.tart.page.figures.real import reliability as reliability
from companion.tart.page.figures.real import shrinkage as shrinkage
