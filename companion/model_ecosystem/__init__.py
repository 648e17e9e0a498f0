"""Two million models.

Anatomy of a Machine Learning Ecosystem (arXiv:2508.06811).

The paper, in reading order:

 1 method/forest      Who descends from whom, as arrays
 2 method/dna         A model's description as a string, and that string without a field
 3 method/similarity  The two similarities, pairs as the paper draws them, and exact means instead
 4 method/rates       What models declare, and how often a trait changes from parent to child
 5 method/drift       Which value turns into which, and all orders that fit best

Ours:

 6 method/theory      When siblings agree more than parent and child, and what a field can hide

Then ``lab/run``, the door of the experiments, and behind it ``lab/kin`` (siblings, field by field
and trait by trait), ``lab/intervals`` (families as units), ``lab/directions``, ``lab/simulate`` and
``lab/worlds`` (worlds whose laws are known), ``lab/speed``, and ``lab/published`` (what a record
keeps).  ``sources`` holds what others released and printed, ``verdict`` every claim with its
criterion, ``page`` what is drawn, ``hub`` the whole Hub.

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
