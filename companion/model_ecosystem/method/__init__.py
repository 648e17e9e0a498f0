"""Family trees, DNA, resemblance, mutation, drift, and the law of the threshold."""
