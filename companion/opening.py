"""The first screen of a chapter: the answer, three takeaways, the verdicts, and what it takes.

An author writes five sentences, into the metadata of the notebook's cell tagged ``card``::

    "opening": {
      "answer": {"says": "Five runs miss by {error_by_k[k=5, pool=1.05B].mean} %.",
                 "given": {"4": "holds"}},
      "takeaways": [{"says": "...", "given": {"C2": "not resolved"}}, ...three of them],
      "needs": "least squares and logarithms"
    }

Everything else, and every number, comes from the register, the record, and the notebook itself.
Numbers are named in braces: ``{C2}`` is a claim's estimate with its interval, ``{C2.estimate}``,
``{C2.low}``, ``{C2.high}`` and ``{C2.n}`` are parts of it, in the digits that the interval allows,
and ``{C2:table[column=value, ...].column}`` is an entry of the record's series, with the claim
that covers it, and with its interval where the series has columns ``column_low`` and
``column_high``.

A sentence was written for certain verdicts (``given``), those of all claims whose numbers it
quotes among them.  When the record has others, the claims themselves stand in its place, with what
was measured, until somebody writes it anew.  Each sentence has a number, and at least
:data:`LEAST_WORDS` words.  While the record is older than the code, no verdict is counted, and
sentences of before are not refused (:func:`check`).

In the notebook the cells are: card (title, question, answer, verdicts), setup, the hero figure
(tag ``hero``), and the rest (tag ``opening``).  Setup has to run before the figure; the page shows
it below (:func:`companion.publish.clean.arrange`).  A card without these lines is the card alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nbformat

from companion import catalogue
from companion.project import Project
from companion.scoreboard import duration

KEY = "opening"
"""Name of the lines in the card's metadata, and the tag of the cell below the hero figure."""

HERO = "hero"
"""Tag of the cell that draws the first figure."""

TAKEAWAYS = 3

LEAST_WORDS = 5
"""Under so many words there is no sentence."""

TIME = "time"
"""``{time}`` in a sentence or in prose is the run time of the published run."""

WORDS_A_MINUTE = 220
"""Reading speed of prose that has formulas in it."""

_FIELD = re.compile(r"\{([^{}]+)\}")
_ENTRY = re.compile(r"(?:([^:\[\]]+):)?(\w+)\[([^\]]*)\]\.(\w+)")
_TIME = re.compile(r"\{time\}|<!-- time -->.*?<!-- /time -->")
_INTERVAL = re.compile(r"(\S+)(?: \[(\S+), (\S+)\])?")
_BRACKETS = re.compile(r"\[-?[\d.,e+-]+, -?[\d.,e+-]+\]")
_WORD = re.compile(r"[^\W_]+(?:['’.,-][^\W_]+)*")
_NO_PROSE = re.compile(r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|<[^>]+>|\]\([^)]*\)", re.DOTALL)


class OpeningInvalid(ValueError):
    """Lines of a first screen that cannot be shown; the message says which and why."""


@dataclass(frozen=True)
class Line:
    """A sentence, and the verdicts that it was written for.

    says : the sentence, with numbers named in braces
    given : claim -> verdict
    """

    says: str
    given: Mapping[str, str]

    def holds(self, record: Mapping[str, object]) -> bool:
        """Whether the record has the verdicts that the sentence was written for."""
        found = {row["claim"]: row["verdict"] for row in record["findings"]}
        return all(found.get(claim) == verdict for claim, verdict in self.given.items())

    def text(self, record: Mapping[str, object]) -> str:
        """The sentence with its numbers, or the claims that it was about."""
        if self.holds(record):
            return fill(self.says, record)
        told = [_told(_finding(record, claim)) for claim in self.given]
        return " ".join(told)


@dataclass(frozen=True)
class Opening:
    """What an author writes for the first screen.

    answer : the chapter's question answered in one sentence
    takeaways : three sentences
    needs : what a reader should know, as the end of "Needs: ..."
    """

    answer: Line
    takeaways: tuple[Line, ...]
    needs: str

    @property
    def lines(self) -> tuple[Line, ...]:
        """The answer and the takeaways."""
        return (self.answer, *self.takeaways)

    def check(self, record: Mapping[str, object]) -> None:
        """Refuse sentences that say more than the verdicts that they were written for.

        Raises :class:`OpeningInvalid` for a number of a series without a claim, a quoted claim
        that is not in ``given``, a sentence without a number, and one of too few words.
        """
        for line in self.lines:
            names = [name for name in _FIELD.findall(line.says) if name != TIME]
            if not names:
                raise OpeningInvalid(f"a sentence without a number: {line.says!r}")
            if len(_WORD.findall(_FIELD.sub(" number ", line.says))) < LEAST_WORDS:
                raise OpeningInvalid(f"fewer than {LEAST_WORDS} words: {line.says!r}")
            for name in names:
                entry = _ENTRY.fullmatch(name)
                claim = entry[1] if entry else name.partition(".")[0]
                if claim is None:
                    raise OpeningInvalid(
                        f"{{{name}}} does not say which claim covers it; write {{CLAIM:{name}}}"
                    )
                _finding(record, claim)
                if claim not in line.given:
                    raise OpeningInvalid(
                        f"a sentence quotes {claim}, and `given` does not name it: {line.says!r}"
                    )


def answers(project: Project | None = None) -> dict[str, str]:
    """What the first screen of each chapter answers, by slug; none where nothing was published."""
    found = {}
    for entry in catalogue.standings(project, check_stale=False):
        if entry.record and entry.paper.is_available(project):
            path = entry.paper.notebook_path(project)
            if lines := read(nbformat.read(path, as_version=4).cells[0]):
                found[entry.paper.slug] = lines.answer.text(entry.record)
    return found


def read(card: Mapping[str, object]) -> Opening | None:
    """The lines in the metadata of a card's cell; None where there are none."""
    given = card.get("metadata", {}).get(KEY)
    if given is None:
        return None
    try:
        answer, takeaways, needs = (given[name] for name in ("answer", "takeaways", "needs"))
        lines = [Line(one["says"], dict(one["given"])) for one in (answer, *takeaways)]
    except (KeyError, TypeError) as error:
        raise OpeningInvalid(f"the lines of a first screen lack {error}") from None
    if len(lines) != 1 + TAKEAWAYS:
        raise OpeningInvalid(f"{len(lines) - 1} takeaways, not {TAKEAWAYS}")
    if any(not line.given for line in lines):
        raise OpeningInvalid("a line names no verdict that it was written for")
    return Opening(lines[0], tuple(lines[1:]), str(needs))


def fill(text: str, record: Mapping[str, object]) -> str:
    """`text` with the numbers that it names in braces."""
    return _FIELD.sub(lambda match: _value(match[1], record), text)


def head(entry: catalogue.Standing, opening: Opening) -> str:
    """The card's cell: title, question, the answer where something was published, verdicts.

    Raises :class:`OpeningInvalid` for sentences that :meth:`Opening.check` refuses; those of a
    record that is older than the code wait for the next one.
    """
    if entry.record and not entry.stale:
        opening.check(entry.record)
    answer = [f"**{opening.answer.text(entry.record)}**"] if entry.record else []
    told = [f"# {entry.paper.short}", f"*{entry.paper.question}*", *answer, verdicts(entry)]
    return "\n\n".join(told)


def body(entry: catalogue.Standing, opening: Opening, minutes: int, project: Project) -> str:
    """The cell below the hero figure: takeaways, what it takes, and the paper's card.

    minutes : of reading
    """
    blocks = []
    if entry.record:
        points = (line.text(entry.record) for line in opening.takeaways)
        blocks.append("\n".join(f"{n}. {point}" for n, point in enumerate(points, start=1)))
    blocks.append(_takes(entry, opening, minutes))
    facts = catalogue.facts(entry.paper, project).rstrip("\n")
    card = "<summary>The paper, and ways to run this chapter</summary>"
    blocks.append(f"<details>{card}\n\n{facts}\n\n</details>")
    return "\n\n".join(blocks)


def verdicts(entry: catalogue.Standing) -> str:
    """The paper's claims counted, then our own checks, as a sentence.

    For example: ``Of the paper's 5 claims 3 hold, 1 does not, 1 is open; of 6 checks of our own
    5 hold, 1 is open.``  Where all of our own that hold do so in simulations, that is said.
    """
    if entry.record is None:
        return catalogue.sentence(entry.state)
    if entry.stale:
        return catalogue.sentence(f"the verdicts are {catalogue.AGAIN}")
    found = entry.record["findings"]
    parts = []
    for of, what in (("paper", "of the paper's {} {}"), ("ours", "of {} {} of our own")):
        rows = [row for row in found if row["of"] == of]
        if rows:
            noun = ("claim" if of == "paper" else "check") + ("s" if len(rows) > 1 else "")
            simulated = catalogue.all_simulated(rows) if of == "ours" else ""
            given = [str(row["verdict"]) for row in rows]
            parts.append(f"{what.format(len(rows), noun)} {_counted(given, simulated)}")
    return catalogue.sentence("; ".join(parts))


def run_times(text: str, record: Mapping[str, object] | None) -> str:
    """Prose with the published run's time where it says ``{time}``, as the card has it.

    The place is marked by comments, which no reader sees, so that the next run finds it again.
    """
    made = record and duration(record["provenance"]["wall_s"])
    told = f"<!-- time -->{made or 'a time not measured yet'}<!-- /time -->"
    return _TIME.sub(lambda _: told, text)


def reading_minutes(notebook: nbformat.NotebookNode) -> int:
    """Minutes that the prose of a notebook takes: its text and captions, not its code."""
    skipped = {"card", KEY}
    texts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and not skipped & set(cell.metadata.get("tags", ())):
            texts.append(cell.source)
        texts.append(cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", ""))
    words = sum(len(_WORD.findall(_NO_PROSE.sub(" ", text))) for text in texts)
    return max(1, round(words / WORDS_A_MINUTE))


def _takes(entry: catalogue.Standing, opening: Opening, minutes: int) -> str:
    parts = [f"Reading: {minutes} min"]
    if entry.record:
        made = entry.record["provenance"]
        cores = "core" if made["cores"] == 1 else "cores"
        parts.append(
            f"computing it all: {duration(made['wall_s'])} on {made['cores']} {cores} "
            f"(`{entry.record['scale']}`)"
        )
    parts.append(f"needs: {opening.needs}")
    if entry.record and any(_has_interval(line, entry.record) for line in opening.lines):
        parts.append("ranges: 95 % intervals")
    return " · ".join(parts)


def _has_interval(line: Line, record: Mapping[str, object]) -> bool:
    """Whether a sentence shows an end of an interval."""
    names = _FIELD.findall(line.says)
    ends = any(name.endswith((".low", ".high")) for name in names)
    return ends or _BRACKETS.search(line.text(record)) is not None


_WORDS = {
    "holds": ("holds", "hold"),
    "does not hold": ("does not", "do not"),
    "not resolved": ("is open", "are open"),
    "not tested": ("was not tested", "were not tested"),
}
"""A verdict said of one claim and of several."""


def _counted(given: Sequence[str], simulated: str = "") -> str:
    if unknown := set(given) - set(_WORDS):
        raise ValueError(f"unknown verdict among {sorted(unknown)}; known are {list(_WORDS)}")
    parts = [
        f"{n} {words[n > 1]}" + (simulated if verdict == "holds" else "")
        for verdict, words in _WORDS.items()
        if (n := given.count(verdict))
    ]
    return ", ".join(parts if "holds" in given else ["none holds", *parts])


def _told(finding: Mapping[str, object]) -> str:
    """A claim with its verdict and what was measured."""
    from companion.claims import interval_text

    statement = str(finding["statement"]).rstrip(".")
    return f"{statement}: {finding['verdict']} ({interval_text(finding)})."


def _finding(record: Mapping[str, object], claim: str) -> Mapping[str, object]:
    found = [row for row in record["findings"] if row["claim"] == claim]
    if not found:
        raise OpeningInvalid(f"the record of {record['slug']} has no claim {claim!r}")
    return found[0]


def _value(name: str, record: Mapping[str, object]) -> str:
    """The number called `name` as text."""
    from companion.claims import interval_text

    if name == TIME:
        return duration(record["provenance"]["wall_s"])
    if entry := _ENTRY.fullmatch(name):
        return _of_series(record, *entry.groups()[1:])
    claim, _, part = name.partition(".")
    finding = _finding(record, claim)
    if part == "n" and finding["n"] is not None:
        return f"{finding['n']:,}"
    text = interval_text({**finding, "unit": ""})
    parts = ("", *_INTERVAL.fullmatch(text.removeprefix("p = ")).groups())
    names = ("estimate", "low", "high")
    found = text if not part else dict(zip(names, parts[1:], strict=True)).get(part)
    if found is None or found == "–":
        raise OpeningInvalid(f"the record of {record['slug']} has no number {name!r}")
    return found


def _of_series(record: Mapping[str, object], name: str, where: str, column: str) -> str:
    """The entry of the table `name` in the one row that `where` describes."""
    from companion.claims import interval_text

    table = record["series"].get(name, {})
    wanted = [part.split("=", 1) for part in re.split(r", (?=\w+=)", where)]
    if missing := {column, *(key for key, _ in wanted)} - set(table):
        raise OpeningInvalid(f"the series {name!r} has no column {sorted(missing)}")
    rows = [
        row
        for row in range(len(table[column]))
        if all(str(table[key][row]) == value for key, value in wanted)
    ]
    if len(rows) != 1:
        raise OpeningInvalid(f"{len(rows)} rows of the series {name!r} have {where}, not one")
    ends = (table.get(f"{column}_{end}", {rows[0]: None})[rows[0]] for end in ("low", "high"))
    low, high = ends
    return interval_text({"estimate": table[column][rows[0]], "low": low, "high": high})
