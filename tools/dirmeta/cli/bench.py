"""`dirmeta bench`: how fast the suite is here."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from dirmeta.judge import benchmarks, guestbenchmarks
from dirmeta.judge.figures import Figure
from dirmeta.kernels.errors import KernelError

NAMES = (*benchmarks.NAMES, *guestbenchmarks.NAMES)


@click.command()
@click.option(
    "--json", "json_file", metavar="FILE", type=click.Path(dir_okay=False), help="also write it as JSON"
)
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="for one measurement"
)
@click.option("--only", metavar="NAME[,NAME]", default=",".join(NAMES), help=f"some of {', '.join(NAMES)}")
def bench(json_file: str | None, seconds: float, only: str) -> None:
    """Measure how fast the suite is, against the bare system calls of the same cases.

    Each line is a median and the best round; which targets are reached is said, and changes no exit status.
    """
    chosen = [name.strip() for name in only.split(",")]
    for name in chosen:
        if name not in NAMES:
            raise click.UsageError(f"--only {name}: there is no such benchmark; there are {', '.join(NAMES)}")
    here, guests = benchmarks.Benchmarks(seconds), guestbenchmarks.GuestBenchmarks(seconds)
    figures: list[Figure] = []
    for name in chosen:
        try:
            found: list[Figure] = getattr(here if name in benchmarks.NAMES else guests, name)()
        except KernelError as error:
            print(f"{name:<16}not measured: {error}", flush=True)
            continue
        for figure in found:
            print(line(figure), flush=True)
        figures += found
    if json_file:
        data = [{**asdict(figure), "reached": figure.reached} for figure in figures]
        Path(json_file).write_text(json.dumps(data, indent=2) + "\n", "ascii")


def line(figure: Figure) -> str:
    """``merge           612 cases/s (best 640)            wanted >= 600: reached``."""
    best = f" (best {_number(figure.best)})" if figure.best is not None else ""
    words = f"{figure.name:<16}{_number(figure.value):>6} {figure.unit}{best}"
    if figure.target is None:
        return words
    side = ">=" if figure.more else "<="
    return f"{words:<64} wanted {side} {figure.target:g}: {'reached' if figure.reached else 'not reached'}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"
