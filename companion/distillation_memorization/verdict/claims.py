"""The paper's claims, with the criteria that were fixed before any run.

No threshold was changed after a pilot.  Intervals are 95 %: over seeds, and for counts over seeds
and then sequences.  At toy scale there is one seed: the claims that must hold test the code by
their estimates, the others are not resolved; a factor of some 45 to some 25 sequences is too noisy
to stop the notebook, their order is not.
"""

from companion.claims import Claim, Criterion

LESS = {
    "toy": Criterion("|M_B| / |M_S| above 1.2", low=1.2),
    "book": Criterion("|M_B| / |M_S|: 95 % interval above 1.3", low=1.3),
}

BETTER = {
    "toy": Criterion("held-out loss of B minus S above 0", low=0.0, must_hold=True),
    "book": Criterion("held-out loss of B minus S: 95 % interval above 0", low=0.0),
}

ORDER = {
    "toy": Criterion("|M_T| > |M_B| > |M_S|", low=1.0, closed=True, must_hold=True),
    "book": Criterion(
        "|M_T| > |M_B| > |M_S| in at least 7 of 8 seeds (Wilson interval)", low=7 / 8, closed=True
    ),
}

COOLER = {
    "toy": Criterion("|M_S| at tau 4 over tau 2 below 1", high=1.0, of="ratio of counts"),
    "book": Criterion("slope of log odds on log2 tau: 95 % interval below 0", high=0.0, of="slope"),
}

EASY = {
    "toy": Criterion(
        "share of M_S in E above 0.5, and above 8 times E's share of D", low=8.0, must_hold=True
    ),
    "book": Criterion(
        "95 % intervals: share of M_S in E above 0.6, enrichment over E's share of D above 5",
        low=5.0,
    ),
}
EASY_SHARE = {"toy": Criterion("above 0.5", low=0.5), "book": Criterion("above 0.6", low=0.6)}

ZLIB_BYTES = -5.0
ZLIB = {
    "toy": Criterion(
        "zlib length of M_B minus all of D below -5 bytes, Welch p < 0.01", high=ZLIB_BYTES
    ),
    "book": Criterion(
        "zlib length of M_B minus all of D below -5 bytes with Welch p < 0.01 in "
        "every seed; 95 % interval over seeds",
        high=ZLIB_BYTES,
    ),
}
SMALL_P = Criterion("below 0.01", high=0.01)

AUC = {
    "toy": Criterion(
        "mean AUC of 100 resamples above 0.85; permuted labels 0.45 to 0.55", low=0.85
    ),
    "book": Criterion(
        "95 % intervals over seeds: AUC above 0.9, permuted labels 0.45 to 0.55", low=0.9
    ),
}
PERMUTED = Criterion("0.45 to 0.55", low=0.45, high=0.55, closed=True)

FILTER = {
    "book": Criterion("memorized after filtering over before: 95 % interval below 0.4", high=0.4),
}

HARD_MORE = {
    "toy": Criterion("(|I_H| + 1/2) / (|I_S| + 1/2) above 1.5", low=1.5, must_hold=True),
    "book": Criterion("(|I_H| + 1/2) / (|I_S| + 1/2): 95 % interval above 1.5", low=1.5),
}

SAME = Criterion("|M_H| / |M_S| between 0.8 and 1.25", low=0.8, high=1.25)

CONTROL = {
    "toy": Criterion(
        "held-out rate of S over its training rate below 0.5; a teacher that never "
        "read D passes on less than a quarter",
        high=0.5,
    ),
    "book": Criterion(
        "95 % intervals: held-out rate of S over its training rate below 0.5; a "
        "teacher that never read D passes on less than a quarter",
        high=0.5,
    ),
}
QUARTER = Criterion("below 0.25", high=0.25)


def _scales(criteria: dict[str, Criterion]) -> dict[str, Criterion]:
    """The paper scale is judged as the book's."""
    return criteria | {"paper": criteria["book"]}


CLAIMS = (
    Claim(
        "1",
        "A distilled student memorizes less of D word for word than a baseline fine-tuned on D.",
        "2.4 times less (Pythia, FineWeb: 0.17 % against 0.07 %)",
        _scales(LESS),
        "ratio",
        of="paper",
        on="model",
    ),
    Claim(
        "1b",
        "The student predicts held-out text better than the baseline.",
        "loss 2.85 against 2.87 (Pythia, FineWeb)",
        _scales(BETTER),
        "nats per token",
        of="paper",
        on="model",
    ),
    Claim(
        "order",
        "The teacher memorizes most, then the baseline, then the student.",
        "0.33, 0.17, 0.07 % (Pythia, FineWeb), same order in all settings",
        _scales(ORDER),
        "share of seeds",
        of="paper",
        on="model",
    ),
    Claim(
        "tau",
        "The higher the temperature of distillation, the less is memorized.",
        "a figure without numbers",
        _scales(COOLER),
        of="paper",
        on="model",
    ),
    Claim(
        "2",
        "Most of what the student memorizes is easy: teacher and baseline memorize it too.",
        "95.7 % of M_S in E (Pythia, FineWeb); 88, 85, 70 % elsewhere",
        _scales(EASY),
        "times",
        of="paper",
        on="model",
    ),
    Claim(
        "2b",
        "What is memorized compresses well.",
        "a tight cluster of low zlib entropy (a figure)",
        _scales(ZLIB),
        "bytes",
        of="paper",
        on="model",
    ),
    Claim(
        "3",
        "What the student will memorize can be predicted before distilling.",
        "AUC 0.9997 against random negatives (Pythia, FineWeb)",
        _scales(AUC),
        "AUC",
        of="paper",
        on="model",
    ),
    Claim(
        "3b",
        "Without the sequences that the classifier flags, hardly anything is memorized.",
        "4 of 706 left (Pythia, FineWeb)",
        _scales(FILTER),
        "ratio",
        of="paper",
        on="model",
    ),
    Claim(
        "4",
        "A hard student inherits more of what only the teacher knew than a soft one.",
        "50 against 18 sequences: 2.8 times",
        _scales(HARD_MORE),
        "ratio",
        of="paper",
        on="model",
    ),
    Claim(
        "4b",
        "Hard and soft students memorize at about the same overall rate.",
        "0.07 % both (Pythia, FineWeb)",
        dict.fromkeys(("toy", "book", "paper"), SAME),
        "ratio",
        of="paper",
        on="model",
    ),
    Claim(
        "control",
        "It is memory: text that was never trained on is completed far more rarely.",
        "not reported",
        _scales(CONTROL),
        "ratio",
        of="ours",
        on="model",
    ),
)

BY_ID = {claim.id: claim for claim in CLAIMS}
