"""A plug-and-play reasoning module.

TART: A plug-and-play Transformer module for task-agnostic reasoning (arXiv:2306.07536).

Reading order, the paper first:

 1 method/module      The reasoning module: a GPT-2 that reads vectors, and learns in
                      context to classify
 2 method/training    Synthetic tasks, and training the reasoning module on nothing else
 3 method/whitening   From wide embeddings to a few white coordinates, with guards that the
                      original lacks
 4 method/embeddings  Vectors of labelled examples from a causal language model, and the
                      prompts they come from

Then ``lab/run``, the door of the experiments, and what it calls: ablations, cells, classifier,
nulls, real, shipped, synthetic.  ``sources`` holds what others released and printed, ``verdict``
every claim with its criterion, ``page`` what is drawn.
"""
