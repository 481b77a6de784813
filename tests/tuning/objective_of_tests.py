"""Objectives that the recipes of the tests name."""

import math


def valley(settings, trial):
    loss = (math.log10(settings["optimiser"]["lr"]) + 3) ** 2 + (settings["width"] - 4) ** 2
    trial.report(0, loss)
    return loss


def broken(settings, trial):
    raise RuntimeError("broken")


def often_broken(settings, trial):
    if trial.number % 2:
        raise RuntimeError("broken")
    return float(trial.number)
