r"""A linear layer whose three matrix products run in four bits: the paper's Algorithm 1.

Shapes: X is (..., T, K), tokens by inputs; W is (..., O, K), outputs by inputs.  Leading axes, if
any, are independent copies (seeds).  A tensor is quantized along the contraction dimension of each
product it enters, so X and W are quantized twice: along K forward, along T and O backward.

In front of the quantizer groups of 32 are rotated.  The Hadamard matrix is orthogonal and
symmetric, so rotating both operands of a product along the contraction dimension changes nothing
before quantization.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from scipy.linalg import hadamard as sylvester
from torch import Tensor, nn

from companion.quartet.method.mxfp4 import GROUP, check_groups
from companion.quartet.method.quantizers import Scheme, quantize, scheme

if TYPE_CHECKING:
    from jaxtyping import Float

# --------------------------------------------------------------------------- rotations
SIDES = ("before", "after", "none")
"""Where random signs multiply: before the Hadamard matrix (right), after it (the released bug)."""


@cache
def hadamard(size: int = GROUP, device: str = "cpu") -> Tensor:
    """The Sylvester-Hadamard matrix over the square root of its size: (size, size), float32."""
    return torch.tensor(sylvester(size) / size**0.5, dtype=torch.float32, device=device)


def random_signs(generator: torch.Generator, size: int = GROUP) -> Tensor:
    """A vector of independent signs, +1 or -1: (size,), float32, on the generator's device."""
    bits = torch.randint(2, (size,), generator=generator, device=generator.device)
    return bits.float().mul_(2).sub_(1)


def rotate(
    x: Float[Tensor, "*batch K"], signs: Float[Tensor, " 32"] | None = None, side: str = "before"
) -> Float[Tensor, "*batch K"]:
    r"""Rotate each group of 32 along the last dimension; a new contiguous tensor.  Chapter eq. 4.

    before : :math:`(x \odot s) H`, signs first: every draw is another rotation
    after : :math:`(x H) \odot s`, the signs on the wrong side: see the chapter
    none : :math:`x H`

    x : (..., K), K a multiple of 32; signs : (32,), not needed for ``none``
    """
    if side not in SIDES:
        raise ValueError(f"unknown side {side!r}; choose one of {', '.join(SIDES)}")
    check_groups(x.shape[-1])
    groups = x.reshape(-1, GROUP)
    matrix = hadamard(GROUP, str(x.device))
    if signs is None or side == "none":
        rotation = matrix
    elif side == "before":
        rotation = signs[:, None] * matrix  # diag(s) H
    else:
        rotation = matrix * signs  # H diag(s)
    return torch.mm(groups, rotation).view(x.shape)


def rotate_back(y: Tensor) -> Tensor:
    """Undo ``rotate(x)`` without signs; the matrix is its own inverse."""
    return rotate(y)


# --------------------------------------------------------------------------- the layer
@dataclass(frozen=True)
class Recipe:
    """Which products are quantized, and how.

    forward, backward : name of a scheme, or None for a product in full precision
    side : where the random signs of the backward rotation act, see :data:`SIDES`;
        ``"after"`` is the bug of the paper's first versions
    rotated : whether operands are rotated at all (plain four-bit training does not)
    masked : whether gradients of elements that QuEST clipped are dropped
    """

    forward: str | None = None
    backward: str | None = None
    side: str = "before"
    rotated: bool = True
    masked: bool = True

    def __post_init__(self) -> None:
        for name in (self.forward, self.backward):
            if name is not None:
                scheme(name)
        if self.side not in SIDES:
            raise ValueError(f"unknown side {self.side!r}; choose one of {', '.join(SIDES)}")


VERSION_4 = Recipe(forward="QuEST", backward="RTN")
"""Version 4 of the paper."""

RECIPES: Mapping[str, Recipe] = {
    "none:none": Recipe(),
    "SR:none": Recipe(forward="SR"),
    "RTN:none": Recipe(forward="RTN"),
    "QuEST:none": Recipe(forward="QuEST"),
    "none:SR": Recipe(backward="SR"),
    "none:RTN": Recipe(backward="RTN"),
    "none:QuEST": Recipe(backward="QuEST"),
    "QuEST:RTN": Recipe(forward="QuEST", backward="RTN"),
    "QuEST:SR": Recipe(forward="QuEST", backward="SR"),
    "no rotation": Recipe(forward="QuEST", backward="RTN", rotated=False),
    "no mask": Recipe(forward="QuEST", backward="RTN", masked=False),
    "plain MXFP4": Recipe(forward="RTN OCP", backward="RTN OCP", rotated=False),
    "plain MXFP4, 3/4": Recipe(forward="RTN", backward="RTN", rotated=False),
}
"""Forward scheme : backward scheme.  QuEST:RTN is version 4 (Quartet), QuEST:SR the first versions;
plain MXFP4 is what the standard gives, with neither rotation nor the factor 3/4, then with it."""

BASELINE, QUARTET = "none:none", "QuEST:RTN"


class QuantizedMatmul(torch.autograd.Function):
    """Y = X W^T with the products of a :class:`Recipe`."""

    @staticmethod
    def forward(
        ctx,
        x: Float[Tensor, "*batch T K"],
        w: Float[Tensor, "... O K"],
        recipe: Recipe,
        generator: torch.Generator,
    ) -> Float[Tensor, "*batch T O"]:
        """Y of shape (..., T, O).  Chapter eq. 5."""
        x_q, w_q, x_mask, w_mask = _forward_operands(x, w, recipe, generator)
        ctx.recipe, ctx.generator = recipe, generator
        ctx.save_for_backward(x_q, w_q, x_mask, w_mask)
        return x_q @ w_q.mT

    @staticmethod
    def backward(ctx, dy: Float[Tensor, "*batch T O"]) -> tuple[Float[Tensor, " ..."] | None, ...]:
        """dX and dW.  Chapter eqs. 6 and 7."""
        x_q, w_q, x_mask, w_mask = ctx.saved_tensors
        recipe, draws = ctx.recipe, ctx.generator
        signs = None
        if recipe.backward is not None and recipe.rotated and recipe.side != "none":
            signs = random_signs(draws)  # one vector for this call: both products, all operands
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = _backward_product(dy, w_q.mT, "input", recipe, signs, draws)  # (T, O)(K, O)^T
            dx = _into_input_space(dx, x_mask, recipe)
        if ctx.needs_input_grad[1]:
            dw = _backward_product(dy.mT, x_q.mT, "weight", recipe, signs, draws)  # (O, T)(K, T)^T
            dw = _into_input_space(dw, w_mask, recipe)
        return dx, dw, None, None


def _forward_operands(
    x: Tensor, w: Tensor, recipe: Recipe, generator: torch.Generator
) -> tuple[Tensor | None, ...]:
    """Both operands rotated and quantized along K, with their masks where the scheme clips."""
    if recipe.forward is None:
        return x, w, None, None
    check_groups(x.shape[-1], what="the number of inputs K")
    chosen = scheme(recipe.forward)
    both = _together(x, w, None, "none", recipe.rotated)
    clips = recipe.masked and chosen.statistic == "std"
    q = quantize(both, chosen, generator=generator, with_mask=clips, out=both)
    masks = (None, None) if q.mask is None else _apart(q.mask, x)
    return *_apart(q.values, x), *masks


def _together(a: Tensor, b: Tensor, signs: Tensor | None, side: str, rotated: bool) -> Tensor:
    """Rows of both, (..., m + n, k), rotated alike: quantizing them at once costs less."""
    both = torch.cat((a, b), -2)
    return rotate(both, signs, side) if rotated else both


def _apart(both: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """Undo :func:`_together`."""
    return both[..., : a.shape[-2], :], both[..., a.shape[-2] :, :]


def _backward_product(
    a: Tensor,
    b: Tensor,
    name: str,
    recipe: Recipe,
    signs: Tensor | None,
    generator: torch.Generator,
) -> Tensor:
    """a b^T with both operands quantized along their last dimension."""
    if recipe.backward is None:
        return a @ b.mT
    check_groups(a.shape[-1], what="outputs O" if name == "input" else "tokens T")
    return quantized_product(a, b, scheme(recipe.backward), recipe, signs, generator)


def quantized_product(
    a: Tensor,
    b: Tensor,
    chosen: Scheme,
    recipe: Recipe,
    signs: Tensor | None,
    generator: torch.Generator,
) -> Tensor:
    """a b^T after rotating (same signs for both) and quantizing: a (..., m, k), b (..., n, k)."""
    both = _together(a, b, signs, recipe.side, recipe.rotated)
    first, second = _apart(quantize(both, chosen, generator=generator, out=both).values, a)
    return first @ second.mT


def _into_input_space(gradient: Tensor, mask: Tensor | None, recipe: Recipe) -> Tensor:
    """Mask first, in the rotated space where the mask lives; then rotate back."""
    if mask is not None:
        gradient = gradient.mul_(mask)
    if recipe.forward is not None and recipe.rotated:
        gradient = rotate_back(gradient)
    return gradient


class QuartetLinear(nn.Module):
    """A linear layer without bias, weight of shape (*copies, n_out, n_in).

    generator : source of signs and of rounding draws; share one over a model and seed it
    std : of the normal initialization

    >>> layer = QuartetLinear(64, 32, generator=torch.Generator().manual_seed(0))
    >>> layer(torch.ones(96, 64)).shape
    torch.Size([96, 32])
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        recipe: Recipe = VERSION_4,
        generator: torch.Generator,
        copies: tuple[int, ...] = (),
        std: float = 0.02,
    ) -> None:
        super().__init__()
        self.recipe, self.generator = recipe, generator
        if self._quantizes:
            check_groups(n_in, what="the number of inputs K")
            check_groups(n_out, what="the number of outputs O")
        self.weight = nn.Parameter(torch.randn(*copies, n_out, n_in) * std)

    @property
    def _quantizes(self) -> bool:
        return self.recipe.forward is not None or self.recipe.backward is not None

    def forward(self, x: Tensor) -> Tensor:
        """x : (*copies, T, n_in); returns (*copies, T, n_out)."""
        if not self._quantizes:
            return x @ self.weight.mT
        return QuantizedMatmul.apply(x, self.weight, self.recipe, self.generator)
