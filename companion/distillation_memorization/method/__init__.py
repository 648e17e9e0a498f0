"""The paper: what a student is trained on, and what counts as memorized."""
