"""Mamba-3: discretization, rotation, mixing, the layer, its other forms and its cost."""
