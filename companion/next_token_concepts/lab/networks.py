"""Two small networks that predict the name: a transformer, and an order-free perceptron."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from companion.next_token_concepts.method.world import World


class Block(nn.Module):
    """Pre-norm attention and MLP; (batch, seq, d) to (batch, seq, d), causal."""

    def __init__(self, d: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, h: Tensor) -> Tensor:
        """The residual stream after this block."""
        batch, seq, d = h.shape
        qkv = self.qkv(self.norm_1(h)).view(batch, seq, 3, self.n_heads, d // self.n_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, seq, d / heads)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + self.out(mixed.transpose(1, 2).reshape(batch, seq, d))
        return h + self.down(nn.functional.gelu(self.up(self.norm_2(h))))


class Transformer(nn.Module):
    """Decoder on BOS, words, ASK; unembedding untied and without bias.

    Tokens 0 to V - 1 are words, V to V + Y - 1 names, then BOS and ASK.
    """

    def __init__(
        self, world: World, *, d: int, n_layers: int = 2, n_heads: int = 4, longest: int = 16
    ) -> None:
        super().__init__()
        self.n_words, self.n_names = world.n_words, world.n_names
        self.bos = self.n_words + self.n_names
        self.ask = self.bos + 1
        self.embedding = nn.Embedding(self.ask + 1, d)
        self.positions = nn.Embedding(longest + 2, d)
        self.blocks = nn.ModuleList(Block(d, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d)
        self.unembedding = nn.Linear(d, self.ask + 1, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.3)
        nn.init.normal_(self.positions.weight, std=0.1)

    def tokens(self, words: Tensor) -> Tensor:
        """(N, n) words to (N, n + 2) tokens with BOS in front and ASK behind."""
        edge = words.new_empty(len(words), 1)
        return torch.cat([edge * 0 + self.bos, words, edge * 0 + self.ask], dim=1)

    def stream(self, tokens: Tensor) -> list[Tensor]:
        """Residual stream after the embedding and each block, then f_x: (N, seq, d) each."""
        h = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        found = [h]
        for block in self.blocks:
            found.append(block(found[-1]))
        return [*found, self.norm(found[-1])]

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token at every position, (N, seq, V + Y + 2)."""
        return self.unembedding(self.stream(tokens)[-1])

    def states(self, words: Tensor) -> list[Tensor]:
        """The stream at ASK, where the name is predicted: (N, d) each, f_x last."""
        return [h[:, -1] for h in self.stream(self.tokens(words))]

    def name_logits(self, f: Tensor) -> Tensor:
        """W_U f_x of the names: (N, Y)."""
        return f @ self.unembedding.weight[self.n_words : self.bos].T


class Perceptron(nn.Module):
    """Features of a context to name logits; the layer before the last is f_x.

    ReLU layers of `widths`, then a linear layer to f_x of width `d`, then W_U without bias.
    """

    def __init__(
        self, n_in: int, n_names: int, *, widths: tuple[int, ...] = (64, 64), d: int = 16
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Linear(n_in, width), nn.ReLU()]
            n_in = width
        self.encoder = nn.Sequential(*layers, nn.Linear(n_in, d))
        self.unembedding = nn.Linear(d, n_names, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, n_in) to logits (N, n_names)."""
        return self.unembedding(self.encoder(features))

    def name_logits(self, f: Tensor) -> Tensor:
        """W_U f_x: (N, Y)."""
        return self.unembedding(f)


class BagPerceptron(Perceptron):
    """A perceptron that reads word counts, and so cannot see the order of words."""

    def __init__(self, world: World, *, d: int) -> None:
        super().__init__(world.n_words, world.n_names, d=d)
        self.n_words = world.n_words

    def features(self, words: Tensor) -> Tensor:
        """(N, n) words to counts, (N, V), scaled to the order of one."""
        return nn.functional.one_hot(words, self.n_words).sum(1).float() / 4

    def states(self, words: Tensor) -> list[Tensor]:
        """Counts, the two hidden layers, f_x: (N, width) each."""
        found = [self.features(words)]
        for layer in self.encoder:
            found.append(layer(found[-1]))
        return [found[0], *found[2:-1:2], found[-1]]
