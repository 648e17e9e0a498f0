"""Watermarks by rare synonyms.

LexiMark: Robust Watermarking via Lexical Substitutions to Enhance Membership Verification of an
LLM's Textual Training Data (arXiv:2506.14474).

Reading order, the paper first:

 1 method/words       How rare a word is: frequencies, the key that ranks words, the surprisal
                      that scores them
 2 method/tokens      A text as sentences of words with their places, and what must not be
                      touched
 3 method/thesaurus   Candidates for a word: synonyms of its lemma in the same inflection,
                      rarest first
 4 method/similarity  The similarity filter: a candidate must leave the meaning of its sentence
 5 method/watermark   The watermark itself: in each sentence the K rarest words become rarer
                      synonyms
 6 method/scores      Membership scores: from a model's probabilities, one number per document,
                      larger = member

Then ``lab/run``, the door of the experiments, and what it calls: arms, causal, detection, keyed,
lm, others, power, probe, quality.  ``sources`` holds what others released and printed,
``verdict`` every claim with its criterion, ``page`` what is drawn.

========  =================================================
equation  function
========  =================================================
1         method/words.selection_key
2         method/words.surprisal
3         method/watermark.Watermarker.mark
4         method/scores
5         lab/detection.auroc
6         lab/keyed.rank_p
7         lab/power.effect_of_auroc
========  =================================================
"""
