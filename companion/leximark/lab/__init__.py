"""Our experiments: small models trained on marked text, their tests, and what it costs."""
