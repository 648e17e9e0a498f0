"""Our experiments: simulated populations, the real sample, recovery, speed."""
