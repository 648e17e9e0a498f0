"""Gaussian RBF networks.

Learning Active Subspaces and Discovering Important Features with Gaussian Radial Basis Functions
Neural Networks (arXiv:2307.05639).

Reading order, the paper first:

 1 method/model      The network, its gradients for many fits at a time, and what one is to
                     be fitted to
 2 method/training   Many fits in one loop: Adam on a leading axis, with early stopping per
                     fit
 3 method/precision  Reading a trained network: eigenvalues, importance, and what can be
                     said of them exactly

Then the experiments: lab/digits, lab/estimator, lab/nested, lab/reduction, lab/rivals,
lab/synthetic.  ``sources`` holds what others released and printed, ``verdict`` every claim with
its criterion, ``page`` what is drawn.

========  ===========================
equation  function
========  ===========================
1         method/model.gaussians
2         method/training
3         method/model.evaluate
4         method/precision
5         method/precision.importance
6         method/precision
========  ===========================
"""
