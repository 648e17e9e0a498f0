"""Chapter "Memorization in distillation"."""
