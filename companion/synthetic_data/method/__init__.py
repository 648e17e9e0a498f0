"""The loop in formulas: infinite data, the law of mixing, and calibration."""
