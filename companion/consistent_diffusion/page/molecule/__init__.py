"""Figures, tables and the explorer of the molecule."""
