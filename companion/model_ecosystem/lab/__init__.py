"""Our experiments: kin, votes of families, and worlds whose laws are known; ``run`` is the door."""
