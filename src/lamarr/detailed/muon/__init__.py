"""Muon stations: pads, the decision isMuon, and likelihoods from the distance of hits to the track."""
