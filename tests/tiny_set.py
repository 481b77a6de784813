"""A set of small models with made-up weights, in the format of the shipped ones."""

import json

import numpy as np

from lamarr.parametrizations.tracking import (
    BEAM_CONDITIONS,
    COVARIANCE,
    COVARIANCE_CONDITIONS,
    EFFICIENCY,
    PRODUCTION_CONDITIONS,
    RESOLUTION,
)
from lamarr.transpile import GraphBuilder, Model

RANGES = {"log10_p": (2.5, 5.5), "eta": (0.5, 7.0), "z": (-600.0, 3000.0)}


def network(name, inputs, outputs, *, noise=0, scale, shift=0.0, end=(), width=16):
    """x, noise -> tanh layer -> outputs of the given scale and shift, through the operators `end`."""
    rng = np.random.default_rng(len(name))
    b = GraphBuilder(x=len(inputs), noise=noise)
    x = b.add("clip", b.input("x"), low=-np.full(len(inputs), 10.0), high=np.full(len(inputs), 10.0))
    x = b.concat(x, b.input("noise")) if noise else x
    hidden = b.add("tanh", b.dense(x, rng.normal(0, 0.3, (len(inputs) + noise, width)), np.zeros(width)))
    y = b.dense(hidden, rng.normal(0, 0.5, (width, len(outputs))), np.zeros(len(outputs)))
    y = b.add(
        "affine", y, scale=np.broadcast_to(scale, len(outputs)), shift=np.broadcast_to(shift, len(outputs))
    )
    if name == "covariance":
        variances, correlations = b.select(y, range(5)), b.add("tanh", b.select(y, range(5, 15)))
        y = b.concat(variances, b.add("vine", correlations, attributes={"dimension": 5}))
    for op in end:
        y = b.add(op, y)
    ranges = {k: v for k, v in RANGES.items() if k in inputs}
    return Model(
        name=name, inputs=inputs, outputs=outputs, n_noise=noise, ranges=ranges, graph=b.finish(y), card={}
    )


def models():
    residuals = {
        "scale": [0.03, 0.03, 1.0, 3e-4, 3e-4, 50.0, 0.3, 5.0, 0.1],
        "shift": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 25.0, 0.2],
    }
    matrix = {"scale": [*(0.5,) * 5, *(0.3,) * 10], "shift": [-8, -8, -15, -15, -25, *(0,) * 10]}
    return [
        network("acceptance", PRODUCTION_CONDITIONS, ("acceptance",), scale=1.0, end=("sigmoid",)),
        network("efficiency", PRODUCTION_CONDITIONS, EFFICIENCY, scale=1.0, end=("softmax",)),
        network("resolution", BEAM_CONDITIONS, RESOLUTION, noise=9, **residuals),
        network("covariance", COVARIANCE_CONDITIONS, COVARIANCE, noise=15, **matrix),
    ]


def save_set(folder):
    """Write the set into `folder`, and a mirrored one beside it; return `folder`."""
    for model in models():
        model.save(folder)
    declared = {"name": "tiny", "title": "made-up weights", "detector": "lhcb2016-magup"}
    names = [m.name for m in models()]
    (folder / "set.json").write_text(json.dumps({**declared, "models": names}))
    mirrored = folder.with_name(f"{folder.name}-mirrored")
    mirrored.mkdir()
    declared |= {"name": "tiny-mirrored", "detector": "lhcb2016-magdown"}
    text = json.dumps({**declared, "derived_from": str(folder), "reverse_charge": True})
    (mirrored / "set.json").write_text(text)
    return folder
