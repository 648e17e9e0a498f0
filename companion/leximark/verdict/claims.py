"""The paper's claims and the chapter's own, with the criteria that were fixed before any run.

At toy scale one seed is run.  It tests the code, through the claims that a sound program meets at
any seed (the keyed test and the metric); what depends on the training stays open.  At book scale a
95 % interval must lie inside, for both models.
"""

from companion.claims import OURS, PAPER, Claim, Criterion

GAIN_TOY = Criterion("AUROC(LexiMark, dictionary per half) - AUROC(none) above 0.05", low=0.05)
GAIN = Criterion("the same difference above 0.03, 95 % interval, both models", low=0.03)
GAIN_PART = Criterion("above 0.03", low=0.03)

SHARED = Criterion(
    "AUROC(LexiMark, one dictionary for both halves) - AUROC(none) above 0, 95 % interval, each "
    "model that is run",
    low=0.0,
)
ABOVE_ZERO = Criterion("above 0", low=0.0)

DIRECTION_TOY = Criterion("AUROC(commoner synonyms) - AUROC(none) below 0", high=0.0)
DIRECTION = Criterion("the same difference below 0, 95 % interval, both models", high=0.0)
BELOW_ZERO = Criterion("below 0", high=0.0)

LEAK_TOY = Criterion("AUROC of the untrained model within 0.08 of 0.5 in every arm", high=0.08)
LEAK = Criterion(
    "AUROC of the untrained model within 0.08 of 0.5 in every arm, each arm's whole 95 % interval, "
    "both models (the far end of the farthest is shown)",
    high=0.08,
)

BLIND = Criterion(
    "AUROC of naive Bayes without a model: above 0.8 with a dictionary per half, below 0.6 with "
    "one dictionary",
    low=0.8,
)
BLIND_SHARED = Criterion("below 0.6", high=0.6)

DICTIONARY_TOY = Criterion(
    "AUROC of held-out documents under the trained against another dictionary above 0.57; share of "
    "member documents that score higher under their own dictionary above 0.9",
    low=0.57,
)
WINS_TOY = Criterion("above 0.9", low=0.9)
DICTIONARY = Criterion(
    "the same AUROC above 0.57 and share above 0.95, 95 % intervals, both models; before training "
    "the intervals of both within 0.08 of 0.5",
    low=0.57,
)
DICTIONARY_PART = Criterion("above 0.57", low=0.57)
WINS = Criterion("above 0.95", low=0.95)
CHANCE = Criterion("within 0.08 of 0.5", low=0.42, high=0.58)

DOSE = Criterion(
    "slope of AUROC on K, dictionary per half, above 0, 95 % interval over seeds", low=0.0
)

RECORDS = Criterion(
    "records a side needed without mark minus with LexiMark above 0, 95 % interval over seeds; "
    "prediction and simulation within 2 records in every seed, for LexiMark and for none",
    low=0.0,
)
MOST_APART = 2
"""Records between prediction and simulation: a check of the formula on each seed's own scores."""

KEY_TOY = Criterion(
    "rank p of the trained model at most 0.05 with 19 other keys",
    high=0.05,
    closed=True,
    must_hold=True,
)
KEY = Criterion(
    "rank p 0.01 with 99 other keys, both models; uniformity of the innocent tests' p not rejected "
    "(Kolmogorov-Smirnov, 5 %)",
    high=0.01,
    closed=True,
)
SMALLEST = Criterion("at most 0.01", high=0.01, closed=True)
REJECTED = 0.05
"""Below this Kolmogorov-Smirnov p the innocent tests are not uniform."""

STEALTH = Criterion(
    "cosine of the strictest filter minus that without a filter above 0, and AUROC without a "
    "filter minus that of the strictest above 0, 95 % intervals over documents and seeds",
    low=0.0,
)

REMOVAL = Criterion(
    "slope of AUROC on the share of marked words replaced again below 0, 95 % interval over seeds; "
    "each step from one share to the next below 0; AUROC at a quarter minus AUROC(none) above 0",
    high=0.0,
)

METRIC = Criterion(
    "largest difference to scikit-learn at most 1e-12", high=1e-12, closed=True, must_hold=True
)


def _toy_and_larger(toy: Criterion, larger: Criterion) -> dict[str, Criterion]:
    return {"toy": toy, "book": larger, "paper": larger}


def _larger(criterion: Criterion) -> dict[str, Criterion]:
    return dict.fromkeys(("book", "paper"), criterion)


GAINS = "gains of 2.5 to 25.7 points (project page's two tables); 69.1 to 94.8 on BookMIA"

CLAIMS = (
    Claim(
        "C1",
        "Under the authors' protocol, a dictionary per half, LexiMark makes members much easier to "
        "tell from non-members.",
        GAINS,
        _toy_and_larger(GAIN_TOY, GAIN),
        "AUROC",
        of=PAPER,
    ),
    Claim(
        "C2",
        "With one dictionary for both halves, so that only the record itself can tell, LexiMark "
        "still helps.",
        "not separated in the paper",
        dict.fromkeys(("toy", "book", "paper"), SHARED),
        "AUROC",
        of=OURS,
    ),
    Claim(
        "C3",
        "The direction matters: commoner synonyms make members harder to tell.",
        "rare words leave the deeper trace (abstract)",
        _toy_and_larger(DIRECTION_TOY, DIRECTION),
        "AUROC",
        of=OURS,
    ),
    Claim(
        "C4",
        "A model that saw none of the texts cannot tell the halves apart.",
        "",
        _toy_and_larger(LEAK_TOY, LEAK),
        "AUROC",
        of=OURS,
    ),
    Claim(
        "C5",
        "With a dictionary per half no language model is needed to tell the halves apart; with one "
        "dictionary nothing can be told without one.",
        "not in the paper",
        dict.fromkeys(("toy", "book", "paper"), BLIND),
        "AUROC",
        of=OURS,
    ),
    Claim(
        "C6",
        "The model has learned the dictionary: it prefers it also on documents that it never saw.",
        "not in the paper",
        _toy_and_larger(DICTIONARY_TOY, DICTIONARY),
        "AUROC",
        of=OURS,
    ),
    Claim(
        "C7",
        "More replaced words per sentence, more AUROC.",
        "K = 5 in the main tables",
        _larger(DOSE),
        "AUROC per word",
        of=OURS,
    ),
    Claim(
        "C8",
        "With the mark an owner needs fewer records for a t-test.",
        "six records suffice (project page)",
        _larger(RECORDS),
        "records",
        of=PAPER,
    ),
    Claim(
        "C9",
        "A secret key gives a test with an exact false-positive rate and no held-out documents.",
        "not in the paper",
        _toy_and_larger(KEY_TOY, KEY),
        "p",
        of=OURS,
    ),
    Claim(
        "C10",
        "Meaning and strength trade off: a stricter filter keeps the meaning and weakens the mark.",
        "the text stays natural (abstract)",
        _larger(STEALTH),
        "cosine",
        of=OURS,
    ),
    Claim(
        "C11",
        "Replacing marked words again before training weakens the mark step by step, and a quarter "
        "does not remove it.",
        "robust to re-substitution (abstract)",
        _larger(REMOVAL),
        "AUROC per share",
        of=PAPER,
    ),
    Claim(
        "metric",
        "Our AUROC is scikit-learn's.",
        "",
        dict.fromkeys(("toy", "book", "paper"), METRIC),
        of=OURS,
    ),
)

BY_ID = {claim.id: claim for claim in CLAIMS}
