"""The detailed simulation: Geant4 transport, digitisation, and the reconstruction of what they leave.

It takes the same generated events as the flash pipeline and gives the same tables.
"""
