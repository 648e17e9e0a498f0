"""Watermarks by rare synonyms.

LexiMark: Robust Watermarking via Lexical Substitutions to Enhance Membership Verification of an
LLM's Textual Training Data (arXiv:2506.14474).

Reading order, the paper first:

 1 method/words       Words of a text: where they stand, how rare they are, and which must
                      not be touched
 2 method/candidates  Candidates for a word: its synonyms, rarest first, that leave the
                      meaning of the sentence
 3 method/watermark   The watermark itself: in each sentence the K rarest words become rarer
                      synonyms
 4 method/scores      Membership scores: from a model's probabilities, one number per
                      document, larger = member

Then ``lab/run``, the door of the experiments, and what it calls: arms, detection, models, quality;
``lab/summary`` puts a run into numbers with intervals.
``sources`` holds the text and what the authors printed, ``verdict`` every claim with its criterion,
``page`` what is drawn, ``hub`` the paper scale.

The paper:

========  ============================================
equation  function
========  ============================================
1         method/words.selection_key
2         method/words.surprisal
4         method/scores
5         lab/detection.auroc
========  ============================================

Ours, by the numbers of the notebook:

========  ============================================
equation  function
========  ============================================
3         method/watermark.Watermarker._choose
6         lab/detection.rank_p
7         lab/detection.effect_of_auroc
========  ============================================
"""
