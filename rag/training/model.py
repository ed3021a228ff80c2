"""The encoder of `index/convert.py` in PyTorch, with the reader's and the checker's heads.

Texts of a batch lie one behind another, without padding; only attention, a small part of the work, is padded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from index.convert import Weights, unpack

VERDICTS = ("supported", "contradicted", "neutral")
MARKS = ("question", "claim", "passage")


CHUNK = 6  # texts that attention takes at once: alike in length, so that little of it is padding


class Batch:
    """Texts of unequal length, as ids or as states. ids: int64 [tokens]; place: position in its text; slot: place in the
    padded [n, longest]; first: where each text begins; chunks: texts alike in length, for attention."""

    def __init__(self, lengths: np.ndarray, ids: Tensor | None = None) -> None:
        self.count, self.longest, self.ids = len(lengths), int(lengths.max()), ids
        first = np.cumsum(lengths) - lengths
        place = np.concatenate([np.arange(n) for n in lengths])
        self.place = torch.from_numpy(place)
        self.slot = torch.from_numpy(np.repeat(np.arange(self.count), lengths) * self.longest + place)
        self.first = torch.from_numpy(first)
        order = np.argsort(-lengths, kind="stable")
        groups = [order[i : i + CHUNK] for i in range(0, len(order), CHUNK)]
        self.chunks = [_Chunk(first[rows], lengths[rows]) for rows in groups]
        self.back = torch.from_numpy(np.argsort(np.concatenate([c.tokens.numpy() for c in self.chunks])))


class _Chunk:
    """tokens: where its tokens are in the batch; slot: in the padded [n, longest]; mask: bool [n, 1, 1, longest]."""

    def __init__(self, first: np.ndarray, lengths: np.ndarray) -> None:
        self.count, self.longest = len(lengths), int(lengths.max())
        within = np.concatenate([np.arange(n) for n in lengths])
        self.tokens = torch.from_numpy(np.repeat(first, lengths) + within)
        self.slot = torch.from_numpy(np.repeat(np.arange(self.count), lengths) * self.longest + within)
        self.mask = torch.from_numpy(np.arange(self.longest)[None] < lengths[:, None])[:, None, None, :]


class Layer(nn.Module):
    def __init__(self, hidden: int, heads: int, ffn: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.ao = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.fi, self.fo = nn.Linear(hidden, ffn), nn.Linear(ffn, hidden)
        self.aln, self.oln = nn.LayerNorm(hidden, epsilon), nn.LayerNorm(hidden, epsilon)

    def forward(self, x: Tensor, batch: Batch) -> Tensor:
        hidden, both = x.shape[1], self.qkv(x)
        seen = []
        for chunk in batch.chunks:
            padded = x.new_zeros(chunk.count * chunk.longest, 3 * hidden)
            padded = padded.index_copy(0, chunk.slot, both[chunk.tokens])
            q, k, v = padded.view(chunk.count, chunk.longest, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            found = F.scaled_dot_product_attention(q, k, v, attn_mask=chunk.mask)
            seen.append(found.transpose(1, 2).reshape(-1, hidden)[chunk.slot])
        x = self.aln(x + self.ao(torch.cat(seen)[batch.back]))
        return self.oln(x + self.fo(F.gelu(self.fi(x))))


class ReaderModel(nn.Module):
    """Question and passage go through the lowest layers each by itself, as the embedder has them (Cao et al. 2020,
    DeFormer): those layers stay as they are, are shared with the embedder, and a passage's states can be kept. The
    upper layers read both together. A learned mark tells question, claim and passage apart.

    span: each token as the first or last of the answer, the question's first token standing for "no answer";
    verdict: a claim against its evidence, from the claim's first token.
    """

    def __init__(self, weights: Weights, lower: int) -> None:
        super().__init__()
        hidden = weights.hidden
        words = unpack(weights.tensors["emb.word"]).reshape(weights.vocabulary, hidden)
        positions = weights.tensors["emb.pos"].reshape(-1, hidden) + weights.tensors["emb.type"][:hidden]
        self.register_buffer("words", torch.from_numpy(words), persistent=False)
        self.register_buffer("positions", torch.from_numpy(positions.copy()), persistent=False)
        self.norm = nn.LayerNorm(hidden, weights.epsilon)
        layers = [Layer(hidden, weights.heads, weights.ffn, weights.epsilon) for _ in range(weights.layers)]
        # large enough to be told from the start: a state is about 0.44 in each place
        self.marks = nn.Parameter(0.15 * torch.randn(len(MARKS), hidden))
        self.span = nn.Linear(hidden, 2)
        self.verdict = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, len(VERDICTS)))
        with torch.no_grad():
            _take(self.norm, weights, "emb.ln")
            for number, layer in enumerate(layers):
                name = f"l{number}."
                joined = [weights.matrix(name + part) for part in "qkv"]
                layer.qkv.weight.copy_(torch.from_numpy(np.concatenate(joined)))
                biases = [weights.tensors[f"{name}{part}.b"] for part in "qkv"]
                layer.qkv.bias.copy_(torch.from_numpy(np.concatenate(biases)))
                for part in ("ao", "fi", "fo", "aln", "oln"):
                    _take(getattr(layer, part), weights, name + part)
            nn.init.normal_(self.span.weight, std=0.02)
        self.lower, self.upper = nn.ModuleList(layers[:lower]), nn.ModuleList(layers[lower:])
        for parameter in (*self.norm.parameters(), *self.lower.parameters()):
            parameter.requires_grad_(False)

    @torch.no_grad()
    def alone(self, batch: Batch) -> Tensor:
        """float32 [tokens, hidden]: texts through the lowest layers, each by itself."""
        x = self.norm(self.words[batch.ids] + self.positions[batch.place])
        for layer in self.lower:
            x = layer(x, batch)
        return x

    def together(self, states: Tensor, marks: Tensor, batch: Batch) -> Tensor:
        """float32 [tokens, hidden]: pairs through the upper layers. marks: int64 [tokens], places in MARKS."""
        x = states + self.marks[marks]
        for layer in self.upper:
            x = layer(x, batch)
        return x


def _take(module: Any, weights: Weights, name: str) -> None:
    matrix = module.weight.dim() == 2
    weight = weights.matrix(name) if matrix else weights.tensors[name + ".w"]
    module.weight.copy_(torch.from_numpy(np.array(weight)))
    module.bias.copy_(torch.from_numpy(np.array(weights.tensors[name + ".b"])))
