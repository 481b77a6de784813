"""Whether the tested sample took part in the training of the tested models, by digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lamarr.errors import ConfigurationError
from lamarr.flash.configuration import DEFAULT_SET
from lamarr.parametrizations.sets import load_set
from lamarr.validation.report.inputs import Source

__all__ = ["Independence", "cards_of", "check_independence", "training_digests"]


@dataclass(frozen=True, kw_only=True)
class Independence:
    """A model, the digests of its training data, and the sample's digests among them."""

    model: str
    digests: tuple[str, ...]
    shared: tuple[str, ...]

    def __str__(self) -> str:
        if self.shared:
            return (
                f"{self.model}: the tested sample took part in its training ({', '.join(self.shared)[:24]}…)"
            )
        if not self.digests:
            return f"{self.model}: its card names no training sample, so that independence is not shown"
        return f"{self.model}: trained on other samples ({', '.join(d[:12] for d in self.digests)})"


def training_digests(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return all SHA-256 digests of data that a card names under ``sample`` or ``data``."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, Mapping):
            for v in value.values():
                walk(v)
        elif isinstance(value, list | tuple):
            for v in value:
                walk(v)
        elif isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
            found.append(value)

    for key in ("sample", "data"):
        walk(card.get(key, {}))
    return tuple(dict.fromkeys(found))


def cards_of(flash: Source, set_name: str | None = None) -> dict[str, Mapping[str, Any]]:
    """Return the cards of the models that made a flash sample: of the set that is given, or that it names."""
    name = set_name or flash.facts.get("set")
    if not isinstance(name, str):
        name = DEFAULT_SET
    return {model: m.card for model, m in load_set(name).models.items()}


def check_independence(
    cards: Mapping[str, Mapping[str, Any]], digests: Iterable[str], *, force: bool = False
) -> list[Independence]:
    """Say for each model whether the sample with these digests took part in its training.

    Raises
    ------
    ConfigurationError
        If it did for one of them and `force` is not set: that would be no validation.
    """
    sample = set(digests)
    found = []
    for model, card in cards.items():
        known = training_digests(card)
        found.append(Independence(model=model, digests=known, shared=tuple(d for d in known if d in sample)))
    guilty = [i.model for i in found if i.shared]
    if guilty and not force:
        raise ConfigurationError(
            f"the detailed sample took part in the training of {', '.join(guilty)}: comparing with it would "
            "be no validation; use a sample that was held out, or --force to see the report all the same"
        )
    return found
