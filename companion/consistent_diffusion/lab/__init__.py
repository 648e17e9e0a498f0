"""Our experiments: mixtures, Muller-Brown, random features, and a molecule."""
