"""Two million models.

Anatomy of a Machine Learning Ecosystem (arXiv:2508.06811).

The paper, in reading order:

 1 method/forest      Who descends from whom, as arrays
 2 method/similarity  Descriptions as strings, with and without a field; the two similarities, pairs
                      as the paper draws them, and exact means instead
 3 method/drift       How often a declared trait changes from parent to child, into what, and all
                      orders that fit best

Ours:

 4 method/theory      When siblings agree more than parent and child, and what a field can hide

Then ``lab/run``, the door of the experiments, and behind it ``lab/kin`` (siblings, field by field
and trait by trait), ``lab/intervals`` (families as units), ``lab/simulate`` and ``lab/worlds``
(worlds whose laws are known), and ``lab/published`` (what a record keeps).  ``sources`` holds what
others released and printed, ``verdict`` every claim with its criterion, ``page`` what is drawn,
``hub`` the whole Hub.

========  ==================================
equation  function
========  ==================================
1         method/theory.parent_child
2         method/theory.sibling
3         method/theory.critical_mutation
4         method/theory.enough_bookkeeping
5         method/theory.most_siblings
6         method/similarity.families
7         method/drift.best_order
========  ==================================
"""
