"""A plug-and-play reasoning module.

TART: A plug-and-play Transformer module for task-agnostic reasoning (arXiv:2306.07536).

Reading order, the paper first:

 1 method/module         The reasoning module: a GPT-2 that reads vectors, and learns in context
                         to classify
 2 method/sampler        Synthetic tasks: every sequence is a logistic regression of its own
 3 method/head_training  Training the reasoning module on synthetic tasks only, with the paper's
                         curriculum
 4 method/whitening      From wide embeddings to a few white coordinates, with guards that the
                         original lacks
 5 method/prompts        Prompts as tokens, with the place of every part known from the start
 6 method/embeddings     Three ways to make vectors of labelled examples with a causal language
                         model, and prompting

Then ``lab/run``, the door of the experiments, and what it calls: ablations, cells, classifier,
finetune, icl, mean_difference, nulls, real, shipped, synthetic.  ``sources`` holds what others
released and printed, ``verdict`` every claim with its criterion, ``page`` what is drawn.
"""
