"""The C of a whole pipeline: its stages, its structs, the models that they call."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from importlib import resources
from typing import Final

from lamarr.errors import ConfigurationError, PipelineError
from lamarr.events import Fate
from lamarr.flash.link.layout import GENERATED_TABLES, Layout
from lamarr.flash.link.stage import StageWriter, template
from lamarr.flash.pipeline import Pipeline
from lamarr.flash.row_stage import RowStage, StageGroup
from lamarr.flash.stage import Stage
from lamarr.flash.stages import CountTracks, SignalOnly
from lamarr.flash.stages.model import ModelStage
from lamarr.transpile import Model
from lamarr.transpile.c import Source, emit
from lamarr.transpile.trace import C_TYPES

__all__ = ["emit_pipeline"]

BLOCK: Final = 240
"""Rows at a time: whole tiles of the models for every length of vectors; the buffers stay in the cache."""


def emit_pipeline(pipeline: Pipeline, name: str, *, levels: Sequence[str] = ("generic",)) -> Source:
    """Return the C files of a pipeline as a library called `name`.

    Parameters
    ----------
    levels : sequence of str
        Levels of the instruction set: see :func:`lamarr.transpile.c.emit`.

    Raises
    ------
    ConfigurationError
        If the name cannot stand in C.
    PipelineError
        If a stage cannot be compiled.
    ModelError
        If a model cannot be written in C.
    """
    from lamarr._version import __version__

    if not re.fullmatch(r"[A-Za-z]\w*", name):
        raise ConfigurationError(f"a library must have a name that C can use, but got '{name}'")
    layout, models = Layout(), f"{name}_models"
    stages = [part for stage in pipeline.stages for part in _parts(stage)]
    bodies = [_stage(stage, layout, name) for stage in stages]
    about = {"name": name, "version": __version__, "layout": layout.to_json(), "stages": pipeline.describe()}
    source = emit(_models(stages, name), models, levels=levels, about={"pipeline": about})
    files = {
        f"{name}.h": _header(layout, pipeline, name, __version__),
        f"{name}.c": _program(layout, stages, name, bodies, source.normal_at),
        "philox.h": template("philox.h").template,
        "arithmetic.h": resources.files("lamarr.transpile.trace").joinpath("arithmetic.h").read_text(),
    }
    contents = {k: v.encode() for k, v in files.items()}
    return dataclasses.replace(source, files={**source.files, **contents}, once=(*source.once, f"{name}.c"))


def _parts(stage: Stage) -> tuple[Stage, ...]:
    return stage.parts if isinstance(stage, StageGroup) else (stage,)


def _models(stages: Sequence[Stage], name: str) -> list[Model]:
    """Models of the stages; their names, which are symbols, start with that of the library."""
    models = []
    for stage in stages:
        if isinstance(stage, ModelStage):
            if not isinstance(stage.model, Model):
                raise PipelineError(f"the model of stage '{stage.name}' is no graph, and cannot be compiled")
            models.append(dataclasses.replace(stage.model, name=f"{name}_{stage.model.name}"))
    return models


def _stage(stage: Stage, layout: Layout, name: str) -> str:
    if isinstance(stage, RowStage) and stage.compiles:
        return StageWriter(stage, layout, name).write()
    if isinstance(stage, CountTracks):
        layout.read("particles", "event_row", stage.name)
        layout.read("tracks", "particle_row", stage.name)
        layout.write("events", "nTracks")
        return template("count_tracks.c").substitute(name=name)
    if isinstance(stage, SignalOnly):
        layout.read("particles", "event_row", stage.name)
        layout.read("particles", "from_signal", stage.name)
        layout.write("events", "is_signal_only")
        return template("signal_only.c").substitute(name=name)
    raise PipelineError(
        f"stage '{stage.name}' cannot be compiled, as only stages that "
        "treat rows alone can be: leave it out of the pipeline, or run the pipeline in Python"
    )


def _charges() -> str:
    """Return the table of charges, six in a line."""
    import numpy as np
    from particle import Particle

    from lamarr.generation.charges import known_charges

    ids = np.array(sorted({int(p.pdgid) for p in Particle.all() if abs(int(p.pdgid)) < 1_000_000_000}))
    charge, known = known_charges(ids)
    entries = [f"{{{i}, {c}}}" for i, c in zip(ids[known].tolist(), charge[known].tolist(), strict=True)]
    lines = [", ".join(entries[i : i + 6]) for i in range(0, len(entries), 6)]
    return ",\n".join(f"  {line}" for line in lines)


def _capacity(table: str) -> str:
    return {"true_states": "2 * particles", "primary_vertices": "vertices"}.get(table, "particles")


def _program(layout: Layout, stages: Sequence[Stage], name: str, bodies: list[str], normal_at: int) -> str:
    columns = [(t, c, C_TYPES[d], _capacity(t)) for t in layout.results for c, d in layout.simulated(t)]
    places = [f"  out->{t}.{c} = ({kind} *)at, at += ROOM({room}, {kind});" for t, c, kind, room in columns]
    calls = [
        f"  if (status == OK) status = stage_{stage.name.replace('.', '_')}(in, seed, out);"
        for stage in stages
    ]
    pointers = {
        t: [f"in->{t}.{c}" for c in layout.inputs[t] if (t, c) not in layout.nullable]
        for t in GENERATED_TABLES
    }
    outputs = [f"out->{t}.{c}" for t, c, _, room in columns if room != "vertices"]
    return template("pipeline.c").substitute(
        name=name,
        models=f"{name}_models",
        block=BLOCK,
        normal_at=normal_at,
        charges=_charges(),
        stages="\n".join(bodies),
        sizes=" + ".join(f"ROOM({room}, {kind})" for _, _, kind, room in columns),
        places="\n".join(places),
        calls="\n".join(calls),
        input_pointers=" && ".join(pointers["particles"]),
        vertex_pointers=" && ".join(pointers["vertices"]) or "1",
        output_pointers=" && ".join(outputs),
    )


def _header(layout: Layout, pipeline: Pipeline, name: str, version: str) -> str:
    structs = [
        f"typedef struct {{\n{layout.simulated_struct(t)}\n}} {name}_{_result(t)};\n" for t in layout.results
    ]
    return template("pipeline.h").substitute(
        name=name,
        guard=f"LAMARR_PIPELINE_{name.upper()}_H",
        version=version,
        stages=", ".join(stage.name for stage in pipeline.stages),
        particles=layout.generated_struct("particles"),
        vertices=layout.generated_struct("vertices"),
        results="\n".join(structs),
        fates="\n".join(f"  {name.upper()}_{f.name} = {f.value}, /* {f.meaning} */" for f in Fate),
        tables="\n".join(f"  {name}_{_result(t)} {t};" for t in layout.results),
    )


def _result(table: str) -> str:
    return "particle_results" if table == "particles" else table
