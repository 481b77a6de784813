"""Stand-in for the Geant4 11.4 data sets, computed from formulas and from the tables of xraydb.

With official data at hand use those: these were not compared with them.

Trustworthy: pair production, Compton, ionisation, multiple scattering, muon processes, hadronic models (FTF,
Bertini) and Glauber cross sections, which need no data. Bremsstrahlung above 100 MeV: 0.6 to 2.1 % above
NIST's tables (k/T 0.1 to 0.8 in C, Si, Fe, Pb); at 10 MeV within 8 %. Photo-electric and Rayleigh cross
sections, 110 eV to 750 keV (Elam's tables). Neutron cross sections from 20 MeV to 10 GeV (Letaw's formula).

Not trustworthy: bremsstrahlung at 1 MeV (up to 40 % too low in Pb, too high in C). Neutrons below 20 MeV: the
right thresholds, but no thermal or delayed physics. No nuclear levels, hence no gamma lines; no radioactive
decay, no fluorescence. Photonuclear and light-ion cross sections: for plausibility only.
"""

from __future__ import annotations

from pathlib import Path

from lamarr.detailed.transport.stand_in.electromagnetic import ELEMENTS, write_bremsstrahlung, write_photons
from lamarr.detailed.transport.stand_in.nuclear import write_neutrons, write_nuclei
from lamarr.errors import MissingExtraError

__all__ = ["write_stand_in"]


def write_stand_in(root: Path) -> None:
    """Write the data sets (13 MB) below `root`.

    Raises
    ------
    MissingExtraError
        If xraydb or scipy is not installed.
    """
    from lamarr.detailed.transport.data import DATA_SETS

    try:
        import xraydb
    except ImportError as error:
        raise MissingExtraError(
            "computing data for Geant4 needs xraydb; install it with: pip install 'lamarr[detailed]'"
        ) from error
    for name in DATA_SETS.values():  # nuclear levels and decays may stay empty
        (root / name).mkdir(exist_ok=True)
    (root / DATA_SETS["G4ENSDFSTATEDATA"] / "ENSDFSTATE.dat").write_text("")
    (root / "STAND_IN.txt").write_text("Computed by lamarr; not the official Geant4 data.\n")
    em, hadronic = root / DATA_SETS["G4LEDATA"], root / DATA_SETS["G4PARTICLEXSDATA"]
    for z in ELEMENTS:
        mass = float(xraydb.atomic_mass(z))
        write_nuclei(hadronic, z, mass)
        if z <= 92:
            write_bremsstrahlung(em / "brem_SB", z)
            write_photons(em, z, mass)
            write_neutrons(hadronic / "neutron", z, mass)
