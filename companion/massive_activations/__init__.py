"""Massive activations.

Hidden Dynamics of Massive Activations in Transformer Training (arXiv:2508.03616).

Reading order, the paper first:

 1 method/measure  How large is the largest hidden scalar of each block, and how large the
                   typical one?
 2 method/curve    The paper's training curve (eq. 9): an exponentially damped logarithm
                   with five parameters
 3 method/fit      The paper's fit of eq. 9, and least squares for curves that are linear in
                   most parameters

Then the experiments: lab/competitors, lab/identifiability, lab/mini_runs, lab/minis, lab/predict,
lab/ratios, lab/real_model.  ``sources`` holds what others released and printed, ``verdict`` every
claim with its criterion, ``page`` what is drawn.

==========  ==========================
equation    function
==========  ==========================
9 (paper)   method/curve.damped_log
13 (paper)  method/curve.ReparamParams
==========  ==========================
"""
