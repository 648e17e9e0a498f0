"""Gaussian RBF networks.

Learning Active Subspaces and Discovering Important Features with Gaussian Radial Basis Functions
Neural Networks (arXiv:2307.05639).

Reading order, the paper first:

 1 method/model      The network, its gradients for many fits at a time, and what one is to
                     be fitted to
 2 method/training   Many fits in one loop: Adam on a leading axis, with early stopping per
                     fit
 3 method/precision  Reading a trained network: eigenvalues, importance, gradients
 4 method/theory     Ours: what can be said of P and of the gradients exactly

Then ``lab/run``, the door of the experiments, and what it calls: digits, estimator, nested,
penalties, reduction, rivals, speed, synthetic.  ``sources`` holds the tables and what others
printed, ``verdict`` every claim with its criterion, ``page`` what is drawn.

The paper:

========  ================================
equation  function
========  ================================
1         method/model.gaussians
2         method/training
3         method/model.evaluate
4         method/precision
5         method/precision.importance
6         method/precision, method/precision.agop
========  ================================

Ours: ``method/theory.counterexample``, in which the order of P is not that of eq. 6, and
``method/theory.ambiguity`` of eq. 5.
"""
