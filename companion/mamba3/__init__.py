"""Mamba-3.

Mamba-3: Improved Sequence Modeling using State Space Principles (arXiv:2603.15569).

Reading order, the paper first:

 1 method/discretization  From a differential equation to a recurrence, and what the step
                          costs in accuracy (C3, C11)
 2 method/scan            One scan, three ways to run it: step by step, in chunks, one token
                          at a time; and its cost (C8)
 3 method/mixing          The state space mixing of Mamba-3, its complex state as a
                          rotation, and other ways to write it
 4 method/layer           The layers: Mamba-3, SISO and MIMO, and the baseline; a whole
                          sequence, or a token at a time

Then ``lab/run``, the door of the experiments, and what it calls: checks, tracking, recall,
language, timing, and models, the networks around the layers.  ``sources`` holds what others
printed, ``hub`` what they released, ``verdict`` every claim with its criterion, ``page``
what is drawn.

========  =============================================================
equation  function
========  =============================================================
1         method/discretization.Equation
2         method/discretization.coefficients, method/scan.recurrence
3         method/scan.chunked, method/mixing.masks
4         method/mixing.rotate, method/mixing.cumulative_angle
5         method/mixing.mix_step, method/layer.Mamba3MIMO
6         page/live_rotor.contrast
========  =============================================================
"""
