"""Estimating scaling laws.

A Hitchhiker's Guide to Scaling Law Estimation (arXiv:2410.11840).

Reading order, the paper first:

 1 method/law       The law and the points it is fitted to
 2 method/protocol  Which checkpoints train the law, which test it, and how the error is counted
 3 method/varpro    Variable projection: the law is linear in three of its five parameters
 4 method/recipe    The paper's recipe, ``scipy.optimize.curve_fit`` from one start, and two laws
                    with three parameters, for when the points cannot support five

Then ``lab/run``, the door of the experiments, and what it calls: released (the paper's grids, and
each rule by two recipes), designs (subsets of Gemstones), solvers, facts, trained (worlds with a
known truth, tiny models); and evidence, which says what runs show together.  ``sources`` holds what
others released and printed, ``verdict`` every claim with its criterion, ``page`` what is drawn.

=========  ==================================
equation   function
=========  ==================================
1 (paper)  method/law.ScalingLaw
2          method/law.residual_sum
3          method/varpro.projected_objective
4          method/protocol.are
6          lab/trained.World.irreducible
=========  ==================================
"""
