"""Our experiments: synthetic tasks, cells of real vectors, null models, ablations."""
