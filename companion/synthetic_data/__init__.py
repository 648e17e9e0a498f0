"""Training on synthetic data.

Characterizing Model Behavior Under Synthetic Data Training (arXiv:2510.05133).

Reading order, the paper first:

 1 method/calibration  Calibration: how far stated confidence is from the truth, and one
                       scalar that repairs it
 2 method/infinite     Infinite data and a flexible student: what remains of the loop is
                       arithmetic
 3 method/mixing       The law of mixing: what the paper's protocol does to a parameter, in
                       closed form

Then ``lab/run``, the door of the experiments, and what it calls: bilinear, language, lives, loop,
tabular, tasks, theory, threshold.  ``sources`` holds what others released and printed,
``verdict`` every claim with its criterion, ``page`` what is drawn.

========  =========================================
equation  function
========  =========================================
1         method/calibration.sharpen
2         method/infinite.student
3         method/infinite.predicted_over_confidence
4         method/mixing.mixing_law
5         method/mixing.mixing_law
6         method/mixing.mixing_law
7         lab/bilinear.gradients
========  =========================================
"""
