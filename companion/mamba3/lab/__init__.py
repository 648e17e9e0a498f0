"""Our experiments: agreement, kernels, state tracking, small language models, run times."""
