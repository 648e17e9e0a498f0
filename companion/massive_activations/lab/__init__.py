"""Our experiments: a real model, the released series, and what the fits can tell."""
