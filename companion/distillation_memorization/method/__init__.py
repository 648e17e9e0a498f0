"""Distillation and memorization: objectives, extraction, scores, sets, and the predictor."""
