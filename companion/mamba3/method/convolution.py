"""The short causal convolution of Mamba-2, which Mamba-3 does without."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu


class ShortConv(nn.Module):
    """Depthwise causal convolution on [x, B, C] followed by SiLU; width 1 does nothing at all.

    channels : of x, B and C together; width : taps
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        if width > 1:  # PyTorch's start values of a depthwise conv1d
            bound = width**-0.5
            self.weight = nn.Parameter(bound * (2 * torch.rand(channels, 1, width) - 1))
            self.bias = nn.Parameter(bound * (2 * torch.rand(channels) - 1))

    def forward(
        self, x: Tensor, B: Tensor, C: Tensor, window: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x, B, C after the convolution, and the last ``width - 1`` inputs.

        x, B, C : (batch, seq, ...); window : (batch, width - 1, channels)
        """
        if self.width == 1:
            return x, B, C, window
        seq, sizes = x.shape[1], (x.shape[-1], B.shape[-1], C.shape[-1])
        inputs = torch.cat((x, B, C), -1)
        past = torch.cat((window.to(inputs.dtype), inputs), 1)
        taps = self.weight[:, 0]
        mixed = self.bias + sum(taps[:, i] * past[:, i : i + seq] for i in range(self.width))
        return *silu(mixed).split(sizes, -1), past[:, seq:]
