"""Gaussian RBF networks."""
