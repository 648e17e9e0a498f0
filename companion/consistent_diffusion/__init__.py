"""Diffusion that can simulate.

Consistent Sampling and Simulation: Molecular Dynamics with Energy-Based Diffusion Models
(arXiv:2506.17139).

Reading order, the paper first:

 1 method/diffusion  The forward process, how much a model violates its Fokker-Planck
                     equation, and the two ways to use a score: denoising from noise to
                     data, and molecular dynamics
 2 method/losses     The training objective: denoising score matching, and the Fokker-Planck
                     penalty
 3 method/networks   Energy networks, many seeds in one stack; a mixture of experts over the
                     diffusion time; the paper's network for molecules

Then ``lab/run``, the door of the experiments, and what it calls: estimator, line, measures,
molecule/chains, molecule/frames, molecule/models, molecule/peptide, molecule/scores, plane,
systems, train.
``sources`` reads what others released, ``verdict`` has every claim with its criterion, ``page``
what is drawn, ``makers`` what ships ready-made.

The paper, by the numbers of the notebook:

========  ==========================================
equation  function
========  ==========================================
1         method/diffusion.noised
2         method/losses.objective_loss
3         method/diffusion.right_side
4         method/diffusion.weak_residuals
5         method/losses.objective_loss
6         method/diffusion.simulate
========  ==========================================

Ours, by the numbers of the notebook:

========  ==========================================
equation  function
========  ==========================================
7         lab/molecule/models.MoleculeEnergy
========  ==========================================
"""
