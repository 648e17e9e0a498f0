"""A plug-and-play reasoning module.

TART: A plug-and-play Transformer module for task-agnostic reasoning (arXiv:2306.07536).

Reading order, the paper first:

 1 method/module      The reasoning module: a GPT-2 that reads vectors, and learns in
                      context to classify
 2 method/training    Synthetic tasks, and training the reasoning module on nothing else
 3 method/whitening   From wide embeddings to a few white coordinates, with guards that the
                      original lacks
 4 method/embeddings  Vectors of labeled examples from a causal language model, and the
                      prompts they come from
 5 method/theory      Ours: the one-line rule, and the best learner of the synthetic tasks

Then ``lab/run``, the door of the experiments, and what it calls: cells, classifier, learned,
nulls, real, shipped.  ``sources`` holds the text sets, ``verdict`` every claim with
its criterion, ``page`` what is drawn, ``hub`` the paper scale, ``makers`` what ships ready-made.

The paper:

========  ==========================================
equation  function
========  ==========================================
2         method/training.LogisticTaskSampler.draw
3         method/module.interleave
5         method/whitening.Whitening
========  ==========================================

Ours, by the numbers of the notebook:

========  ==========================================
equation  function
========  ==========================================
4         method/theory.mean_difference
6         lab/cells.Answers.from_examples
7         method/theory.ideal
========  ==========================================
"""
