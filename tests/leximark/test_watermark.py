"""The watermarker: what it changes, what it must not touch, and that it can be repeated."""

import math
import string
from dataclasses import replace

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
    KEYED,
    LEXIMARK,
    RANDOM_WORDS,
    Recipe,
    Watermarker,
    apply,
    pick,
    plan,
    universe,
)
from companion.leximark.method.words import sentences, tokenize
from tests.clock import calls

FOX = "The quick brown fox jumps over the lazy dog."


def marked(text, key="k", **options):
    return Watermarker(replace(KEYED, **options), key).mark(text)


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
    found = Watermarker(COMMON).mark("The servant dwelt in the wilderness and rejoiced.")
    assert found.changes
    assert all(change.bits[1] < change.bits[0] for change in found.changes)


UNTOUCHED = {
    "empty": "",
    "blank": " \n\t ",
    "numbers": "1931 3.14 12:30 2nd 1e-6 7%",
    "cardinals": "ten thousand and four hundred, twenty-one to two dozen millions",
    "ordinals": "the first, the third and the twelfth of the hundredth, twice or sevenfold",
    "names": "Bergen Jerusalem NASA McDonald iPhone",
    "Greek": "ἐν ἀρχῇ ἦν ὁ λόγος καὶ ὁ λόγος ἦν πρὸς τὸν θεόν",
    "punctuation": "... --- !!! (?) [*] «»",
    "address": "lazy_servant walk/over foo.bar() user@example.com https://example.com/lazy",
    "possessive": "committee's",
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_what_must_not_be_touched_comes_out_as_it_went_in(name):
    text = UNTOUCHED[name]
    found = marked(text, k=50)
    assert found.text == text
    assert found.changes == []


BEHIND = "The weary servant walked over the lazy meadow."


def test_a_possessive_takes_a_slot_and_stays():
    """As in the authors' code, where "virtually" would be the next word."""
    (sentence,) = sentences("The committee's answer was virtually ready.")
    assert {t.word for t in pick(sentence, Recipe(k=2))} == {"committee's", "virtually"}
    kept = {c.old for c in Watermarker(Recipe(k=2)).mark("The committee's answer.").kept}
    assert "committee's" in kept


def test_reasons_are_told():
    found = marked("The lazy servant hastened unto the tabernacle and begat Cain.")
    assert all(change.why for change in [*found.changes, *found.kept])
    reasons = {token.word: token.reason for token in tokenize("Lo, 12 the x_y naïve dog's hen")}
    assert reasons == {
        "Lo": "name",
        "12": "number",
        "the": "function word",
        "x_y": "not a plain word",
        "naïve": "not a plain word",
        "dog's": "",
        "hen": "",
    }


@pytest.fixture(scope="module")
def some():
    return sources.split(420, 25, 1000, 3).a


def test_twice_with_the_same_key_is_once(some):
    for recipe in (KEYED, replace(KEYED, pick="random"), replace(KEYED, k=2, n=1, least=1)):
        once = Watermarker(recipe, "k")(some)
        assert Watermarker(recipe, "k")(once) == once
        assert once != some
    assert Watermarker(KEYED, "k")(some) == Watermarker(KEYED, "k")(some)


def test_keys_differ_and_choose_among_the_same_candidates(some):
    first, second = marked(some[0], "a"), marked(some[0], "b")
    assert [c[:3] for c in first.changes] == [c[:3] for c in second.changes]
    assert first.text != second.text
    pool = universe(some, KEYED)
    for text in some:
        assert {c.new for c in marked(text, "any").changes} <= pool


def test_keys_choose_evenly():
    candidates = rarer("servant")[:5]
    counts = dict.fromkeys(candidates, 0)
    for i in range(2000):
        counts[Watermarker(KEYED, i).replacement("servant")[0]] += 1
    assert np.allclose(list(counts.values()), 400, atol=5 * math.sqrt(400 * 0.8))


def test_the_authors_rule_takes_the_rarest_and_needs_no_key(some):
    for change in Watermarker(LEXIMARK).mark(some[0]).changes:
        rivals = [w for w in related(change.old) if words.frequency(w) > 0 and not is_refused(w)]
        own = [w for w in rivals if words.frequency(w) < words.frequency(change.new)]
        lemmas = {base for base, _, _ in readings(change.old)} | {change.old}
        assert all(lemmas & {base for base, _, _ in readings(w)} for w in own)  # its own forms
        assert words.frequency(change.new) < words.frequency(change.old)
    assert Watermarker(LEXIMARK, "a")(some) == Watermarker(LEXIMARK, "b")(some)
    # a word below one in a million is replaced too, where something rarer is there
    rare = [w for w in ("hastened", "tabernacle", "weary") if rarer(w, 1.0)]
    assert rare
    assert all(rarer(w, 1.0)[0] == min(rarer(w, 1.0), key=words.frequency) for w in rare)


def test_a_dictionary_is_kept_for_later_texts():
    class Once:
        def __init__(self):
            self.asked = []

        def first(self, words, sentence):
            self.asked += [(w, sentence[at : at + len(w)]) for w, (at, _) in words.items()]
            return {w: pool[0] if pool else None for w, (_, pool) in words.items()}

    judge = Once()
    maker = Watermarker(LEXIMARK, similarity=judge)
    first, second = maker(["The lazy servant slept.", "A lazy servant walked."])
    asked = [word for word, _ in judge.asked]
    assert asked.count("lazy") == asked.count("servant") == 1  # the first sentence decides
    assert all(word == found for word, found in judge.asked)
    assert first.split()[1] == second.split()[1] != "lazy"
    later = Watermarker(LEXIMARK, dictionary=maker.dictionary)
    assert later(["The lazy servant slept."]) == [first]
    assert later.dictionary["lazy"] == first.split()[1]


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


def test_another_source_is_asked_with_the_sentence():
    asked = []

    def source(word, sentence, at):
        asked.append(sentence[at : at + len(word)] == word)
        return ["alpha", "beta", "gamma"]

    found = Watermarker(KEYED, "k", candidates=source).mark(f"The end. {BEHIND}")
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
    with pytest.raises(ValueError, match="at_a_time"):
        SimilarityFilter(None, 0.8, 2, 3)
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


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.99, 1.0])
@pytest.mark.parametrize("at_a_time", [1, 3, 5])
def test_the_filter_finds_the_first_that_is_close_by_brute_force(threshold, at_a_time):
    encoder, sentence = Letters(), "the lazy servant walked"
    words = {word: (sentence.index(word), rarer(word)) for word in ("lazy", "servant")}
    found = SimilarityFilter(encoder, threshold, 12, at_a_time).first(words, sentence)
    a = encoder.encode([sentence])[0]
    for word, (_, candidates) in words.items():
        close = [
            c
            for c in candidates[:12]
            if encoder.encode([sentence.replace(word, c)])[0] @ a >= threshold
        ]
        assert found[word] == (close[0] if close else None)
    assert SimilarityFilter(encoder, -1).first({"lazy": (4, ())}, sentence) == {"lazy": None}


def test_a_strict_filter_changes_fewer_words():
    free = Watermarker().mark(FOX)
    strict = Watermarker(similarity=SimilarityFilter(Letters(), 0.97)).mark(FOX)
    assert len(strict.changes) < len(free.changes)
    assert any("close" in change.why for change in strict.kept)


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
    made = arms.lookalike_letters(texts)
    assert made != texts
    assert [text.translate(back) for text in made] == texts
    with pytest.raises(ValueError, match="words to draw"):
        arms.random_sequence(texts, "a", [])


def test_whoever_removes_sees_the_marked_text_alone(some):
    texts = Watermarker()(some)
    again = arms.replaced_again(texts, "thief")
    assert again == arms.replaced_again(texts, "thief") != arms.replaced_again(texts, "other")
    for text, new in zip(texts, again, strict=True):
        picked = {t.start for _, _, tokens in plan(text, LEXIMARK)[1] for t in tokens}
        pairs = zip(tokenize(text), tokenize(new), strict=True)
        changed = {a.start for a, b in pairs if a.word != b.word}
        assert changed <= picked  # five words a sentence, and no others
        assert len(changed) > 0.5 * len(picked)


def test_random_words_are_random_but_repeatable(some):
    first = Watermarker(RANDOM_WORDS).mark(some[0])
    assert Watermarker(RANDOM_WORDS).mark(some[0]) == first
    places = {
        tuple(i for i, token in enumerate(sentence) if token in pick(sentence, Recipe(2, "random")))
        for sentence in (s for text in some for s in sentences(text) if len(s) > 12)
    }
    assert len(places) > 20  # not the same places in each sentence
    assert {c.start for c in first.changes} != {
        c.start for c in Watermarker().mark(some[0]).changes
    }


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


def test_marking_is_linear_and_remembered(some):
    def took(texts):
        plan.cache_clear()
        return calls(lambda: Watermarker(KEYED, "k")(texts))

    few = some[:2]
    took(few)  # candidates are looked up once
    assert took(few * 4) < 4.1 * took(few)
