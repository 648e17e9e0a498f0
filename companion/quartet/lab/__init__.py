"""Our experiments: Gaussian numbers, averaged products, tiny Llamas, the refit, run times."""
