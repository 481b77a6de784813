"""One row stage as a function of C: which rows, the model, the new columns."""

from __future__ import annotations

import re
import textwrap
import zlib
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any, Final

from lamarr.errors import PipelineError
from lamarr.events import SCHEMA
from lamarr.flash.link.layout import Layout
from lamarr.flash.row_stage import New, RowStage
from lamarr.flash.rows import JOINS, NUMBER
from lamarr.flash.stages.model import ModelStage
from lamarr.transpile.trace import Symbol, Trace, tidy

__all__ = ["StageWriter", "template"]

_LINK: Final = {("particles", "true_states"): "true_state_row", ("particles", "tracks"): "track_row"}
"""Table that a stage goes through, table that it creates → column of the former that leads to the latter."""

_BACK: Final = {("particles", "tracks"): "particle_row", ("tracks", "pid"): "track_row"}
"""The same → column of the latter that leads to the former."""


def template(name: str) -> Template:
    """Return a template of this package."""
    return Template(resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8"))


class _Columns:
    """The columns of one row `i`, as symbols: each becomes a variable where it is first read."""

    def __init__(self, writer: StageWriter, trace: Trace) -> None:
        self.writer, self.trace = writer, trace

    def __getitem__(self, name: str) -> Symbol:
        expression, dtype = self.writer.column(name)
        return self.trace.input("c_" + name.replace(".", "_"), expression, dtype)


class StageWriter:
    """Writes a stage as C.

    Parameters
    ----------
    stage : RowStage
    layout : Layout
        Gets the columns that the stage reads and writes.
    prefix : str
        Name of the library, which its symbols start with.
    """

    def __init__(self, stage: RowStage, layout: Layout, prefix: str) -> None:
        self.stage, self.layout, self.prefix = stage, layout, prefix
        self.model = stage.model if isinstance(stage, ModelStage) else None

    def write(self) -> str:
        """Return the function of C.

        Raises
        ------
        PipelineError
            If a column is missing, or this stage goes through a table that C does not know.
        """
        stage = self.stage
        if stage.over not in NUMBER:
            raise PipelineError(f"stage '{stage.name}' goes through '{stage.over}', which cannot be compiled")
        parts = {
            "select": self._select(),
            "refuse": self._refuse(),
            "model": self._model(),
            "outcome": self._outcome(),  # last: what is written here, the parts above read from before
        }
        text = template("stage.c").substitute(
            name=self.prefix,
            stage=stage.name.replace(".", "_"),
            title=(stage.__doc__ or stage.name).strip().splitlines()[0],
            rows=self._rows(),
            start=self._start(),
            buffers=self._buffers(),
            **{k: textwrap.indent(v, " " * (6 if k == "select" else 4)).rstrip() for k, v in parts.items()},
        )
        return re.sub(r"\n{2,}(?= )", "\n", text)

    # ---- columns

    def column(self, name: str) -> tuple[str, Any]:
        """C and dtype of a column of the row `i`."""
        if name in self.stage.draws:
            return self._draw(name)
        if name == "zero":
            return "0", "int32"
        prefix, _, column = name.rpartition(".")
        over = self.stage.over
        if prefix == "species":
            self.layout.read_charge()
            charge = f"charge_of(in, i, {self._pid()})"
            return (
                (f"known_or_0({charge})", "int8") if column == "charge" else (f"{charge} != UNKNOWN", "bool")
            )
        if prefix == "production":
            return f"{self.layout.read_production(column)}[{self._particle()}]", "float64"
        table = JOINS[prefix][0] if prefix else over
        row = self._row(prefix)
        start = self.layout.read(table, column, self.stage.name)
        return f"{start}[{row}]", self.layout.dtype(table, column)

    def _row(self, prefix: str) -> str:
        """C for the row that a prefix of columns leads to from the row `i`."""
        if prefix == "particle":
            return self._particle()
        if prefix == "track":
            return self._track()
        links = {"true": "true_state_row", "event": "event_row"}
        return self._link(links[prefix]) if prefix else "i"

    def _pid(self) -> str:
        return f"{self.layout.read('particles', 'pid', self.stage.name)}[i]"

    def _track(self) -> str:
        if self.stage.over == "tracks":
            return "i"
        return f"{self.layout.read(self.stage.over, 'track_row', self.stage.name)}[i]"

    def _particle(self) -> str:
        if self.stage.over == "particles":
            return "i"
        return f"{self.layout.read('tracks', 'particle_row', self.stage.name)}[{self._track()}]"

    def _link(self, column: str) -> str:
        return f"{self.layout.read('particles', column, self.stage.name)}[{self._particle()}]"

    def _key(self) -> tuple[str, str]:
        """C for event and number of the row `i`, which key its random numbers."""
        return self.column("event_id")[0], self.column(NUMBER[self.stage.over])[0]

    def _draw(self, name: str) -> tuple[str, Any]:
        draw = self.stage.draws[name]
        event, number = self._key()
        arguments = f"seed, {_crc(draw.stream_of(self.stage.name))}, {event}, {number}, {draw.number}"
        if draw.kind == "uniform":
            return f"lamarr_uniform({arguments})", "float32"
        return f"lamarr_normal({arguments}, NORMAL_TABLE)", "float32"

    # ---- parts of the function

    def _rows(self) -> str:
        over = self.stage.over
        return f"in->{over}.n" if over in ("particles", "vertices") else f"out->{over}.n"

    def _start(self) -> str:
        stage, lines = self.stage, []
        if stage.creates is not None:
            lines.append(f"  out->{stage.creates}.n = 0;")
            if link := _LINK.get((stage.over, stage.creates)):
                at = self.layout.write(stage.over, link)
                lines.append(f"  for (size_t i = 0; i < {self._rows()}; i++) {at}[i] = -1;")
        for column, value in stage.fill.items():
            dtype = SCHEMA[stage.over][column].dtype
            literal = Trace().constant(value, _dtype(dtype))
            start = self.layout.write(stage.over, column)
            lines.append(f"  for (size_t i = 0; i < {self._rows()}; i++) {start}[i] = {literal};")
        return "\n".join(lines)

    def _select(self) -> str:
        trace = Trace()
        mask = self.stage.selected(_Columns(self, trace))
        test = "" if mask is True else f"if ({mask.name}) "
        return "\n".join(tidy([*trace.lines, f"{test}row[n++] = i;"]))

    def _refuse(self) -> str:
        trace = Trace()
        mask = self.stage.refused(_Columns(self, trace))
        if mask is False:
            return ""
        lines = [*trace.lines, f'if ({mask.name}) return refuse(out, "{self.stage.name}", i);']
        return _loop("What cannot be simulated", lines)

    def _buffers(self) -> str:
        if self.model is None:
            return ""
        noise = ["  uint32_t event[BLOCK], particle[BLOCK];"] if self.model.n_noise else []
        x, y = len(self.model.inputs), len(self.model.outputs)
        return "\n".join([f"  float x[BLOCK * {x}], answer[BLOCK * {y}];", "  bool outside[BLOCK];", *noise])

    def _model(self) -> str:
        if self.model is None:
            return ""
        stage, model = self.stage, self.model
        assert isinstance(stage, ModelStage)
        trace = Trace()
        fed = stage.fed(_Columns(self, trace))
        width = len(model.inputs)
        inputs = []
        for j, name in enumerate(model.inputs):
            value = trace.cast(fed[name], "float32").name
            low, high = (trace.constant(v[j], _dtype("float32")) for v in (stage.low, stage.high))
            inputs.append(f"x[{width} * k + {j}] = within({value}, {low}, {high}, outside + k); /* {name} */")
        keys = []
        if model.n_noise:
            keys = [
                f"{k}[k] = (uint32_t){v};" for k, v in zip(("event", "particle"), self._key(), strict=True)
            ]
        feed = _loop(
            "Conditions, inside the range of the training sample",
            [*trace.lines, "outside[k] = false;", *inputs, *keys],
        )
        function = f"{self.prefix}_{model.name}"  # type: ignore[attr-defined]
        call = (
            f"{function}_seeded(n, x, event, particle, seed, {_crc(stage.name)}, answer);"
            if model.n_noise
            else f"{function}_batch(n, x, NULL, answer);"
        )
        outputs = len(model.outputs)
        test = f"if (!all_finite(answer + {outputs} * k, {outputs}))"
        culprit = "i" if stage.over == "events" else f"(size_t){self._particle()}"
        refusal = f'return refuse(out, "{stage.name}", {culprit});'
        return "\n".join([feed, call, _loop("No NaN, no infinity", [f"{test} {refusal}"])])

    def _outcome(self) -> str:
        trace, stage = Trace(), self.stage
        columns = _Columns(self, trace)
        width = len(self.model.outputs) if self.model else 0
        y = {
            name: trace.input(f"m_{name}", f"answer[{width} * k + {j}]", "float32")
            for j, name in enumerate(self.model.outputs if self.model else ())
        }
        outcome = stage.outcome(columns, y)
        if stage.creates is not None:
            news = [New(columns=outcome)] if isinstance(outcome, Mapping) else outcome
            lines = self._created(stage.creates, trace, news)
        else:
            assert isinstance(outcome, Mapping)
            lines = [
                f"{self.layout.write(stage.over, c)}[i] = {self._cast(trace, stage.over, c, v)};"
                for c, v in outcome.items()
            ]
        if self.model is not None and stage.over != "events":
            flags = self.layout.read("particles", "out_of_domain", stage.name)
            lines.append(f"if (outside[k]) {flags}[{self._particle()}] = true;")
        return _loop("What becomes of each", [*trace.lines, *lines])

    def _created(self, table: str, trace: Trace, news: Sequence[New]) -> list[str]:
        lines: list[str] = []
        for position, new in enumerate(news):
            event, _ = self._key()
            body = [
                f"const size_t at = out->{table}.n++;",
                f"{self.layout.write(table, 'event_id')}[at] = {event};",
                *(
                    f"{self.layout.write(table, c)}[at] = {self._cast(trace, table, c, v)};"
                    for c, v in new.columns.items()
                ),
            ]
            number = SCHEMA[table].key[1]
            if number not in new.columns:
                at = self.layout.write(table, number)
                body.append(f"{at}[at] = number_in_event(out->{table}.event_id, {at}, at);")
            if position == 0 and (link := _LINK.get((self.stage.over, table))):
                body.append(f"{self.layout.write(self.stage.over, link)}[i] = (int64_t)at;")
            if position == 0 and (back := _BACK.get((self.stage.over, table))):
                body.append(f"{self.layout.write(table, back)}[at] = (int64_t)i;")
            test = "" if new.where is True else f"if ({new.where.name}) "
            lines += [f"{test}{{", *(f"  {line}" for line in body), "}"]
        return lines

    def _cast(self, trace: Trace, table: str, column: str, value: Any) -> str:
        dtype = _dtype(SCHEMA[table][column].dtype)
        if isinstance(value, Symbol):
            return trace.cast(value, dtype).name
        return trace.constant(value, dtype)


def _dtype(name: str) -> Any:
    import numpy as np

    return np.dtype(name)


def _crc(stage: str) -> str:
    return f"0x{zlib.crc32(stage.encode()):08x}u"


def _loop(comment: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"  {line}" for line in tidy(lines))
    return f"/* {comment} */\nfor (size_t k = 0; k < n; k++) {{\n  const size_t i = row[k];\n{body}\n}}"
