"""Massive activations.

Hidden Dynamics of Massive Activations in Transformer Training (arXiv:2508.03616).

Reading order, the paper first:

 1 method/measure  How large is the largest hidden scalar of each block, and how large the
                   typical one?
 2 method/curve    The paper's training curve (eq. 9): an exponentially damped logarithm
                   with five parameters; least squares for it and for every rival
 3 method/theory   Ours: what noise would give

Then ``lab/run``, the door of the experiments, and what it calls: predict, real_model, rivals,
series.  ``sources`` holds what others released and printed, ``verdict`` every
claim with its criterion, ``page`` what is drawn, ``hub`` the paper scale.

The paper:

==========  ================================
equation    function
==========  ================================
1           method/measure.Measurement.ratio
9 (paper)   method/curve.damped_log
13 (paper)  method/curve.ReparamParams
==========  ================================

Ours, by the numbers of the notebook:

==========  ============================
equation    function
==========  ============================
2           method/theory.gaussian_ratio
4           method/curve.turning_point
5           lab/series.decompose
==========  ============================
"""
