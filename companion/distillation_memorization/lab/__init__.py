"""Our experiments: text, small models, worlds of one teacher and its students, what they show."""
