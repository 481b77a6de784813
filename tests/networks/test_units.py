"""Networks of units: torch, numpy, C and ONNX agree; what is not there is not looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks are torch's")

from lamarr.networks.deepsets import DeepSets
from lamarr.networks.events_to_events import Units
from lamarr.networks.graph_to_graph import GraphFlow
from lamarr.networks.lowering_sets import lower_clusters, lower_counts
from lamarr.networks.translation import Translation
from lamarr.transpile import Graph, Model, evaluate
from lamarr.transpile.c import compile_models

SOURCES, CLUSTERS, FEATURES, QUERIES, TARGETS, MOST = 7, 5, 6, 8, 3, 2
ROWS = 9
NETWORKS = (Translation, GraphFlow)


def network(kind: Any) -> Any:
    torch.manual_seed(3)
    made = kind(FEATURES, QUERIES, TARGETS, most=MOST, width=16)
    for p in made.parameters():
        p.data += 0.1 * torch.randn_like(p)
    return made.eval()


def units(seed: int = 1) -> Units:
    g = torch.Generator().manual_seed(seed)
    queries = torch.randn(ROWS, CLUSTERS, QUERIES, generator=g)
    queries[..., -1] = (queries[..., -1] > 0.5).float()
    return Units(
        tokens=torch.randn(ROWS, SOURCES, FEATURES, generator=g),
        n=torch.randint(1, SOURCES + 1, (ROWS,), generator=g),
        owned=torch.randint(0, MOST + 1, (ROWS, SOURCES), generator=g),
        queries=queries,
        targets=torch.randn(ROWS, CLUSTERS, TARGETS, generator=g),
        m=torch.randint(0, CLUSTERS + 1, (ROWS,), generator=g),
    )


def model_of(graph: Graph, name: str) -> Model:
    return Model(
        name=name,
        inputs=tuple(f"x{i}" for i in range(graph.inputs["x"])),
        outputs=tuple(f"y{i}" for i in range(graph.width)),
        n_noise=graph.inputs["noise"],
        ranges={},
        graph=graph,
        card={},
    )


def rows_of(u: Units, with_clusters: bool) -> np.ndarray:
    parts = [u.n[:, None].float(), u.tokens.reshape(ROWS, -1)]
    if with_clusters:
        parts += [u.m[:, None].float(), u.queries.reshape(ROWS, -1)]
    return torch.cat(parts, dim=1).numpy()


def back_ends(graph: Graph, name: str, x: np.ndarray, noise: np.ndarray) -> dict[str, np.ndarray]:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX is one of the back ends")
    from lamarr.transpile.onnx_export import to_onnx

    model = model_of(graph, name)
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    return {
        "numpy": evaluate(graph, x=x, noise=noise),
        "C": compile_models([model], name)[name](x, noise),
        "ONNX": session.run(None, {"x": x, "noise": noise})[0],
    }


@pytest.mark.parametrize("kind", NETWORKS)
def test_clusters_are_the_same_in_torch_numpy_c_and_onnx(kind: Any) -> None:
    net, u = network(kind), units()
    noise = torch.randn(ROWS, CLUSTERS, net.noise, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = net.clusters(u, noise).reshape(ROWS, -1).numpy()
    graph = lower_clusters(net, SOURCES, CLUSTERS)
    results = back_ends(
        graph, f"c_{kind.__name__.lower()}", rows_of(u, True), noise.reshape(ROWS, -1).numpy()
    )
    for name, y in results.items():
        np.testing.assert_allclose(y, expected, rtol=2e-4, atol=2e-4, err_msg=name)


def test_a_translation_gives_several_draws_of_every_cluster() -> None:
    net, u, draws = network(Translation), units(), 3
    noise = torch.randn(ROWS, CLUSTERS, draws, net.noise, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        each = [net.clusters(u, noise[:, :, k]) for k in range(draws)]
    expected = torch.cat(each, dim=-1).reshape(ROWS, -1).numpy()
    graph = lower_clusters(net, SOURCES, CLUSTERS, draws)
    for name, y in back_ends(graph, "draws", rows_of(u, True), noise.reshape(ROWS, -1).numpy()).items():
        np.testing.assert_allclose(y, expected, rtol=2e-4, atol=2e-4, err_msg=name)


@pytest.mark.parametrize("kind", NETWORKS)
def test_numbers_of_clusters_are_the_same_in_torch_numpy_c_and_onnx(kind: Any) -> None:
    net, u = network(kind), units()
    noise = torch.randn(ROWS, SOURCES + 2, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        memory = net.encoder(u.tokens, u.sources_there)
        owned, free = net.counts.draw(memory, u.sources_there, noise)
    graph = lower_counts(net.encoder, net.counts, SOURCES)
    for name, y in back_ends(graph, f"n_{kind.__name__.lower()}", rows_of(u, False), noise.numpy()).items():
        assert (np.rint(y[:, :-1]) == owned.numpy()).all(), name
        assert (np.clip(np.ceil(y[:, -1] - 0.5), 0, None) == free.numpy()).all(), name
    assert len(np.unique(owned.numpy())) == MOST + 1


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_is_not_there_changes_nothing(kind: Any) -> None:
    net, u = network(kind), units()
    noise = torch.randn(ROWS, CLUSTERS, net.noise)
    other = {
        "tokens": torch.where(u.sources_there[..., None], u.tokens, 100.0),
        "queries": torch.where(u.clusters_there[..., None], u.queries, -100.0),
        "targets": torch.where(u.clusters_there[..., None], u.targets, 1e6),
    }
    changed = Units(n=u.n, m=u.m, owned=torch.where(u.sources_there, u.owned, 0), **other)
    with torch.no_grad():
        assert torch.equal(net.clusters(u, noise), net.clusters(changed, noise))
        for g in (torch.Generator().manual_seed(1),):
            a = net.losses(u, g)
            b = net.losses(changed, torch.Generator().manual_seed(1))
            assert all(torch.allclose(a[k], b[k], rtol=1e-5) for k in a)


@pytest.mark.parametrize("kind", NETWORKS)
def test_order_of_the_objects_does_not_matter(kind: Any) -> None:
    net, u = network(kind), units()
    full = {"n": torch.full((ROWS,), SOURCES), "m": torch.full((ROWS,), CLUSTERS)}
    noise = torch.randn(ROWS, CLUSTERS, net.noise)
    u = Units(tokens=u.tokens, owned=u.owned, queries=u.queries, targets=u.targets, **full)
    turned = Units(
        tokens=u.tokens.flip(1), owned=u.owned.flip(1), queries=u.queries.flip(1), targets=u.targets, **full
    )
    with torch.no_grad():
        a, b = net.clusters(u, noise), net.clusters(turned, noise.flip(1)).flip(1)
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_a_judge_of_sets_sees_neither_order_nor_what_is_absent() -> None:
    torch.manual_seed(1)
    judge, u = DeepSets(TARGETS, FEATURES, width=8), units()
    score = judge(u.targets, u.clusters_there, u.tokens, u.sources_there)
    noise = torch.where(u.clusters_there[..., None], u.targets, 7.0)
    again = judge(noise.flip(1), u.clusters_there.flip(1), u.tokens.flip(1), u.sources_there.flip(1))
    torch.testing.assert_close(score, again)
    assert len(torch.unique(score)) == ROWS
