"""Calorimeters from deposited energy to clusters: what detailed and flash simulation have in common."""
