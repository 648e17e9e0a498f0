"""The watermarker: what it changes, what it must not touch, and that it can be repeated."""

import math
import string

import numpy as np
import pytest
import wordfreq
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.leximark import sources
from companion.leximark.lab import arms
from companion.leximark.method import words
from companion.leximark.method.candidates import (
    RARE,
    SimilarityFilter,
    commoner,
    forms,
    is_refused,
    moby,
    rarer,
    readings,
    related,
)
from companion.leximark.method.watermark import (
    COMMON,
    LEXIMARK,
    RANDOM_WORDS,
    RAREST,
    Recipe,
    Watermarker,
    apply,
    pick,
    plan,
    universe,
)
from companion.leximark.method.words import sentences, tokenize

FOX = "The quick brown fox jumps over the lazy dog."


def marked(text, key="k", **options):
    return Watermarker(key, Recipe(**options) if options else LEXIMARK).mark(text)


@pytest.mark.parametrize("word", ["lazy", "fox", "jumps", "the", "zzzxqv"])
def test_frequencies_are_those_of_wordfreq(word):
    p = wordfreq.word_frequency(word, "en", wordlist="large")
    assert words.frequency(word) == pytest.approx(p, rel=0.02)  # it rounds to three digits
    if p:
        assert words.selection_key(word) == pytest.approx(-p * math.log2(p), rel=0.02)
        assert words.surprisal(word) == pytest.approx(-math.log2(p), rel=0.01)
    else:
        assert words.selection_key(word) == math.inf
        assert words.surprisal(word) == 0


def test_the_selection_key_grows_with_frequency_below_one_over_e(monkeypatch):
    monkeypatch.setattr(words, "frequency", float)
    p = np.geomspace(1e-8, 1 / math.e, 200)
    assert (np.diff([words.selection_key(value) for value in p]) > 0).all()
    assert words.selection_key(0.9) < words.selection_key(1 / math.e)


def test_the_three_rarest_words_of_the_papers_picture():
    (sentence,) = sentences(FOX)
    assert {token.word for token in pick(sentence, Recipe(k=3))} == {"jumps", "lazy", "fox"}
    common = {token.word for token in pick(sentence, Recipe(k=3, pick="commonest"))}
    assert "jumps" not in common


def test_replacements_are_rarer_and_keep_the_inflection():
    found = marked(FOX)
    assert len(found.changes) == 5
    for change in found.changes:
        assert change.bits[1] > change.bits[0]
        assert words.frequency(change.new) < RARE
        assert change.new in moby().get(change.old, ()) or change.old == "jumps"
    (jumps,) = [c for c in found.changes if c.old == "jumps"]
    assert jumps.new.endswith("s")
    assert forms("leap", "VERB")["VBZ"] == ("leaps",)
    assert ("jump", "VERB", "VBZ") in readings("jumps")


def test_insults_are_never_written():
    assert is_refused("molested")  # by the lemma, in every inflection
    assert not any(map(is_refused, ["servant", "jostles", "annoy"]))
    lists = [rarer("annoy"), rarer("woman"), commoner("annoy")]
    assert all(lists)
    assert not any(is_refused(word) for found in lists for word in found)
    assert any(is_refused(word) for word in related("annoy"))


def test_the_control_takes_commoner_words():
    found = Watermarker("", COMMON).mark("The servant dwelt in the wilderness and rejoiced.")
    assert found.changes
    assert all(change.bits[1] < change.bits[0] for change in found.changes)


UNTOUCHED = {
    "empty": "",
    "blank": " \n\t ",
    "numbers": "1931 3.14 12:30 2nd 1e-6 7%",
    "cardinals": "ten thousand and four hundred men, twenty-one to two dozen millions",
    "ordinals": "the first, the third and the twelfth of the hundredth, twice or sevenfold",
    "names": "Bergen Jerusalem NASA McDonald iPhone",
    "code": "```python\nlazy = walk(servant)\n```",
    "inline code": "`lazy servant` `walk`",
    "indented code": "    lazy servant walked\n\tquick jump",
    "quotation": '"The lazy servant walked quickly over the wilderness."',
    "curly quotation": "“The lazy servant walked quickly over the wilderness.”",
    "single quotation": "'The lazy servant walked quickly over the wilderness.'",
    "quoted line": "> The lazy servant walked over the wilderness.",
    "inward quotation": "»The lazy servant walked quickly over the wilderness.«",
    "low quotation": "‚The lazy servant didn’t walk quickly over the wilderness.‘",
    "low and straight": "‚The lazy servant walked quickly over the wilderness.'",
    "corner quotation": "「The lazy servant walked quickly over the wilderness.」",
    "angle quotation": "‹The lazy servant walked quickly over the wilderness.›",
    "open quotation": '"The lazy servant walked over the wilderness',
    "German": "Der faule Diener ging schnell durch die Wüste und sprang über den Hund.",
    "French": "Nous avons mangé une pomme rouge hier soir dans la maison de ma tante.",
    "Spanish": "El perro come mucho pan todos los dias en la casa de mi hermano.",
    "Latin": "Gallia est omnis divisa in partes tres quarum unam incolunt Belgae.",
    "Greek": "ἐν ἀρχῇ ἦν ὁ λόγος καὶ ὁ λόγος ἦν πρὸς τὸν θεόν",
    "Chinese": "太初有道，道与神同在。",
    "punctuation": "... --- !!! (?) [*] «»",
    "address": "lazy_servant walk/over foo.bar() user@example.com https://example.com/lazy",
    "tag": "<lazy servant>",
    "formula": "$lazy + servant$",
    "TeX formula": r"\( lazy + servant \) and \[ quick\n + jump \]",
    "display formula": "$$\nlazy + servant\n$$",
    "reference": '[lazy servant]: http://example.com "The lazy servant"',
    "link": "[lazy servant][quick] [quick servant](http://example.com)",
    "preformatted": "<pre class='x'>\nlazy servant\n\nquick jump\n</pre>",
    "front matter": "---\nlazy: servant\nquick:\n  - jump\n---",
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_what_must_not_be_touched_comes_out_as_it_went_in(name):
    text = UNTOUCHED[name]
    found = marked(text, k=50)
    assert found.text == text
    assert found.changes == []


def test_protected_parts_survive_inside_a_text_that_is_marked():
    text = (
        'The lazy servant of Bergen walked 12 miles; he said "the lazy servant walked" and ran '
        "`lazy servant`.\n\n    lazy servant = 3\n\nThe weary fishermen trusted his advice."
    )
    found = marked(text)
    assert found.changes
    for part in (
        "Bergen",
        "12",
        '"the lazy servant walked"',
        "`lazy servant`",
        "\n\n    lazy servant = 3\n\n",
    ):
        assert part in found.text


BEHIND = "The weary servant walked over the lazy meadow."


@pytest.mark.parametrize(
    "code",
    [
        '`print("lazy servant)`',
        "`it's \"`",
        '```\nlazy = "servant\n\nwalk()\n```',
        '    lazy = "servant',
        "\tquick = '",
        '<a title="lazy>',
    ],
)
def test_a_quotation_mark_inside_code_opens_no_quotation(code):
    text = f"Type the words below.\n{code}\n{BEHIND}"
    found = marked(text)
    assert code in found.text
    assert any(change.start > text.index(BEHIND) for change in found.changes)
    assert found.text.endswith(marked(BEHIND).text)


def test_a_quotation_does_not_end_inside_code_and_stays_as_it_is():
    text = f'He said "the lazy servant `x = "` walked over the wilderness" and slept. {BEHIND}'
    found = marked(text)
    assert '"the lazy servant `x = "` walked over the wilderness"' in found.text
    assert found.text.endswith(marked(BEHIND).text)


@pytest.mark.parametrize("line", ["    lazy = servant", "\tquick jump", "> The lazy servant."])
def test_an_indented_or_quoted_line_protects_itself_only(line):
    found = marked(f"{line}\n{BEHIND}")
    assert found.text == f"{line}\n{marked(BEHIND).text}"
    assert found.changes


def test_an_open_quotation_ends_with_its_paragraph_though_code_stands_there():
    text = f'"The lazy servant walked\n```\nlazy()\n\nquick()\n```\n\n{BEHIND}'
    assert marked(text).text == text.replace(BEHIND, marked(BEHIND).text)


def test_reasons_are_told():
    found = marked("The lazy servant hastened unto the tabernacle and begat Cain.")
    assert all(change.why for change in [*found.changes, *found.kept])
    reasons = {token.word: token.reason for token in tokenize("Lo, 12 the `x y` naïve dog's hen")}
    assert reasons == {
        "Lo": "name",
        "12": "number",
        "the": "function word",
        "`x": "code",
        "y`": "code",
        "naïve": "not a plain word",
        "dog's": "not a plain word",
        "hen": "",
    }


@pytest.fixture(scope="module")
def some():
    return sources.split(420, 25, 1000, 3).a


def test_twice_with_the_same_key_is_once(some):
    for recipe in (LEXIMARK, RAREST, RANDOM_WORDS, Recipe(k=2), Recipe(k=2, pick="random")):
        once = Watermarker("k", recipe)(some)
        assert Watermarker("k", recipe)(once) == once
        assert once != some
    assert Watermarker("k")(some) == Watermarker("k")(some)


def test_keys_differ_and_choose_among_the_same_candidates(some):
    first, second = Watermarker("a").mark(some[0]), Watermarker("b").mark(some[0])
    assert [c[:3] for c in first.changes] == [c[:3] for c in second.changes]
    assert first.text != second.text
    pool = universe(some, LEXIMARK)
    for text in some:
        assert {c.new for c in Watermarker("any").mark(text).changes} <= pool


def test_keys_choose_evenly():
    candidates = rarer("servant")[:5]
    counts = dict.fromkeys(candidates, 0)
    for i in range(2000):
        counts[Watermarker(i).replacement("servant")[0]] += 1
    assert np.allclose(list(counts.values()), 400, atol=5 * math.sqrt(400 * 0.8))


PROSE = st.text(alphabet=string.ascii_letters + " .,;!?\"'`\n1\t-“”é", max_size=200)
WORDS = """
the lazy servant walked over a wilderness and he was weary quick 12 Bergen "hen" `x` of offering
jumps trusted advice , . !
"""
SENTENCES = st.lists(st.sampled_from([*WORDS.split(), "\n"]), max_size=40).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(PROSE | SENTENCES, st.integers(0, 6))
def test_only_the_reported_words_change(text, k):
    found = marked(text, k=k)
    assert apply(text, found.changes) == found.text
    at = shift = 0
    for change in sorted(found.changes):
        assert text[change.start : change.end] == change.old
        assert found.text[at + shift : change.start + shift] == text[at : change.start]
        shift += len(change.new) - len(change.old)
        at = change.end
    assert found.text[at + shift :] == text[at:]
    assert marked(found.text, k=k).text == found.text
    assert 0 <= found.share <= 1


def test_a_text_behind_front_matter_is_marked():
    head = "---\nlazy: servant\n---\n"
    assert marked(head + BEHIND).text == head + marked(BEHIND).text
    assert marked(f"» {BEHIND} «\n\n{BEHIND}").text.endswith(marked(BEHIND).text)


def test_another_source_is_asked_with_the_sentence():
    asked = []

    def source(word, sentence, at):
        asked.append(sentence[at : at + len(word)] == word)
        return ["alpha", "beta", "gamma"]

    found = Watermarker("k", candidates=source).mark(f"The end. {BEHIND}")
    assert asked
    assert all(asked)
    assert {change.new for change in found.changes} <= {"alpha", "beta", "gamma"}
    assert found.changes


def test_at_most_k_words_a_sentence(some):
    for text in some[:5]:
        for _, _, tokens in plan(text, Recipe(k=2))[1]:
            assert len(tokens) <= 2
    assert marked(FOX, k=0).text == FOX


def test_bad_recipes_and_filters_are_refused():
    with pytest.raises(ValueError, match="pick is one of"):
        Recipe(pick="rare")
    with pytest.raises(ValueError, match="k >= 0"):
        Recipe(k=-1)
    with pytest.raises(ValueError, match="cosine"):
        SimilarityFilter(None, 2.0)
    with pytest.raises(ValueError, match="at least 1 character"):
        sources.documents(0)
    with pytest.raises(ValueError, match="are left"):
        sources.split(420, 10_000, 1000, 0)


class Letters:
    """An encoder that counts letters: close texts share most of them."""

    def encode(self, texts):
        rows = [[text.count(letter) + 1e-9 for letter in string.ascii_lowercase] for text in texts]
        vectors = np.array(rows)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_filter_keeps_what_is_close_by_brute_force():
    encoder, sentence = Letters(), "the lazy servant walked"
    found = SimilarityFilter(encoder, 0.8)
    candidates = rarer("lazy")[:12]
    kept = found.accepted("lazy", candidates, sentence, 4, 5)
    a = encoder.encode([sentence])[0]
    expected = [
        c for c in candidates if encoder.encode([sentence.replace("lazy", c)])[0] @ a >= 0.8
    ][:5]
    assert list(kept) == expected
    assert 0 < len(kept) < len(candidates)
    assert found.with_threshold(-1).accepted("lazy", candidates, "", 0, 99) == candidates


def test_a_strict_filter_changes_fewer_words():
    free = marked(FOX)
    strict = Watermarker("k", similarity=SimilarityFilter(Letters(), 0.97)).mark(FOX)
    assert len(strict.changes) < len(free.changes)
    assert any("acceptable" in change.why for change in strict.kept)


def test_other_watermarks():
    texts = ["The lazy dog sleeps. The dog!", "A dog."]
    pool = ["ox", "ass", "hen"]
    first, second = arms.random_sequence(texts, "a", pool)
    assert first.startswith(texts[0] + " ")
    assert first[len(texts[0]) :] == second[len(texts[1]) :]  # the same tail everywhere
    assert len(first[len(texts[0]) :].split()) == 10
    assert arms.random_sequence(texts, "b", pool)[0] != first
    assert len(arms.LOOKALIKES) == 28
    assert all(a != b for a, b in arms.LOOKALIKES.items())
    back = str.maketrans({b: a for a, b in arms.LOOKALIKES.items()})
    everywhere, by_word = arms.unicode_everywhere(texts), arms.unicode_by_word(texts, "a")
    for made in (everywhere, by_word):
        assert made != texts
        assert [text.translate(back) for text in made] == texts
    dogs = by_word[0].split()
    assert dogs[2] == dogs[5].rstrip("!")  # one word, one pattern
    many = arms.text_marker(["x"] * 400, "a")
    assert 50 < sum(text.startswith("Less is more.") for text in many) < 110
    with pytest.raises(ValueError, match="words to draw"):
        arms.random_sequence(texts, "a", [])


def test_removal_touches_a_share_of_the_marked_words(some):
    maker = Watermarker("k")
    texts = [(text, maker.mark(text)) for text in some]
    assert all(arms.resubstitute(t, m, "x", 0.0, rarer) == m.text for t, m in texts)
    left = []
    for share in (0.25, 0.5, 1.0):
        same = n = 0
        for text, m in texts:
            again = arms.resubstitute(text, m, "x", share, rarer).split()
            pairs = list(zip(m.text.split(), again, text.split(), strict=True))
            n += sum(a != t for a, _, t in pairs)
            same += sum(a == b != t for a, b, t in pairs)
        left.append(same / n)
    assert left[0] == pytest.approx(0.75, abs=0.12)
    assert left[1] == pytest.approx(0.5, abs=0.12)
    assert left[2] == 0
    with pytest.raises(ValueError, match="share"):
        arms.resubstitute("", maker.mark(""), "x", 2, rarer)


def test_random_words_are_random_but_repeatable(some):
    first = Watermarker("k", RANDOM_WORDS).mark(some[0])
    assert Watermarker("k", RANDOM_WORDS).mark(some[0]) == first
    places = {
        tuple(i for i, token in enumerate(sentence) if token in pick(sentence, Recipe(2, "random")))
        for sentence in (s for text in some for s in sentences(text) if len(s) > 12)
    }
    assert len(places) > 20  # not the same places in each sentence
    assert {c.start for c in first.changes} != {c.start for c in marked(some[0]).changes}


def test_documents_are_disjoint_and_random():
    first, again = sources.split(420, 30, 2000, 0), sources.split(420, 30, 2000, 0)
    assert first == again
    other = sources.split(420, 30, 2000, 1)
    assert other.pretraining == first.pretraining
    assert other.a != first.a
    everything = [*first.pretraining, *first.a, *first.b]
    assert len(set(everything)) == len(everything)
    assert "[" not in sources.bible().text
    assert sources.bible().text.startswith("In the beginning God created the heaven and the earth.")
    assert sources.bible().text.endswith("Amen.")
    assert len(sources.bible().text.split()) > 780_000


@pytest.mark.bench
def test_marking_is_linear_and_remembered(some):
    from time import perf_counter

    def took(texts):
        plan.cache_clear()
        start = perf_counter()
        Watermarker("k")(texts)
        return perf_counter() - start

    took(some)  # candidates are looked up once
    one, four = min(took(some) for _ in range(3)), min(took(some * 4) for _ in range(3))
    assert four < 8 * one
