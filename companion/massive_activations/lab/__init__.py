"""Our experiments: minis, a real model, interventions, and what the fits can tell."""
