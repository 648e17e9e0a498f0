"""Our experiments: theory, log-bilinear loops, real tables, transformers, a real model."""
