"""Training in four bits.

Quartet: Native FP4 Training Can Be Optimal for Large Language Models (arXiv:2505.14669).

Reading order, the paper first:

 1 method/mxfp4       The format MXFP4: a sign, two exponent bits, one mantissa bit, and one
                      scale per 32 elements
 2 method/scales      The shared scale of a group: which power of two, and by which rule
 3 method/quantizers  The quantizers that the paper compares, as one function and a handful of
                      named schemes
 4 method/hadamard    Rotations of groups of 32: the Hadamard matrix, and where the random signs
                      go
 5 method/linear      A linear layer whose three matrix products run in four bits: the paper's
                      Algorithm 1
 6 method/law         The paper's scaling law, with quantization as a smaller effective N and D
 7 method/optimal     Which precision is best at a budget: the law and the speed of the hardware
                      together

Then ``lab/run``, the door of the experiments, and what it calls: budgets, gaussian, gradients,
llama, products, refit, reruns, speed, text, training.  ``sources`` holds what others released and
printed, ``verdict`` every claim with its criterion, ``page`` what is drawn.

========  ======================================
equation  function
========  ======================================
2         method/scales.absmax_scale
3         method/scales.quest_scale
4         method/hadamard.rotate
5         method/linear.QuantizedMatmul.forward
6         method/linear.QuantizedMatmul.backward
7         method/linear.QuantizedMatmul.backward
8         lab/gaussian.gaussian_mse
9         lab/gaussian.gaussian_misalignment
10        lab/products.predicted_bias
11        method/law.Law.loss
12        method/optimal.Speed.of
13        method/optimal.loss_at_budget
========  ======================================
"""
