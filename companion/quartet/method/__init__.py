"""Quartet: the format, its quantizers, the rotation, Algorithm 1, and the scaling law."""
