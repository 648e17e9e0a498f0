"""Runnable Papers: the companion package of the book."""
