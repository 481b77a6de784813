"""Transformers of torch against their graphs, in numpy and C."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transpile_graphs import model_of

from lamarr.errors import ModelError
from lamarr.transpile import GraphBuilder, evaluate
from lamarr.transpile.c import compile_models
from lamarr.transpile.imports import add_torch_attention, add_torch_decoder, add_torch_encoder

torch = pytest.importorskip("torch", reason="torch is the oracle here")
nn = torch.nn
D, MOST, TARGETS = 8, 9, 5


def layer(kind: Any, **options: Any) -> Any:
    return kind(D, 2, dim_feedforward=12, batch_first=True, dropout=0.3, **options)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("options", [{}, {"norm_first": True, "activation": "gelu"}])
def test_encoder_and_decoder(options: dict[str, Any], causal: bool) -> None:
    torch.manual_seed(1)
    encoder = nn.TransformerEncoder(
        layer(nn.TransformerEncoderLayer, **options), 2, nn.LayerNorm(D), enable_nested_tensor=False
    )
    decoder = nn.TransformerDecoder(layer(nn.TransformerDecoderLayer, **options), 2)
    for p in [*encoder.parameters(), *decoder.parameters()]:
        p.data += 0.1 * torch.randn_like(p)
    encoder.eval(), decoder.eval()
    b = GraphBuilder(x=MOST * D + TARGETS * D + 2)
    x = b.input("x")
    n, m = b.select(x, [x.width - 2]), b.select(x, [x.width - 1])
    source = b.objects(b.select(x, range(MOST * D)), n, MOST)
    target = b.objects(b.select(x, range(MOST * D, x.width - 2)), m, TARGETS)
    memory = add_torch_encoder(b, encoder, source, n)
    y = add_torch_decoder(b, decoder, target, m, memory, n, causal=causal)
    graph = b.finish(b.add("flatten", y, m, attributes={"max": TARGETS}))

    rng = np.random.default_rng(1)
    rows = rng.normal(size=(30, x.width)).astype(np.float32)
    rows[:, -2], rows[:, -1] = rng.integers(1, MOST + 1, 30), rng.integers(1, TARGETS + 1, 30)
    tensor = torch.from_numpy(rows)
    absent = [torch.arange(k)[None] >= tensor[:, -2 + i, None] for i, k in enumerate((MOST, TARGETS))]
    mask = torch.ones(TARGETS, TARGETS, dtype=torch.bool).triu(1) if causal else None
    with torch.no_grad():
        s, t = tensor[:, : MOST * D].reshape(30, MOST, D), tensor[:, MOST * D : -2].reshape(30, TARGETS, D)
        out = decoder(
            t,
            encoder(s, src_key_padding_mask=absent[0]),
            tgt_mask=mask,
            tgt_key_padding_mask=absent[1],
            memory_key_padding_mask=absent[0],
        )
        expected = torch.where(absent[1][..., None], 0.0, out).reshape(30, -1).numpy()
    for got in (evaluate(graph, x=rows), compile_models([model_of(graph)])["model"](rows)):
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_attention_that_adds_keys_is_refused() -> None:
    b = GraphBuilder(x=MOST * D + 1)
    count = b.select(b.input("x"), [0])
    objects = b.objects(b.select(b.input("x"), range(1, MOST * D + 1)), count, MOST)
    module = nn.MultiheadAttention(D, 2, add_zero_attn=True)
    with pytest.raises(ModelError, match="add_zero_attn"):
        add_torch_attention(b, module, objects, objects, count)


def test_another_activation_is_refused() -> None:
    b = GraphBuilder(x=MOST * D + 1)
    count = b.select(b.input("x"), [0])
    objects = b.objects(b.select(b.input("x"), range(1, MOST * D + 1)), count, MOST)
    module = layer(nn.TransformerEncoderLayer, activation=torch.sin)
    with pytest.raises(ModelError, match="the activation 'sin'"):
        add_torch_encoder(b, module, objects, count)
