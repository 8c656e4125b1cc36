"""Colours as web pages write them, and whether a text can be read on another colour (WCAG 2.1, success criterion 1.4.3)."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Annotated

from pydantic import StringConstraints

COLOUR_PATTERN = r"^#[0-9a-fA-F]{6}$"
Colour = Annotated[str, StringConstraints(pattern=COLOUR_PATTERN)]
"""Like `#31556b`: red, green and blue, each in two hexadecimal digits."""

LEAST_CONTRAST = 4.5
"""What WCAG's level AA asks of a text of usual size."""

BLACK, WHITE = "#000000", "#ffffff"
_STEPS = 64  # in which a colour is moved towards black or white


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours: from 1 (the same) to 21 (black on white)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def is_readable(ink: str, paper: str) -> bool:
    """Whether a text of a colour can be read on another."""
    return contrast(ink, paper) >= LEAST_CONTRAST


@lru_cache(maxsize=1_000)  # a brand has few colours, and each e-mail asks for their shades
def readable_on(ink: str, paper: str, *, least: float = LEAST_CONTRAST) -> str:
    """Return the colour itself, or the nearest shade of it that has a contrast of `least` on another colour."""
    towards = max(BLACK, WHITE, key=lambda end: contrast(end, paper))
    shades = (mixed(ink, towards, Fraction(step, _STEPS)) for step in range(_STEPS + 1))
    return next((shade for shade in shades if contrast(shade, paper) >= least), towards)


def mixed(one: str, other: str, part: Fraction) -> str:
    """Return a colour between two: `part` 0 is the one, 1 the other."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    """Return the relative luminance by WCAG's formula."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
