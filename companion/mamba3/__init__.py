"""Mamba-3.

Mamba-3: Improved Sequence Modeling using State Space Principles (arXiv:2603.15569).

Reading order, the paper first:

 1 method/discretization  From a differential equation to a recurrence, and what the step
                          costs in accuracy (C3)
 2 method/scan            One scan, three ways to run it: step by step, in chunks, one token
                          at a time
 3 method/mixing          The state space mixing of Mamba-3, its complex state as a
                          rotation, and other ways to write it
 4 method/layer           The Mamba-3 layer, SISO and MIMO: a whole sequence at once, or a
                          token at a time
 5 method/mamba2          The baseline: the Mamba-2 layer, with the same scan
 6 method/roofline        Arithmetic and traffic of one decode step (C8)

Then ``lab/run``, the door of the experiments, and what it calls: checks, language, models,
timing, tracking.  ``sources`` holds what others released and printed, ``verdict`` every claim
with its criterion, ``page`` what is drawn.
"""
