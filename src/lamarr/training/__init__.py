"""Training: scores, the loop with its checkpoints, and the recipes of the models."""
