"""Gaussian RBF networks.

Learning Active Subspaces and Discovering Important Features with Gaussian Radial Basis Functions
Neural Networks (arXiv:2307.05639).

Reading order, the paper first:

 1 method/model      The network and its gradients, for many fits at a time
 2 method/tasks      What is to be fitted, how, and what comes out: one network each
 3 method/training   Many fits in one loop: Adam on a leading axis, with early stopping per fit
 4 method/precision  Reading a trained network: eigenvalues, active subspace, and three
                     importance formulas
 5 method/theory     What can be said exactly: P is not the gradient subspace, and importance
                     need not be unique

Then the experiments: lab/bench, lab/digits, lab/estimator, lab/examples, lab/nested,
lab/penalties, lab/reduction, lab/ridges, lab/rivals, lab/selection, lab/synthetic.  ``sources``
holds what others released and printed, ``verdict`` every claim with its criterion, ``page`` what
is drawn.

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
