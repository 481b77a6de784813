"""From networks of units to the model graph: attention between places, numbers of clusters, clusters.

Two graphs come out of a network. One takes the sources and gives the number of clusters of each, and of
those that nobody owns; the other takes sources and queries and gives the clusters. Their inputs are `n`,
the tokens side by side, and for the second `m` and the queries side by side.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch

from lamarr.networks.events_to_events import POOL_SCALE, Counts, Encoder
from lamarr.networks.geometric import Block, GeometricAttention
from lamarr.networks.graph_to_graph import WAVES, GraphFlow, times, waves
from lamarr.networks.lowering import lower_draw, lower_linear, lower_mixture, lower_mlp
from lamarr.networks.mixture import AutoregressiveMixture
from lamarr.networks.translation import Translation
from lamarr.transpile import Graph, GraphBuilder, Value

__all__ = ["lower_clusters", "lower_counts"]


class Objects:
    """Objects under construction: their values, places (x, y, x² + y²), and how many there are."""

    def __init__(self, builder: GraphBuilder, value: Value, count: Value, most: int) -> None:
        self.value, self.count, self.most = value, count, most
        at = builder.select(value, [0, 1])
        square = builder.dense(builder.add("multiply", at, at), np.ones((2, 1)), [0.0])
        self.place = builder.concat(at, square)


def _array(tensor: torch.Tensor) -> Any:
    return tensor.detach().cpu().numpy().astype(np.float64)


def _with_place(
    layer: torch.nn.Linear, heads: int, scale: float, x: Any, square: Any, one: float
) -> tuple[Any, Any]:
    """Weight (width + 3, heads (depth + 3)) and bias of a linear layer that also passes the place on."""
    weight, bias = _array(layer.weight).T * scale, _array(layer.bias) * scale
    width, depth = weight.shape[0], weight.shape[1] // heads
    w, b = np.zeros((width + 3, heads * (depth + 3))), np.zeros(heads * (depth + 3))
    for h in range(heads):
        at = h * (depth + 3)
        w[:width, at : at + depth] = weight[:, h * depth : (h + 1) * depth]
        b[at : at + depth] = bias[h * depth : (h + 1) * depth]
        w[width, at + depth] = w[width + 1, at + depth + 1] = x[h]
        w[width + 2, at + depth + 2] = square[h]
        b[at + depth + 2] = one
    return w, b


def lower_attention(
    builder: GraphBuilder, module: GeometricAttention, x: Value, y: Value, own: Objects, seen: Objects
) -> Value:
    """Append ``module(x, y, …)``; `own` and `seen` say where x and y lie and how many y there are."""
    s = np.exp(-_array(module.log_reach))
    scale = math.sqrt(module.depth + 3)  # the operator divides by it
    nothing = np.zeros_like(s)
    q = _with_place(module.q, module.heads, scale / math.sqrt(module.depth), scale * s, nothing, scale)
    k = _with_place(module.k, module.heads, 1.0, s, -0.5 * s * s, 0.0)
    mean = builder.add(
        "attention",
        builder.dense(builder.concat(x, own.place), *q),
        builder.dense(builder.concat(y, seen.place), *k),
        lower_linear(builder, module.v, y),
        seen.count,
        attributes={"heads": module.heads},
    )
    return lower_linear(builder, module.out, mean)


def _norm(builder: GraphBuilder, norm: torch.nn.LayerNorm, x: Value) -> Value:
    return builder.add(
        "layer_norm",
        x,
        attributes={"epsilon": norm.eps},
        scale=_array(norm.weight),
        shift=_array(norm.bias),
    )


def lower_block(
    builder: GraphBuilder, block: Block, x: Value, own: Objects, *seen: tuple[Value | None, Objects]
) -> Value:
    """Append a block; each of `seen` is (values or None for x itself, the objects that they belong to)."""
    for norm, attention, (y, objects) in zip(block.norms, block.attention, seen, strict=True):
        z = _norm(builder, norm, x)
        look = lower_attention(builder, attention, z, z if y is None else y, own, objects)
        x = builder.add("add", x, look)
    return builder.add("add", x, lower_mlp(builder, block.body, _norm(builder, block.norm, x)))


def lower_encoder(builder: GraphBuilder, encoder: Encoder, sources: Objects) -> Value:
    """Append the memory of the sources."""
    x = lower_linear(builder, encoder.embed, sources.value)
    for block in encoder.blocks:
        assert isinstance(block, Block)
        x = lower_block(builder, block, x, sources, (None, sources))
    return x


def _objects(builder: GraphBuilder, x: Value, first: int, most: int, features: int) -> Objects:
    """Objects whose number is column `first` of x, and whose features follow."""
    count = builder.select(x, [first])
    columns = builder.select(x, range(first + 1, first + 1 + most * features))
    return Objects(builder, builder.objects(columns, count, most), count, most)


def lower_counts(encoder: Encoder, counts: Counts, most: int) -> Graph:
    """Graph from `n`, tokens, and noise (most + 2) to the clusters of each source, and of nobody."""
    features = encoder.embed.in_features
    builder = GraphBuilder(x=1 + most * features, noise=most + 2)
    noise = builder.input("noise")
    sources = _objects(builder, builder.input("x"), 0, most, features)
    memory = lower_encoder(builder, encoder, sources)
    p = builder.add("softmax", lower_mlp(builder, counts.owned, memory))
    random = builder.objects(builder.select(noise, range(most)), sources.count, most)
    numbers = builder.dense(random, np.zeros((1, counts.most + 1)), np.arange(counts.most + 1))
    owned = builder.add("pick", p, builder.add("normal_cdf", random), numbers)
    attributes = {"kind": "mean"}
    mean = builder.add("pool", memory, sources.count, attributes=attributes)
    total = builder.add("pool", memory, sources.count, attributes={"kind": "sum"})
    scaled = builder.add("affine", total, scale=[POOL_SCALE], shift=[0.0])
    pooled = builder.concat(mean, scaled)
    spread = lower_mixture(builder, counts.ownerless, pooled, builder.select(noise, [most, most + 1]))
    free = builder.add("affine", builder.add("exp", spread), scale=[1.0], shift=[-1.0])
    flat = builder.add("flatten", owned, sources.count, attributes={"max": most})
    return shared(builder.finish(builder.concat(flat, free)))


def lower_clusters(network: Translation | GraphFlow, sources: int, clusters: int, draws: int = 1) -> Graph:
    """Graph from `n`, tokens, `m`, queries, and noise to the features of the clusters side by side.

    A translation draws every cluster `draws` times, one after the other, for the price of little more than
    one: all that is dear comes before the first random number. A flow is random from its start.
    """
    features = network.encoder.embed.in_features
    width = network.embed.in_features
    flow = isinstance(network, GraphFlow)
    width -= network.targets + 1 + WAVES if flow else 0
    noises = clusters * network.noise * draws
    builder = GraphBuilder(x=2 + sources * features + clusters * width, noise=noises)
    x = builder.input("x")
    seen = _objects(builder, x, 0, sources, features)
    own = _objects(builder, x, 1 + sources * features, clusters, width)
    noise = builder.objects(builder.input("noise"), own.count, clusters)
    memory = lower_encoder(builder, network.encoder, seen)
    if isinstance(network, GraphFlow):
        result = _flow(builder, network, memory, own, seen, noise)
    else:
        result = _words(builder, network, memory, own, seen, noise, draws)
    return shared(builder.finish(builder.add("flatten", result, own.count, attributes={"max": clusters})))


def _words(
    builder: GraphBuilder,
    network: Translation,
    memory: Value,
    own: Objects,
    seen: Objects,
    noise: Value,
    draws: int,
) -> Value:
    h = lower_linear(builder, network.embed, own.value)
    for block in network.decoder:
        assert isinstance(block, Block)
        h = lower_block(builder, block, h, own, (None, own), (memory, seen))
    free = builder.select(own.value, [own.value.width - 1])
    first = [lower_linear(builder, m.context, lower_mlp(builder, m.trunk, h)) for m in _mixtures(network)]
    drawn = []
    for k in range(draws):
        random = builder.select(noise, range(k * network.noise, (k + 1) * network.noise))
        owned, ownerless = (
            lower_draw(builder, m, f, random) for m, f in zip(_mixtures(network), first, strict=True)
        )
        difference = builder.add("subtract", ownerless, owned)
        drawn.append(builder.add("add", owned, builder.add("multiply", difference, free)))
    return builder.concat(*drawn) if draws > 1 else drawn[0]


def _mixtures(network: Translation) -> tuple[AutoregressiveMixture, AutoregressiveMixture]:
    return network.owned, network.ownerless


def _flow(
    builder: GraphBuilder, network: GraphFlow, memory: Value, own: Objects, seen: Objects, noise: Value
) -> Value:
    """Append steps of Euler; the time enters the first layer as a shift of its bias."""
    queries, still = own.value.width, network.targets
    weight, bias = _array(network.embed.weight).T, _array(network.embed.bias)
    fixed = builder.dense(own.value, weight[:queries], bias)
    border = times(network.steps)
    x = noise
    for a, b in itertools.pairwise(border):
        shift = _array(waves(torch.tensor([[a]])))[0] @ weight[queries + still :]
        h = builder.add("add", fixed, builder.dense(x, weight[queries : queries + still], shift))
        h = lower_block(builder, network.first, h, own, (None, own), (memory, seen))
        known = lower_block(builder, network.back, memory, seen, (h, own))
        h = lower_block(builder, network.second, h, own, (None, own), (known, seen))
        v = lower_linear(builder, network.out, h)
        x = builder.add("add", x, builder.add("affine", v, scale=[b - a], shift=[0.0]))
    return x


def shared(graph: Graph) -> Graph:
    """Return the graph with equal constants kept once: the steps of a flow have the same weights."""
    names: dict[tuple[Any, ...], str] = {}
    to: dict[str, str] = {}
    for name, array in graph.constants.items():
        to[name] = names.setdefault((array.shape, array.tobytes()), name)
    data = graph.to_json()
    for node in data["nodes"]:
        if "constants" in node:
            node["constants"] = {k: to[c] for k, c in node["constants"].items()}
    return Graph.from_json(data, {n: graph.constants[n] for n in sorted(set(to.values()))})
