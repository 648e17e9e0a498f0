"""The paper: families, their resemblance, mutation and drift; ``theory`` is ours."""
