"""Memorization in distillation.

Memorization Dynamics in Knowledge Distillation for Language Models (arXiv:2601.15394).

Reading order, the paper first:

 1 method/objectives  What a student is trained on: cross-entropy, the teacher's probabilities,
                      or a mixture
 2 method/arms        Who is compared with whom: one teacher, and students of one base model
 3 method/extraction  Discoverable memorization: given its beginning, does a sequence come to
                      its true end?
 4 method/scores      Losses, perplexities and entropies of the tokens of a text, as the paper
                      counts them
 5 method/sets        Sets of sequences, not rates: which ones are memorized by whom

Then ``lab/run``, the door of the experiments, and what it calls: calibration, fit, logits, mlp,
predictor, reading, speed, text, world.  ``sources`` holds what others released and printed,
``verdict`` every claim with its criterion, ``page`` what is drawn.

========  ===================================
equation  function
========  ===================================
1         method/objectives.cross_entropy
2         method/objectives.distillation_loss
3         method/extraction.matches
4         method/sets.easy
5         method/sets.inherited
6         method/scores.Scores.tail
========  ===================================
"""
