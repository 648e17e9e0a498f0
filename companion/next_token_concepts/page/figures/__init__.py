"""Figures of the chapter.  They only draw: every number comes from a result."""

from companion.next_token_concepts.page.figures.breaking import broken as broken
from companion.next_token_concepts.page.figures.breaking import simulation as simulation
from companion.next_token_concepts.page.figures.breaking import two_ways as two_ways
from companion.next_token_concepts.page.figures.coordinates import answer as answer
from companion.next_token_concepts.page.figures.coordinates import curves as curves
from companion.next_token_concepts.page.figures.coordinates import encoders as encoders
from companion.next_token_concepts.page.figures.coordinates import places as places
from companion.next_token_concepts.page.figures.coordinates import which as which
from companion.next_token_concepts.page.figures.frames import curve_frame as curve_frame
from companion.next_token_concepts.page.figures.frames import recipe_frame as recipe_frame
from companion.next_token_concepts.page.figures.frames import sentence_frame as sentence_frame
from companion.next_token_concepts.page.figures.probes import concepts as concepts
from companion.next_token_concepts.page.figures.probes import dictionaries as dictionaries
from companion.next_token_concepts.page.figures.probes import layers as layers
from companion.next_token_concepts.page.figures.probes import recipe as recipe
from companion.next_token_concepts.page.figures.probes import twins as twins
