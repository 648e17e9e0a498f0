"""TART: the reasoning module, its tasks and training, and the embeddings that it reads."""
