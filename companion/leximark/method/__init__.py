"""LexiMark: rare words, candidates, the watermark, and the membership scores."""
