"""The paper's measurement, its training curve (eq. 9), and the fit of it."""
