"""Validation: distances between samples, closure of the models, the demonstration page."""
