"""Units inside Lamarr: MeV, mm, ns and Tesla; a quantity is multiplied by its unit.

>>> 5 * GeV
5000.0
"""

from __future__ import annotations

from typing import Final

__all__ = ["GeV", "MeV", "T", "c_light", "cm", "m", "mm", "mrad", "ns", "ps", "um"]

MeV: Final = 1.0
GeV: Final = 1e3
mm: Final = 1.0
cm: Final = 10.0
m: Final = 1e3
um: Final = 1e-3
ns: Final = 1.0
ps: Final = 1e-3
T: Final = 1.0
mrad: Final = 1e-3

c_light: Final = 299.792458
"""Speed of light in mm/ns."""
