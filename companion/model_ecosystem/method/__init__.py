"""The paper: families, their resemblance, mutation and drift; and the law behind its argument."""
