"""Not collected: a program of its own, which starts Geant4."""

collect_ignore = ["optical.py"]
