"""Numbers that the paper prints, each with its table; facts to compare with."""

ABLATIONS = {
    "full": 15.72,
    "no bias": 16.49,
    "no bias, no trapezoid": 16.68,
    "with convolution": 15.85,
}
"""Test perplexity, 440M parameters, Chinchilla tokens. Table 5a."""

DEFAULT_PRINTED = {"Table 5a": 15.72, "Table 8": 15.72, "Table 10b, both biases": 15.69}
"""The same default model in three tables; the spread is what two runs differ by."""

LAMBDA_PRINTED = {"σ(u)": 15.72, "1/2": 15.76, "1": 15.81}
"""Test perplexity by the choice of λ. Table 8."""

PARITY_AT_256 = {
    "Mamba-3": 100.00,
    "Mamba-3, standard RoPE": 1.56,
    "Mamba-3, no RoPE": 2.27,
    "Mamba-2": 0.90,
}
"""Scaled accuracy in percent at length 256, best of a sweep of 16 points. Table 5b."""

PERPLEXITY = {
    "180M": {"Transformer": 16.89, "GDN": 16.52, "Mamba-2": 16.76, "SISO": 16.59, "MIMO": 16.46},
    "440M": {"Transformer": 13.03, "GDN": 13.01, "Mamba-2": 13.00, "SISO": 12.87, "MIMO": 12.72},
    "880M": {"Transformer": 11.42, "GDN": 11.37, "Mamba-2": 11.35, "SISO": 11.23, "MIMO": 11.11},
    "1.5B": {"Transformer": 10.51, "GDN": 10.45, "Mamba-2": 10.47, "SISO": 10.35, "MIMO": 10.24},
}
"""FineWeb-Edu perplexity. Table 3."""

KERNEL_MS = {
    "Mamba-2": {64: 0.127, 128: 0.203},
    "GDN": {64: 0.176, 128: 0.257},
    "SISO": {64: 0.110, 128: 0.156},
    "MIMO": {64: 0.137, 128: 0.179},
}
"""One decode step of the bf16 kernel, by state size. Table 6."""

STEP_MS = {
    "Mamba-3": {512: 7.58, 16384: 7.59},
    "attention": {512: 8.2, 16384: 58.9},
}
"""End-to-end time of one decoded step, derived from Table 7 (SISO, and Llama-3.2-1B in vLLM)."""
