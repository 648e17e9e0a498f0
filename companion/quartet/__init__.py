"""Training in four bits.

Quartet: Native FP4 Training Can Be Optimal for Large Language Models (arXiv:2505.14669).

Reading order, the paper first:

 1 method/mxfp4       The format MXFP4: a sign, two exponent bits, one mantissa bit, and one
                      scale per 32 elements
 2 method/quantizers  The shared scale of a group, and the quantizers that the paper compares
 3 method/hadamard    Rotations of groups of 32: the Hadamard matrix, and where the random signs
                      go
 4 method/linear      A linear layer whose three matrix products run in four bits: the paper's
                      Algorithm 1
 5 method/law         The paper's scaling law, with quantization as a smaller effective N and D,
                      and which precision is best at a budget

Then ``lab/run``, the door of the experiments, and what it calls: gaussian, gradients, llama,
products, released, speed, training.  ``sources`` holds what others released and printed,
``verdict`` every claim with its criterion, ``page`` what is drawn.

========  ======================================
equation  function
========  ======================================
1         method/mxfp4.round_
2         method/quantizers.absmax_scale
3         method/quantizers.quest_scale
4         method/hadamard.rotate
5         method/linear.QuantizedMatmul.forward
6         method/linear.QuantizedMatmul.backward
7         method/linear.QuantizedMatmul.backward
8         lab/gaussian.gaussian_mse
9         lab/gaussian.gaussian_misalignment
10        lab/products.predicted_bias
11        method/law.Law.loss
12        method/law.Speed.of
13        method/law.loss_at_budget
========  ======================================
"""
