"""Diffusion that can simulate.

Consistent Sampling and Simulation: Molecular Dynamics with Energy-Based Diffusion Models
(arXiv:2506.17139).

Reading order, the paper first:

 1 method/vp                 The forward process: how data turn into noise
 2 method/residual           How much a model violates the Fokker-Planck equation
 3 method/losses             The training objective: denoising score matching, and the Fokker-
                             Planck penalty
 4 method/networks           Energy networks with a score written by hand, and a score network
                             without an energy
 5 method/experts            A mixture of experts over the diffusion time: each has a range of
                             its own, and no say outside
 6 method/graph_transformer  The paper's network for molecules: attention between beads, with
                             displacements as edges
 7 method/langevin           Molecular dynamics with a score as force
 8 method/reverse_sde        Samples by denoising: the reverse process from noise to data

Then the experiments: lab/arms, lab/estimator, lab/grid, lab/metrics, lab/mixtures,
lab/molecule/check, lab/molecule/energy, lab/molecule/experiment, lab/molecule/frames,
lab/molecule/geometry, lab/molecule/langevin, lab/molecule/md, lab/molecule/runs,
lab/molecule/scores, lab/molecule/series, lab/molecule/settings, lab/molecule/train,
lab/mueller_brown, lab/plane_models, lab/random_features, lab/random_runs, lab/train,
lab/two_for_one.  ``sources`` holds what others released and printed, ``verdict`` every claim with
its criterion, ``page`` what is drawn.
"""
