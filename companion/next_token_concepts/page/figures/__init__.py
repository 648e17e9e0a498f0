"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.next_token_concepts.page.figures.probes import concepts as concepts
from companion.next_token_concepts.page.figures.probes import curve_frame as curve_frame
from companion.next_token_concepts.page.figures.probes import dictionaries as dictionaries
from companion.next_token_concepts.page.figures.probes import layers as layers
from companion.next_token_concepts.page.figures.probes import recipe as recipe
from companion.next_token_concepts.page.figures.probes import recipe_frame as recipe_frame
from companion.next_token_concepts.page.figures.probes import sentence_frame as sentence_frame
from companion.next_token_concepts.page.figures.probes import twins as twins
from companion.next_token_concepts.page.figures.theorem import answer as answer
from companion.next_token_concepts.page.figures.theorem import broken as broken
from companion.next_token_concepts.page.figures.theorem import curves as curves
from companion.next_token_concepts.page.figures.theorem import encoders as encoders
from companion.next_token_concepts.page.figures.theorem import places as places
from companion.next_token_concepts.page.figures.theorem import simulation as simulation
from companion.next_token_concepts.page.figures.theorem import two_ways as two_ways
from companion.next_token_concepts.page.figures.theorem import which as which
