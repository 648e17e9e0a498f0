"""Border results of the chapter."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np

from companion.claims import DOES_NOT_HOLD, NOT_RESOLVED
from companion.data import Missing
from companion.leximark.lab.run import Run, SeedResult
from companion.leximark.verdict import verdicts
from tests.borders import CORRECTED, CROSSES, NONE, ONE_FAILS, PAIRED, Border
from tests.leximark import made


@cache
def perfect():
    return made.results()


def of(**changed):
    return lambda scale="book": verdicts.evaluate(
        SimpleNamespace(**vars(perfect()) | changed), scale
    )


clean = of()


def first_seed(run, **changed):
    """The run with another first seed."""
    first = SeedResult(**{**vars(run.results[0]), **changed})
    return Run(run.model, (first, *run.results[1:]))


def lumpy(run):
    """The run with one member in ten so high that the t-test sees nothing else."""
    changed = []
    for one in run.results:
        mark = one.arms["LexiMark"]
        trained = dict(mark.trained)
        trained["A.a"] = trained["A.a"] + 500 * (np.arange(len(trained["A.a"])) % 10 == 0)
        arms = {**one.arms, "LexiMark": replace(mark, trained=trained)}
        changed.append(replace(one, arms=arms))
    return Run(run.model, tuple(changed))


def one_seed_of(run, other):
    """The run with the arms of another in its first seed."""
    return first_seed(run, arms=other.results[0].arms)


FLAT = {"LexiMark": {"levels": (0.75, 0.75), "nats": 5.05}}
WORSE = {"LexiMark": {"levels": (0.70, 0.70), "nats": 5.05}}
IDLE = {"LexiMark": {"learned": 0.01, "nats": 5.05}}

OPEN = (NOT_RESOLVED,)

BORDERS = [
    Border("C1", CROSSES, "LexiMark adds nothing to SmolLM2", of(smol=made.smol(**FLAT)), OPEN),
    Border(
        "C1",
        ONE_FAILS,
        "one seed loses a lot",
        of(smol=one_seed_of(made.smol(), made.smol(LexiMark={"levels": (0.5, 0.51)}))),
    ),
    Border("C1", PAIRED, "the word model repeats the opposite", of(words=made.run(**WORSE)), OPEN),
    Border("C1", ONE_FAILS, "SmolLM2 loses", of(smol=made.smol(**WORSE)), (DOES_NOT_HOLD,)),
    Border("C1", NONE, "an arm of SmolLM2 was not trained", of(smol=made.smol(**IDLE)), OPEN),
    Border("C1", NONE, "an arm was not trained", of(words=made.run(**IDLE)), OPEN),
    Border(
        "C2",
        CROSSES,
        "no gain with one dictionary",
        of(words=made.run(LexiMark={"levels": (0.75, 0.95)})),
    ),
    Border(
        "C3",
        CROSSES,
        "commoner words change nothing",
        of(words=made.run(commoner_synonyms={"levels": (0.75, None)})),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "commoner words help",
        of(words=made.run(commoner_synonyms={"levels": (0.85, None)})),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C4",
        CROSSES,
        "the untrained model is 0.095 from chance",
        of(words=made.run(LexiMark={"untrained": 0.34})),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "one arm is far from chance",
        of(words=made.run(two_keys={"untrained": 1.0})),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C6",
        CROSSES,
        "the dictionary leaves nothing",
        of(smol=made.smol(two_keys={"dictionary": 0.0})),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "not in the word model",
        of(words=made.run(two_keys={"dictionary": -0.4})),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "untrained SmolLM2 is far from chance",
        of(smol=made.smol(two_keys={"untrained": 1.0})),
        OPEN,
    ),
    Border(
        "C7",
        CROSSES,
        "the last dose falls back",
        of(words=made.run(two_keys={"dictionary": -0.35})),
    ),
    Border(
        "C8",
        ONE_FAILS,
        "half of the printed pairs reach it",
        of(printed=made.printed(mark=85.0)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C8",
        NONE,
        "scores of the word model do not follow eq. 7",
        of(words=lumpy(made.run())),
        OPEN,
    ),
    Border(
        "C9",
        ONE_FAILS,
        "a key of SmolLM2 comes second",
        of(smol=first_seed(made.smol(), keyed=made.keyed(-2.08, n=19))),
    ),
    Border(
        "C9",
        CORRECTED,
        "one other key of 99 scores higher",
        of(words=first_seed(perfect().words, keyed=made.keyed(-2.06, seed=3))),
    ),
    Border("C9", ONE_FAILS, "a fifth of the innocent is accused", of(words=made.run(innocent=0.2))),
    Border(
        "C11",
        CROSSES,
        "removal leaves nothing",
        of(words=made.run(replaced_again={"levels": (None, 0.75)})),
    ),
    Border("C11", NONE, "there is nothing to remove", of(words=made.run(**FLAT)), (NOT_RESOLVED,)),
    Border(
        "C12",
        CROSSES,
        "a random sequence is as good",
        of(words=made.run(random_sequence={"levels": (None, 0.95)})),
    ),
    Border(
        "C12",
        ONE_FAILS,
        "letters are better, in a word model",
        of(words=made.run(lookalike_letters={"levels": (0.99, None)})),
        OPEN,
    ),
    Border(
        "C13",
        CROSSES,
        "random words are as good",
        of(words=made.run(random_words={"levels": (0.80, None)})),
    ),
    Border(
        "C13",
        ONE_FAILS,
        "random words are better, in a word model",
        of(words=made.run(random_words={"levels": (0.86, None)})),
        OPEN,
    ),
    Border("C14", CROSSES, "0.903 of the sentences", of(qualities=made.qualities(share=0.903))),
    Border("C14", ONE_FAILS, "a thesaurus", of(qualities=made.qualities(share=0.5)), OPEN),
    Border("C15", ONE_FAILS, "a thesaurus", of(smol=made.smol(LexiMark={"nats": 6.0})), OPEN),
    Border("C16", ONE_FAILS, "a thesaurus", of(qualities=made.qualities(seen=0.9)), OPEN),
    Border(
        "C11",
        ONE_FAILS,
        "removal leaves less than no mark, in a word model",
        of(words=made.run(replaced_again={"levels": (None, 0.6)})),
        OPEN,
    ),
    Border(
        "C15",
        CROSSES,
        "perplexity times 1.2499",
        of(smol=made.smol(LexiMark={"nats": 5 + np.log(1.2499)})),
    ),
    Border("C16", CROSSES, "a detector reaches 0.598", of(qualities=made.qualities(seen=0.598))),
    Border(
        "C16",
        ONE_FAILS,
        "unmarked halves differ",
        of(qualities=made.qualities(unmarked=0.65)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C17",
        ONE_FAILS,
        "the printed tables",
        of(printed=made.load_tables(made.data.fetch("leximark/paper_tables.csv"))),
        (DOES_NOT_HOLD,),
    ),
]

GONE = Missing("nothing is here")
VARIANTS = {"nothing is here": of(**dict.fromkeys(vars(perfect()), GONE))}
