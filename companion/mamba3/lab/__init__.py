"""Our experiments: agreement, kernels, counting, recall, small language models, run times."""
