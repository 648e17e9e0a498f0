"""Memorization in distillation.

Memorization Dynamics in Knowledge Distillation for Language Models (arXiv:2601.15394).

Reading order, the paper first:

 1 method/objectives    What a student is trained on, and who is compared with whom
 2 method/memorization  What counts as memorized: single sequences, sets of them, and how
                        surprising they were

Then ``lab/run``, the door of the experiments, and what it calls: world, models, text, predictor;
and evidence, which says what worlds show together.  ``sources`` holds what others
printed, ``verdict`` every claim with its criterion, ``page`` what is drawn.

========  ===================================
equation  function
========  ===================================
1         method/objectives.cross_entropy
2         method/objectives.distillation_loss
3         method/memorization.matches
4         method/memorization.easy
5         method/memorization.inherited
6         method/memorization.Scores.tail
========  ===================================
"""
