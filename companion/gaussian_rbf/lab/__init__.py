"""Our experiments: nested cross-validation, ridges, selection, reduction, the authors' digits."""
