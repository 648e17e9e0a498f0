"""Two million models.

Anatomy of a Machine Learning Ecosystem (arXiv:2508.06811).

Reading order, the paper first:

 1 method/forest      Who descends from whom, as arrays
 2 method/dna         A model's description as a string, and that string without a field
 3 method/similarity  How alike relatives are: exact means over all pairs of the population
 4 method/rates       What models declare, and how often a trait changes from parent to child
 5 method/drift       Which value turns into which, and all orders that fit best
 6 method/threshold   When siblings agree more than parent and child: the law of the threshold

Then ``lab/run``, the door of the experiments, and behind it ``lab/kin`` (siblings, field by field
and trait by trait), ``lab/intervals`` (families as units), ``lab/directions``, ``lab/simulate`` and
``lab/worlds`` (worlds whose laws are known), ``lab/speed``.  ``sources`` holds what others released
and printed, ``verdict`` every claim with its criterion, ``page`` what is drawn, ``hub`` the whole
Hub.

========  ==================================
equation  function
========  ==================================
1         method/threshold.parent_child
2         method/threshold.sibling
3         method/threshold.critical_mutation
4         method/threshold.enough_bookkeeping
5         method/threshold.most_siblings
6         method/similarity.families
7         method/drift.best_order
========  ==================================
"""
