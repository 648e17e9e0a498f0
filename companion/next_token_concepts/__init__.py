"""Concepts from next-token prediction.

I Predict Therefore I Am (arXiv:2503.08980).

Reading order, the paper first:

 1 method/world         The concept world: hidden binary concepts, hint words, names, and
                        everything by enumeration
 2 method/theory        The identity behind the theorem, and what a perfect predictor
                        represents
 3 method/directions    Concept directions: the authors' recipe, and the noise that it needs
                        for comparison
 4 method/autoencoders  Sparse autoencoders on cached activations: top-k, batch top-k,
                        p-annealing, structured

Then ``lab/run``, the door of the experiments, and what it calls: dictionaries, learning,
measurements, sweeps, words.  ``sources`` holds what others released and printed, ``verdict``
every claim with its criterion, ``page`` what is drawn.
"""
