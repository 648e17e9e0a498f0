"""Our experiments: networks that predict names, sweeps, dictionaries, a real model."""
