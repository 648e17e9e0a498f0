"""The network with one learned precision matrix: model, training, and what is read off it."""
