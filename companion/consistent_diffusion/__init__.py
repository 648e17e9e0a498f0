"""Energy-based diffusion models that sample and simulate alike (arXiv 2506.17139)."""
