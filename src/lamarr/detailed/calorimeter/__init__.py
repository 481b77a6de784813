"""Calorimeters: cells, shower library, digitisation, clusters, and what they say about tracks."""
