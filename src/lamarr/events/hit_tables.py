"""Tables of what particles leave in the detector, before digitisation: in files of ``--hits`` alone."""

from __future__ import annotations

from typing import Final

from lamarr.events.columns import EVENT, Column, TableSchema, column

__all__ = ["HIT_TABLES"]

_WHOSE: Final = (
    column("particle_id", "int32", "", "generated particle that it is or descends from, −1 if none"),
    column("pid", "int32", "", "PDG id of what crosses"),
)


def _point(where: str) -> tuple[Column, ...]:
    return (
        *(column(axis, "float64", "mm", where) for axis in "xyz"),
        column("t", "float64", "ns", "time there"),
    )


HIT_TABLES: Final = (
    TableSchema(
        name="tracker_hits",
        meaning="Crossings of charged particles with layers of VELO, TT, IT and OT; with `--hits`.",
        key=("event_id", "hit_id"),
        references={"particle_id": "particles"},
        columns=(
            EVENT,
            column("hit_id", "int32", "", "number of the crossing in the event, from 0"),
            column(
                "layer",
                "int16",
                "",
                "4 module + 2 half (0: x > 0) + sensor (0 R, 1 φ) in the VELO; 100 + i TT; "
                "110 + 4 station + i IT; 130 + i OT",
            ),
            *_WHOSE,
            *_point("where it crosses the middle of the layer"),
            column("tx", "float64", "", "slope dx/dz there"),
            column("ty", "float64", "", "slope dy/dz there"),
            column("p", "float64", "MeV", "momentum there"),
        ),
    ),
    TableSchema(
        name="rich_segments",
        meaning="Ways of radiating particles through the gases of the RICH; with `--hits`.",
        key=("event_id", "segment_id"),
        references={"particle_id": "particles"},
        columns=(
            EVENT,
            column("segment_id", "int32", "", "number of the way in the event, from 0"),
            column("radiator", "int8", "", "1: C4F10 of RICH1, 2: CF4 of RICH2"),
            *_WHOSE,
            *_point("where it begins"),
            *(column(f"end_{axis}", "float64", "mm", "where it ends") for axis in "xyz"),
            *(column(f"p{axis}", "float64", "MeV", "momentum where it begins") for axis in "xyz"),
        ),
    ),
    TableSchema(
        name="muon_hits",
        meaning="Crossings of charged particles with the gas of the muon stations; with `--hits`.",
        key=("event_id", "hit_id"),
        references={"particle_id": "particles"},
        columns=(
            EVENT,
            column("hit_id", "int32", "", "number of the crossing in the event, from 0"),
            column("station", "int8", "", "1 (M1) to 5 (M5)"),
            *_WHOSE,
            *_point("where it enters the gas"),
            column("p", "float64", "MeV", "momentum there"),
        ),
    ),
)
