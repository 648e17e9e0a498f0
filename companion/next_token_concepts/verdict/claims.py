"""The chapter's claims, with the criteria that were fixed before the run.

One of them had to be widened in a pilot.  How much is lost when names are merged depends on the
world more than we had thought (R^2 of 0.93 and 0.65 had been computed beforehand), so E7 asks for
the order in every world and for bounds on the mean.
"""

from companion.claims import Claim, Criterion
from companion.scale import SCALES

CLEAR_GAP = Criterion("above 0.04", low=0.04)
OVER_BAG = Criterion("above 0.1", low=0.1)
ORACLE = Criterion("at least 0.97", low=0.97, closed=True)
UNTRAINED = Criterion("below 0.5", high=0.5)
FITS = {
    "toy": Criterion("at least 0.90", low=0.9, closed=True),
    "book": Criterion("at least 0.95", low=0.95, closed=True),
}
SLOPE = Criterion("between 0.9 and 1.1", low=0.9, high=1.1)
POSITIVE = Criterion("above 0", low=0.0)
NEGATIVE = Criterion("below 0", high=0.0)
AT_LEAST_09 = Criterion("at least 0.9", low=0.9, closed=True)
AT_MOST_06 = Criterion("at most 0.6", high=0.6, closed=True)
NEARLY_ONE = Criterion("above 0.99", low=0.99)
BELOW_095 = Criterion("below 0.95", high=0.95)
ABOVE_09 = Criterion("above 0.9", low=0.9)
EXACTLY = Criterion("below 1e-8", high=1e-8)
SMALL_GAP = Criterion("at most 0.03", high=0.03, closed=True)
WITHIN = Criterion("within 0.05", high=0.05, closed=True)
NO_DIRECTION = Criterion("between -0.1 and 0.1", low=-0.1, high=0.1)
TWIN_SLOPE = Criterion("between 0.85 and 1.1", low=0.85, high=1.1)
ABOVE_HALF = Criterion("above 0.5", low=0.5)

RANKS = {1: 15, 2: 7, 4: 3}
FULL = Criterion("above 0.99", low=0.99)
EVERY = Criterion("in every world", low=1.0, closed=True)
NAMED = Criterion("above 0.98", low=0.98)
BELOW_06 = Criterion("below 0.6", high=0.6)
AT_LEAST_095 = Criterion("at least 0.95", low=0.95, closed=True)


def _every(criterion: Criterion) -> dict[str, Criterion]:
    return dict.fromkeys(SCALES, criterion)


def _scales(toy: Criterion | None, book: Criterion) -> dict[str, Criterion]:
    found = {"book": book, "paper": book}
    return {"toy": toy, **found} if toy else found


E1 = _scales(
    Criterion(
        "eta 0.01, R2_enc from log marginals at least 0.90; minus posterior above 0.04; "
        "untrained below 0.5",
        low=0.9,
        closed=True,
        must_hold=True,
    ),
    Criterion(
        "eta 0.01, R2_enc from log marginals at least 0.95; minus posterior above 0.04, "
        "minus counts above 0.1; from the exact logits at least 0.97; untrained below 0.5",
        low=0.95,
        closed=True,
    ),
)
E2 = _scales(
    Criterion(
        "R2 of contrasts around g_eta, nothing fitted, at least 0.90 at eta 0.01 and at 0.3",
        low=0.9,
        closed=True,
        must_hold=True,
    ),
    Criterion(
        "R2 of contrasts around g_eta, nothing fitted, at least 0.95 at eta 0.01 and at 0.3; "
        "slope's interval (clusters: seeds) within 0.9 to 1.1",
        low=0.95,
        closed=True,
    ),
)
E3 = _scales(
    Criterion(
        "R2_enc from log marginals minus posterior: above 0 at eta 0.01, below 0 at 0.3",
        low=0.0,
        must_hold=True,
    ),
    Criterion(
        "R2_enc from log marginals minus posterior: above 0 at eta 0.002, 0.01 and 0.05, "
        "below 0 at 0.3 and 0.45",
        low=0.0,
    ),
)
E4 = _scales(
    Criterion(
        "concepts without a hint of their own: R2_dec from f_x minus from word counts above 0.3",
        low=0.3,
        must_hold=True,
    ),
    Criterion(
        "concepts without a hint of their own: R2_dec from f_x minus from word counts above "
        "0.3; from f_x at least 0.9, from counts at most 0.6",
        low=0.3,
    ),
)
SMALL_EPS = (
    "no-fit R2 of the theorem's A at 96 words below 0.4, above 0.9 at 4 words, rising from every "
    "eps to the next; with sharper names from below 0.95 to above 0.99; identity to 1e-8"
)
E5 = _scales(Criterion(SMALL_EPS, high=0.4, must_hold=True), Criterion(SMALL_EPS, high=0.4))
E6 = _scales(
    None,
    Criterion(
        "accuracy of a linear probe rises with the number of bits (slope above 0 for "
        "every graph); gap "
        "to Bayes at most 0.03; above a line on the raw bits at 6 and 8 bits",
        low=0.0,
    ),
)
DIVERSE = (
    "names merged by 1, 2, 4: rank 15, 7, 3, and R2 of log p(c|x) from exact logits above 0.99, "
    "lower, and below 0.8; a concept that is never named: R2_dec from above 0.98 to below 0.6"
)
E7 = _scales(
    Criterion(DIVERSE, high=0.8, must_hold=True),
    Criterion(f"{DIVERSE}; trained within 0.05 of exact", high=0.8),
)
E8 = _every(
    Criterion(
        "R2_enc from log marginals at kappa 0.4 below 0.6, at kappa 0 at least 0.95; with the last "
        "word at least 0.95 at kappa 0.4",
        high=0.6,
    )
)
E9 = _scales(
    Criterion(
        "isotropic noise: same-pair diagonal above 0.95, held-out mean within 0.1 of 0",
        low=0.95,
        must_hold=True,
    ),
    Criterion(
        "isotropic noise: same-pair diagonal above 0.95, held-out interval within 0.1 of 0; "
        "concept world: held-out diagonal above 0.5; scale-aware slope at eta 0.01 within "
        "0.85 to 1.1",
        low=0.95,
    ),
)
E10 = _scales(
    None,
    Criterion(
        "correlation of the supervised probe minus that of the best autoencoder above "
        "0; no direction "
        "is required between the variants",
        low=0.0,
    ),
)
E11 = _every(
    Criterion(
        "last layer: held-out diagonal minus its matched null above 0 (interval over "
        "concepts); with "
        "random weights the interval is not above 0",
        low=0.0,
    )
)

CLAIMS = (
    Claim(
        "E1",
        "The last hidden vector is a linear image of the concepts' log posterior.",
        "Theorem 3.1: f_x = A log p(c|x) + b, up to a residual",
        E1,
        "R²",
        of="paper",
        on="model",
    ),
    Claim(
        "E2",
        "Which function of it can be computed in advance, with nothing fitted.",
        "not in the paper; derived here",
        E2,
        "R²",
        of="ours",
        on="model",
    ),
    Claim(
        "E3",
        "Log posterior or posterior: the sharpness of the names decides.",
        "log posterior",
        E3,
        "R²",
        of="ours",
        on="model",
    ),
    Claim(
        "E4",
        "The network computes concepts that no word names.",
        "Corollary 4.3: concepts are linearly separable",
        E4,
        "R²",
        of="paper",
        on="model",
    ),
    Claim(
        "E5",
        "Small uncertainty eps does not help if it comes from long contexts.",
        "the residual vanishes as eps goes to 0 (with conditions)",
        E5,
        "R²",
        of="ours",
        on="model",
    ),
    Claim(
        "E6",
        "In the paper's simulation, probes follow the ceiling of Bayes.",
        "accuracy rises with the number of observed variables (figure, no numbers)",
        E6,
        "accuracy per bit",
        of="ours",
        on="model",
    ),
    Claim(
        "E7",
        "Without diverse names the log posterior cannot be read off.",
        "diversity condition",
        E7,
        "R²",
        of="ours",
        on="model",
    ),
    Claim(
        "E8",
        "Without independence given the concepts the form fails.",
        "y independent of x given c",
        E8,
        "R²",
        of="ours",
        on="model",
    ),
    Claim(
        "E9",
        "Directions and probes agree on pairs not used for both.",
        "diagonal of A_s W_s near 1 (heat maps, same pairs)",
        E9,
        "cosine",
        of="ours",
        on="model",
    ),
    Claim(
        "E10",
        "A supervised probe finds concepts better than sparse autoencoders.",
        "all autoencoders below 0.8; structured best (Figure 4)",
        E10,
        "correlation",
        of="paper",
        on="model",
    ),
    Claim(
        "E11",
        "In a real model directions and probes agree on held-out word pairs.",
        "Pythia, Llama, DeepSeek: diagonal near 1, same pairs",
        E11,
        "cosine",
        of="ours",
    ),
)

BY_ID = {claim.id: claim for claim in CLAIMS}
