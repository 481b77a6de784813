"""Random graphs over the operators, for laws that every graph must keep."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from lamarr.transpile import Graph, GraphBuilder, Model, Value

N_NOISE = 3


class RandomGraph:
    """Grows a graph operator by operator; values stay in a range where float32 is meaningful."""

    def __init__(self, seed: int, width: int, noise: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.b = GraphBuilder(x=width, noise=N_NOISE if noise else 0)
        self.values = [self.b.input("x")] + ([self.b.input("noise")] if noise else [])

    def pick(self) -> Value:
        return self.values[self.rng.integers(len(self.values))]

    def like(self, width: int) -> Value:
        """A value of this width, or of width 1."""
        fitting = [v for v in self.values if v.width in (1, width)]
        return fitting[self.rng.integers(len(fitting))] if fitting else self.dense(self.pick(), width)

    def dense(self, v: Value, width: int) -> Value:
        weight = self.rng.normal(0, v.width**-0.5, (v.width, width))
        return self.b.dense(v, weight, self.rng.normal(0, 0.3, width))

    def bounded(self, v: Value, bound: float = 4.0) -> Value:
        return self.b.add("clip", v, low=[-bound], high=[bound])

    def step(self, op: str) -> None:
        self.values.append(getattr(self, f"make_{op}", lambda v: self.b.add(op, v))(self.pick()))

    def make_dense(self, v: Value) -> Value:
        return self.dense(v, int(self.rng.integers(1, 40)))

    def make_affine(self, v: Value) -> Value:
        n = v.width if self.rng.random() < 0.7 else 1
        return self.b.add("affine", v, scale=self.rng.normal(0, 1, n), shift=self.rng.normal(0, 1, n))

    def make_clip(self, v: Value) -> Value:
        low = self.rng.normal(-1, 1, v.width)
        return self.b.add("clip", v, low=low, high=low + self.rng.random(v.width) * 3)

    def make_exp(self, v: Value) -> Value:
        return self.b.add("exp", self.bounded(v))

    def make_sinh(self, v: Value) -> Value:
        return self.b.add("sinh", self.bounded(v))

    def make_log(self, v: Value) -> Value:
        return self.b.add("log", self.b.add("affine", self.b.add("absolute", v), scale=[1.0], shift=[0.1]))

    def make_sqrt(self, v: Value) -> Value:
        return self.b.add("sqrt", self.b.add("affine", self.b.add("absolute", v), scale=[1.0], shift=[0.01]))

    def make_leaky_relu(self, v: Value) -> Value:
        return self.b.add("leaky_relu", v, attributes={"slope": float(self.rng.random())})

    def make_add(self, v: Value) -> Value:
        return self.b.add("add", v, self.like(v.width))

    def make_subtract(self, v: Value) -> Value:
        return self.b.add("subtract", self.like(v.width), v)

    def make_multiply(self, v: Value) -> Value:
        return self.b.add("multiply", self.bounded(v), self.bounded(self.like(v.width)))

    def make_divide(self, v: Value) -> Value:
        below = self.b.add("affine", self.b.add("softplus", self.like(v.width)), scale=[1.0], shift=[0.2])
        return self.b.add("divide", v, below)

    def make_select(self, v: Value) -> Value:
        if self.rng.random() < 0.5:
            first = int(self.rng.integers(v.width))
            return self.b.select(v, range(first, int(self.rng.integers(first, v.width)) + 1))
        return self.b.select(v, self.rng.integers(0, v.width, self.rng.integers(1, 9)).tolist())

    def make_concat(self, v: Value) -> Value:
        parts = [p for p in (v, self.pick(), self.pick()) if p.width < 60]
        return self.b.concat(*(parts or [self.b.select(v, [0])]))

    def make_interpolate(self, v: Value) -> Value:
        points = int(self.rng.integers(2, 12))
        x = np.cumsum(self.rng.random((v.width, points)) + 0.1, axis=1) - 0.5 * points
        if self.rng.random() < 0.4:
            x = np.tile(np.linspace(-3, 3, points), (v.width, 1))
        return self.b.add("interpolate", v, x=x, y=np.cumsum(self.rng.random(x.shape), axis=1))

    def make_spline(self, v: Value) -> Value:
        v = v if v.width <= 4 else self.b.select(v, [0, v.width - 1])
        bins = int(self.rng.integers(1, 13))
        raw = self.bounded(self.dense(self.pick(), v.width * (2 * bins - 1)))
        return self.b.add("spline", v, raw, attributes={"bins": bins, "bound": 4.0})

    def make_vine(self, v: Value) -> Value:
        d = int(self.rng.integers(2, 7))
        partial = self.b.add("tanh", self.dense(v, d * (d - 1) // 2))
        return self.b.add("vine", partial, attributes={"dimension": d})

    def make_elu(self, v: Value) -> Value:
        return self.b.add("elu", v, attributes={"alpha": float(self.rng.random() * 2)})

    def make_prelu(self, v: Value) -> Value:
        return self.b.add(
            "prelu", v, slope=self.rng.normal(0.2, 0.1, v.width if self.rng.random() < 0.5 else 1)
        )

    def make_layer_norm(self, v: Value) -> Value:
        v = self.dense(v, int(self.rng.integers(3, 30)))
        scale, shift = self.rng.normal(1, 0.2, v.width), self.rng.normal(0, 1, v.width)
        return self.b.add("layer_norm", v, scale=scale, shift=shift, attributes={"epsilon": 1e-2})

    def make_normal_quantile(self, v: Value) -> Value:
        return self.b.add("normal_quantile", self.b.add("sigmoid", self.bounded(v)))

    def make_one_hot(self, v: Value) -> Value:
        n = int(self.rng.integers(2, 9))
        steps = {"x": [np.sort(self.rng.normal(size=2))], "y": [[1.0, 1.0]]}
        which = self.b.add("interpolate", self.b.select(v, [0]), **steps)
        return self.b.add("one_hot", which, attributes={"classes": n})

    def make_trees(self, v: Value) -> Value:
        depth, n, outputs = (
            int(self.rng.integers(1, 5)),
            int(self.rng.integers(1, 20)),
            int(self.rng.integers(1, 4)),
        )
        inner, whole = 2**depth - 1, 2 ** (depth + 1) - 1
        one = np.arange(whole)
        children = np.where(one[:, None] < inner, 2 * one[:, None] + [1, 2], one[:, None])
        nodes = np.concatenate(
            [
                np.c_[self.rng.integers(0, v.width, whole), np.zeros(whole), children + whole * i]
                for i in range(n)
            ]
        )
        nodes[:, 1] = self.rng.normal(size=len(nodes))
        value = self.rng.normal(size=(len(nodes), outputs))
        roots = np.arange(n) * whole
        return self.b.add("trees", v, nodes=nodes, value=value, roots=roots, attributes={"depth": depth})

    def make_pick(self, v: Value) -> Value:
        categories, width = int(self.rng.integers(1, 6)), int(self.rng.integers(1, 4))
        probability = self.b.add("softmax", self.bounded(self.dense(v, categories)))
        u = self.b.add("sigmoid", self.b.select(self.pick(), [0]))
        return self.b.add("pick", probability, u, self.dense(self.pick(), categories * width))

    def count(self) -> Value:
        """How many objects there are, as a network might say: in steps, from below 0 to above the most."""
        levels = self.rng.integers(-2, 40, 5)
        x = np.repeat(np.sort(self.rng.normal(size=4)), 2) + np.tile([0.0, 1e-3], 4) + 2e-3 * np.arange(8)
        y = np.concatenate([[levels[0]], np.repeat(levels[1:4], 2), [levels[4]]])
        return self.b.add("interpolate", self.b.select(self.pick(), [0]), x=[x], y=[y])

    def set_of(self, features: int, most: int = 0) -> tuple[Value, Value, int]:
        """Objects, their count, and how many there may be."""
        most = most or int(self.rng.choice([1, 3, 7, 12, 17, 30, 50, 100]))
        count = self.count()
        flat = self.dense(self.pick(), most * features)
        return self.b.objects(self.bounded(flat), count, most), count, most

    def make_objects(self, v: Value) -> Value:
        """What other operators do to rows, they do to objects."""
        x, count, most = self.set_of(int(self.rng.integers(1, 6)))
        wide = self.b.add("tanh", self.dense(x, int(self.rng.integers(1, 20))))
        wide = self.b.concat(self.b.select(wide, [0]), self.b.add("softmax", wide), x)
        return self.flat(self.dense(wide, 2), count, most)

    def flat(self, v: Value, count: Value, most: int) -> Value:
        return self.b.add("flatten", v, count, attributes={"max": most})

    def make_flatten(self, v: Value) -> Value:
        return self.flat(*self.set_of(int(self.rng.integers(1, 4))))

    def make_spread(self, v: Value) -> Value:
        x, count, most = self.set_of(3)
        spread = self.b.add("spread", self.dense(v, 3), count, attributes={"max": most})
        return self.flat(self.b.add("multiply", spread, x), count, most)

    def make_positions(self, v: Value) -> Value:
        x, count, most = self.set_of(2)
        table = self.rng.normal(size=(most, 2))
        at = self.b.add("positions", count, table=table, attributes={"max": most})
        return self.flat(self.b.add("add", x, at), count, most)

    def make_pool(self, v: Value) -> Value:
        x, count, _ = self.set_of(int(self.rng.integers(1, 6)))
        kinds = [self.b.add("pool", x, count, attributes={"kind": k}) for k in ("sum", "mean", "max")]
        return self.b.concat(*kinds)

    def make_attention(self, v: Value) -> Value:
        heads, d, dv = (int(self.rng.integers(1, n)) for n in (4, 5, 7))
        queries, count, most = self.set_of(heads * d)
        same = self.rng.random() < 0.5
        keys, n, _ = (queries, count, most) if same else self.set_of(heads * d)
        attributes = {"heads": heads, "causal": bool(self.rng.random() < 0.4)}
        y = self.b.add("attention", queries, keys, self.dense(keys, heads * dv), n, attributes=attributes)
        return self.flat(self.dense(y, 2), count, most)

    def finish(self) -> Graph:
        return self.b.finish(self.values[-1])


OPS = (
    *("absolute", "add", "affine", "asinh", "clip", "concat", "dense", "divide", "exp", "interpolate"),
    *("leaky_relu", "log", "multiply", "relu", "select", "sigmoid", "silu", "sinh", "softmax", "softplus"),
    *("pick", "spline", "sqrt", "subtract", "tanh", "vine"),
    *("elu", "selu", "gelu", "prelu", "layer_norm", "normal_cdf", "normal_quantile", "one_hot", "trees"),
    *("objects", "spread", "positions", "attention", "pool", "flatten"),
)
SETS = OPS[-6:]


def model_of(graph: Graph, name: str = "model") -> Model:
    n = graph.inputs["x"]
    return Model(
        name=name,
        inputs=tuple(f"in{i}" for i in range(n)),
        outputs=tuple(f"out{i}" for i in range(graph.width)),
        n_noise=graph.inputs.get("noise", 0),
        ranges={"in0": (-1.0, 1.0)},
        graph=graph,
        card={"description": 'test "µ" ?? \\ model'},
    )


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    ops = draw(st.lists(st.sampled_from(OPS), min_size=1, max_size=12))
    growing = RandomGraph(draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 20)), draw(st.booleans()))
    for op in ops:
        growing.step(op)
    return growing.finish()


def inputs_of(graph: Graph, rows: int, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {k: rng.normal(0, 1.5, (rows, w)).astype(np.float32) for k, w in graph.inputs.items()}


CHOOSING = {"pick", "trees", "one_hot", "pool", "flatten"}
"""Operators that choose: rounding may choose otherwise in a row or two."""


def chooses(graph: Graph) -> bool:
    return any(n.op in CHOOSING for n in graph.nodes)


def spread_and_rounding(
    graph: Graph, expected: np.ndarray, exact: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Spread of every column, its size where it is constant; and how far float32 rounds it.

    What is 0 because an object is absent does not count for the spread; columns of objects are alike.
    """
    there = np.ma.masked_equal(expected, 0.0) if any(graph.extents.values()) else np.ma.asarray(expected)
    spread, size = there.std(axis=0).filled(0.0), np.abs(expected).max(axis=0)
    rounding = np.abs(expected - exact).max(axis=0)
    if any(graph.extents.values()):
        rounding = np.maximum(rounding, (rounding / np.maximum(size, 1e-30)).max() * size)
    return np.where(spread < 1e-3 * size, size, spread), rounding
