"""Chapter "Mamba-3"."""
