"""Training on synthetic data.

Characterizing Model Behavior Under Synthetic Data Training (arXiv:2510.05133).

Reading order, the paper first:

 1 method/mixing       The law of mixing: what the paper's protocol does to a parameter, in
                       closed form, and what remains of the loop with infinite data
 2 method/calibration  Calibration: how far stated confidence is from the truth, and one
                       scalar that repairs it

Then ``lab/run``, the door of the two laboratories: worlds with a known truth (bilinear, loop,
evidence), and a small language model on real text (language).  ``sources`` holds
what others printed, ``verdict`` every claim with its criterion, ``page`` what is drawn.

========  =======================================
equation  function
========  =======================================
1         method/calibration.sharpen
2         method/mixing.student
3         method/mixing.predicted_over_confidence
4         method/mixing.mixing_law
5         method/mixing.mixing_law
6         method/mixing.mixing_law
7         method/mixing.mixing_law
8         method/mixing.synthetic_share
9         lab/bilinear.gradients
========  =======================================
"""
