"""Containers in containers: layers unpacked through an overlay mount."""

from dirmeta.generate import special
from dirmeta.judge.family import family
from dirmeta.judge.variations import unpacked_on_overlay

on_overlay = family(
    "UNPACK-ONOVERLAY",
    draws=special.without_whiteouts,
    does=unpacked_on_overlay,
    cases=96,
)
