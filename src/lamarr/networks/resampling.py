"""Sampling-importance-resampling: a generator draws several candidates, a density ratio chooses among them.

    y_1 … y_K ~ q(y | c),     y = y_k with probability  r(y_k, c)^β / Σ_l r(y_l, c)^β,     r ≈ p / q

The ratio r of the wanted density p and the generator's q is exp of the logit of a classifier that was
trained to tell draws of p from draws of q. With β = K / (K − 1) the choice follows p to first order in
r − 1 for any number K of candidates (the usual β = 1 is its limit for many), and a few candidates already
lose most draws that lie where p has none. Each candidate is a draw of the
generator, so what holds for every draw of it (bounds, positive definite matrices) holds for the choice.

References
----------
D. Rubin, Using the SIR algorithm to simulate posterior distributions (1988)
K. Cranmer, J. Pavez, G. Louppe, Approximating likelihood ratios with calibrated classifiers (2015),
arXiv:1506.02169
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import silu

from lamarr.errors import ModelError
from lamarr.networks.lowering import lower_linear
from lamarr.transpile import Graph, GraphBuilder, Value
from lamarr.transpile.graph import Node

__all__ = ["Ratio", "resampled", "without_copies"]


class Ratio(nn.Module):
    """Logarithm of a density ratio: two hidden layers on a context and on what was drawn.

    Parameters
    ----------
    contexts, values, width : int
        Widths of the context (the same for all candidates), of what is seen of a candidate, of the layers.
    """

    def __init__(self, contexts: int, values: int, width: int = 64) -> None:
        super().__init__()
        self.context = nn.Linear(contexts, width)
        self.values = nn.Linear(values, width, bias=False)
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, context: Tensor, values: Tensor) -> Tensor:
        """Log ratio (n,) of candidates `values` (n, values) in a `context` (n, contexts)."""
        h = silu(self.context(context) + self.values(values))
        return self.out(h + silu(self.hidden(h)))[:, 0]


def resampled(graph: Graph, ratio: Ratio, candidates: int, context: str, seen: Sequence[str]) -> Graph:
    """Graph that draws `candidates` times from `graph` and chooses one by `ratio`.

    Takes ``noise`` (n, candidates × its noise + 1). What does not depend on noise is computed once.

    Parameters
    ----------
    context : str
        Value of `graph` that is the ratio's context; it must not depend on noise.
    seen : sequence of str
        Values of `graph` that the ratio sees side by side.

    Raises
    ------
    ModelError
        If the context depends on noise.
    """
    noise = graph.inputs["noise"]
    b = GraphBuilder(**{**graph.inputs, "noise": candidates * noise + 1})
    shared = _appended(b, graph, {n: b.input(n) for n in graph.inputs if n != "noise"})
    if context not in shared:
        raise ModelError(f"the context '{context}' must be a value that does not depend on noise")
    first = lower_linear(b, ratio.context, shared[context])
    logits, drawn = [], []
    for k in range(candidates):
        own = b.select(b.input("noise"), range(k * noise, (k + 1) * noise))
        values = _appended(b, graph, {**shared, "noise": own})
        logits.append(_log_ratio(b, ratio, first, b.concat(*(values[name] for name in seen))))
        drawn.append(values[graph.output])
    u = b.add("normal_cdf", b.select(b.input("noise"), [candidates * noise]))
    logit = b.concat(*logits)
    power = np.full(candidates, candidates / (candidates - 1))
    weight = b.add("softmax", b.add("affine", logit, scale=power, shift=np.zeros(candidates)))
    return without_copies(b.finish(b.add("pick", weight, u, b.concat(*drawn))))


def _log_ratio(b: GraphBuilder, ratio: Ratio, first: Value, values: Value) -> Value:
    weight = ratio.values.weight.detach().cpu().numpy().T
    h = b.add("silu", b.add("add", first, b.dense(values, weight, np.zeros(weight.shape[1]))))
    h = b.add("add", h, b.add("silu", lower_linear(b, ratio.hidden, h)))
    return lower_linear(b, ratio.out, h)


def _appended(b: GraphBuilder, graph: Graph, known: dict[str, Value]) -> dict[str, Value]:
    """Append all nodes that can be computed from the known values, and are not known themselves."""
    values = dict(known)
    for n in graph.nodes:
        if n.output not in values and all(v in values for v in n.inputs):
            constants = {k: graph.constants[c] for k, c in n.constants.items()}
            inputs = [values[v] for v in n.inputs]
            values[n.output] = b.add(n.op, *inputs, attributes=dict(n.attributes), **constants)
    return values


def without_copies(graph: Graph) -> Graph:
    """Return the same graph with constants that are equal to the bit stored once."""
    first: dict[tuple[tuple[int, ...], bytes], str] = {}
    name = {c: first.setdefault((a.shape, a.tobytes()), c) for c, a in graph.constants.items()}
    nodes = tuple(
        Node(**{**vars(n), "constants": {k: name[c] for k, c in n.constants.items()}}) for n in graph.nodes
    )
    kept = {c: graph.constants[c] for c in dict.fromkeys(name.values())}
    return Graph(inputs=graph.inputs, output=graph.output, nodes=nodes, constants=kept)
