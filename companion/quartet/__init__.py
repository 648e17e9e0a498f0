"""Training in four bits.

Quartet: Native FP4 Training Can Be Optimal for Large Language Models (arXiv:2505.14669).

Reading order, the paper first:

 1 method/mxfp4       The format MXFP4: a sign, two exponent bits, one mantissa bit, and one
                      scale per 32 elements
 2 method/quantizers  The shared scale of a group, and the quantizers that the paper compares
 3 method/linear      Rotations of groups of 32, and where the random signs go; a linear layer whose
                      three matrix products run in four bits: the paper's Algorithm 1
 4 method/law         The paper's scaling law, with quantization as a smaller effective N and D,
                      and which precision is best at a budget

Then ``lab/run``, the door of the experiments, and what it calls: llama, released,
rounding, speed, training.  ``sources`` holds what others released and printed,
``verdict`` every claim with its criterion, ``page`` what is drawn.

========  ======================================
equation  function
========  ======================================
1         method/mxfp4.round_
2         method/quantizers.absmax_scale
3         method/quantizers.quest_scale
4         method/linear.rotate
5         method/linear.QuantizedMatmul.forward
6         method/linear.QuantizedMatmul.backward
7         method/linear.QuantizedMatmul.backward
8         lab/rounding.gaussian_mse
9         lab/rounding.gaussian_misalignment
10        lab/rounding.predicted_bias
11        method/law.Law.loss
12        method/law.Speed.of
13        method/law.loss_at_budget
========  ======================================
"""
