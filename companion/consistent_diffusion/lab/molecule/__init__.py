"""Alanine dipeptide: data, networks, simulations, scores."""
