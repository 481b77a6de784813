"""What needs Geant4: importing any module of this folder starts its library, once its data are found."""
