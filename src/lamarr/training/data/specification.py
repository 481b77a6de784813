"""Which files to learn from, and which of their columns are conditions, outputs, weights and cuts.

files: [calibration/*.root]
tree: DecayTree                    # ROOT; not needed if a file holds one tree
event: [runNumber, eventNumber]    # what identifies an event: it is split as a whole
columns:                           # conditions and outputs of the model; default: columns of the same name
  p: probe_P
  nTracks: nTracks
  RichDLLk: probe_PIDK
weight: probe_sWeight
cuts:
  - probe_P > 3000 and probe_P < 100000
nan: refuse                        # or drop
origin: 2016 calibration data, magnet up
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any, ClassVar, Literal

from lamarr.declaration import STRICT, parse
from lamarr.errors import ConfigurationError, InputFileError
from lamarr.training.data.expressions import Expression
from lamarr.training.data.sources import is_events

__all__ = ["DataSpecification", "load_data"]


@dataclass(frozen=True, kw_only=True)
class DataSpecification:
    """What a training learns from; see the module's docstring.

    Attributes
    ----------
    files : tuple of str
        Files or patterns, relative to the YAML file.
    tree : str, optional
        Name of the tree in ROOT files.
    event : tuple of str
        Columns that identify an event. Without any, every row is an event of its own.
    columns : mapping of str to str
        Conditions and outputs as expressions over the columns of the files.
    weight : str, optional
        Expression of the weights; negative ones are allowed.
    cuts : tuple of str
        Expressions that must hold.
    nan : str
        What to do with rows that hold NaN or infinities: ``refuse`` or ``drop``.
    origin : str
        Where the data come from, for the card.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    files: tuple[str, ...]
    tree: str | None = None
    event: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    weight: str | None = None
    cuts: tuple[str, ...] = ()
    nan: Literal["refuse", "drop"] = "refuse"
    origin: str = ""

    def __post_init__(self) -> None:
        """Check that there are files, and that all expressions are some."""
        if not self.files:
            raise ConfigurationError("files must name at least one file, but names none")
        for text in (*self.columns.values(), *self.cuts, *((self.weight,) if self.weight else ())):
            Expression(text)

    def paths(self, folder: Path) -> list[Path]:
        """Files in order; patterns and relative names are looked up in `folder`."""
        found: list[Path] = []
        for name in self.files:
            matches = sorted(glob(str(folder / name)))  # noqa: PTH207 - absolute patterns too
            if not matches and any(c in name for c in "*?["):
                raise InputFileError(f"no file matches '{folder / name}'")
            found += [Path(m) for m in matches] or [folder / name]
        return found


def load_data(path: Path) -> tuple[DataSpecification, list[Path]]:
    """Read what to learn from: a YAML file as above, or an event file of Lamarr's itself.

    Returns
    -------
    specification, files

    Raises
    ------
    ConfigurationError
        If the YAML is wrong.
    InputFileError
        If the file is missing, or neither YAML nor an event file.
    """
    if path.suffix in (".yaml", ".yml"):
        specification = parse(DataSpecification, path)
        files = specification.paths(path.parent)
        if all(is_events(f) for f in files) and not specification.event:
            from dataclasses import replace

            specification = replace(specification, event=("event_id",))
        return specification, files
    if not path.exists():
        raise InputFileError(f"'{path}' does not exist")
    if not is_events(path):
        raise InputFileError(
            f"'{path}' holds no tracks that Lamarr wrote; name its columns in a YAML file (docs/training.md)"
        )
    return DataSpecification(files=(str(path),), event=("event_id",)), [path]
