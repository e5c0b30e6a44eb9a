"""Containers in containers: layers unpacked through an overlay mount."""

from dirmeta.generate import strategies
from dirmeta.judge.family import family
from dirmeta.judge.variations import unpacked_on_overlay

on_overlay = family(
    "UNPACK-ONOVERLAY",
    draws=lambda limits, count: strategies.batches(limits, count=count),
    does=unpacked_on_overlay,
    cases=96,
)
