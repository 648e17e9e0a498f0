"""Mamba-3.

Mamba-3: Improved Sequence Modeling using State Space Principles (arXiv:2603.15569).

Reading order, the paper first:

 1 method/shapes          Checks of shapes, with errors that say what was received
 2 method/scan            One scan, three ways to run it: step by step, in chunks, one token at
                          a time
 3 method/rotation        The complex state, as a rotation of B and C
 4 method/mixing          The state space mixing of Mamba-3: from projected tokens to outputs,
                          in parallel or in steps
 5 method/discretization  From a differential equation to a recurrence, and what the step costs
                          in accuracy (C3)
 6 method/convolution     The short causal convolution of Mamba-2, which Mamba-3 does without
 7 method/layer           The Mamba-3 layer, SISO and MIMO: a whole sequence at once, or a token
                          at a time
 8 method/mamba2          The baseline: the Mamba-2 layer, with the same scan
 9 method/views           The same layer, written in other ways
10 method/roofline        Arithmetic and traffic of one decode step (C8)

Then ``lab/run``, the door of the experiments, and what it calls: agreement, convergence,
evaluation, kernels, models, rotor, seeds, tasks, text, timing, tracking.  ``sources`` holds what
others released and printed, ``verdict`` every claim with its criterion, ``page`` what is drawn.
"""
