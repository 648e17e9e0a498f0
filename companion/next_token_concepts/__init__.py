"""Concepts from next-token prediction.

I Predict Therefore I Am (arXiv:2503.08980).

Reading order, the paper first:

 1 method/theory        The identity behind the theorem, and what a perfect predictor
                        represents
 2 method/directions    Concept directions: the authors' recipe, and the noise that it needs
                        for comparison
 3 method/autoencoders  Sparse autoencoders on cached activations: top-k, batch top-k,
                        p-annealing, structured
 4 method/world         Ours: a world of hidden binary concepts, hint words, and names, in
                        which everything is known by enumeration

Then ``lab/run``, the door of the experiments, and what it calls: dictionaries, learning,
measurements, words, worlds.  ``sources`` holds what was released and printed,
``verdict`` every claim with its criterion, ``page`` what is drawn, ``hub`` the paper's models.

The paper:

========  =======================================================
equation  function
========  =======================================================
1         method/theory.identity
2         method/theory.identity
3         method/theory.first_order, method/theory.evidence_matrix
8         method/autoencoders
========  =======================================================

Without a number: the recipe's A_s, W_s, and F are ``method/directions.direction`` and
``method/directions.frobenius``.

Ours, by the number of the notebook:

========  =======================================================
equation  function
========  =======================================================
6         method/theory.g_eta
========  =======================================================
"""
