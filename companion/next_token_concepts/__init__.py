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
measurements, simulation, words, worlds.  ``sources`` holds what was released and printed,
``verdict`` every claim with its criterion, ``page`` what is drawn, ``hub`` the paper's models.

The paper:

===========================  ==========================================================
equation                     function
===========================  ==========================================================
the theorem's terms (1, 2)   method/theory.identity
L of the theorem (3)         method/theory.evidence_matrix, method/theory.first_order
A_s, W_s, F                  method/directions.direction, method/directions.frobenius
structured autoencoder (8)   method/autoencoders
===========================  ==========================================================

Ours: ``method/theory.g_eta`` (6), the log odds of two names that report one concept.
"""
