"""Where the transport ends particles that cannot matter, so that its cost stays bounded.

``python -m lamarr.detailed.transport.comparison`` runs the same events with each limit lifted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Thresholds in MeV (kinetic energy unless said otherwise), slopes, ns.

    Attributes
    ----------
    slope : float
        Generated particles with a larger √(tx² + ty²) are not carried; the acceptance ends at 0.39.
    backward_slope, backward_p : float
        Charged particles that fly backwards are carried if steeper, and with more momentum (MeV): the VELO
        sees them, and primary vertices are fitted with them.
    generated : float
        Generated particles below are not carried.
    light : float
        e± and photons produced below are dropped: they radiate no Cherenkov light in C4F10 (9.2 MeV).
    light_behind : float
        The same behind the magnet's front: no light in CF4 (15.6 MeV), no entry in CALO_FACE (20 MeV).
    hadron, neutron : float
        Charged hadrons and nuclei, and neutral ones, produced below are dropped.
    magnet_p : float
        Charged particles with less momentum (MeV) end at the magnet's front: the field, a kick of 1.26 GeV,
        turns them before the T stations.
    calorimeter_hadron, calorimeter_neutron : float
        The same as `hadron`, `neutron` behind the front of the calorimeters.
    absorber : float
        Any particle ends below in calorimeters and iron.
    time : float
        Any particle ends after; light needs 63 ns to M5.
    """

    slope: float = 0.6
    backward_slope: float = 0.45
    backward_p: float = 200.0
    generated: float = 20.0
    light: float = 10.0
    light_behind: float = 20.0
    hadron: float = 30.0
    neutron: float = 100.0
    magnet_p: float = 900.0
    calorimeter_hadron: float = 150.0
    calorimeter_neutron: float = 300.0
    absorber: float = 80.0
    time: float = 120.0

    @classmethod
    def lifted(cls) -> Limits:
        """Return limits that end (next to) nothing: what all others are compared with."""
        return cls(
            slope=5.0,
            backward_slope=5.0,
            **{f.name: 1.0 for f in fields(cls) if f.name not in ("slope", "backward_slope", "time")},
            time=1000.0,
        )

    def with_lifted(self, *names: str) -> Limits:
        """Return these limits with some of them lifted."""
        free = self.lifted()
        return replace(self, **{name: getattr(free, name) for name in names})
