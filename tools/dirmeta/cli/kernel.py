"""`dirmeta kernel`: kernels built from source."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TextIO

import click
from click.shell_completion import CompletionItem

from dirmeta import kernels
from dirmeta.kernels import Arch, Built, KernelUsageError
from dirmeta.kernels.cleaning import clean_all, clean_work
from dirmeta.kernels.patches import read_patch, reference_lines
from dirmeta.kernels.sources import Apt, by_number
from dirmeta.kernels.store import Store, home
from dirmeta.kernels.variants import ARCHS, FEATURE


def complete_built(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    names = dict.fromkeys(built.name for built in Store().all())
    return [CompletionItem(name) for name in names if name.startswith(typed)]


def complete_version(
    _context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    return [CompletionItem(name) for name in offered() if name.startswith(typed)]


arch_option = click.option(
    "--arch",
    type=click.Choice(ARCHS),
    default="um",
    show_default=True,
    help="um: User Mode Linux; x86: a bzImage",
)


@click.group()
def kernel() -> None:
    """Build kernels from source, and show what is built."""


@kernel.command()
@click.argument("version", required=False, shell_complete=complete_version)
@click.option(
    "--tree", metavar="DIR", type=click.Path(file_okay=False), help="build your own tree; it stays as it is"
)
@click.option(
    "--patch", "files", metavar="FILE", multiple=True, help="apply with -p1; may be repeated; needs --name"
)
@click.option("--name", metavar="NAME", help="for a kernel of your own, to be used as uml:NAME")
@click.option("--smp", is_flag=True, help="for more than one processor; called VERSION-smp")
@click.option(
    "--debug", is_flag=True, help="lockdep, KASAN, DEBUG_ATOMIC_SLEEP and more; called VERSION-debug"
)
@click.option(
    "--source", metavar="TARBALL", type=click.Path(), help="the source, instead of Debian's linux-source"
)
@arch_option
def build(
    version: str | None,
    tree: str | None,
    files: tuple[str, ...],
    name: str | None,
    smp: bool,
    debug: bool,
    source: str | None,
    arch: Arch,
) -> None:
    """Build a kernel, or take it from the cache.

    \b
    VERSION is  6.12            the stock kernel of that version
                6.12+dirmeta    with the reference patch
    """
    if (version is None) == (tree is None):
        raise click.UsageError("either VERSION or --tree DIR is wanted.")
    if tree and source:
        raise click.UsageError("--source is for a VERSION; --tree has its source.")
    if version and bool(files) != bool(name):
        raise click.UsageError("--patch FILE and --name NAME go together.")
    patches = [read_patch(file) for file in files]
    extras = [*["smp"] * smp, *["debug"] * debug]
    steps = Steps(sys.stderr)
    try:
        if tree:
            built = kernels.tree(tree, arch, extras=extras, patches=patches, name=name or "", listen=steps)
        else:
            variant = kernels.reference(version or "", arch, extras)
            variant = variant.named(name, patches) if name else variant
            built = kernels.build(variant, steps, Path(source) if source else None)
    finally:
        steps.clear()
    print(f"{lab(built)}  {built.version}  {built.image}  ({steps.seconds:.0f} s)")


@kernel.command("list")
def list_kernels() -> None:
    """What is built, how large it is, and what could be."""
    built = list(Store().all())
    width = max((len(lab(each)) for each in built), default=0) + 2
    for each in built:
        size = each.image.stat().st_size / 1e6
        print(f"{lab(each):<{width}}{each.version:<14}{size:>5.0f} MB  {', '.join(each.patches) or 'stock'}")
    names = {each.name for each in built if each.arch == "um"}
    print(f"to build: {', '.join(name for name in offered() if name not in names) or 'nothing more'}")


@kernel.command()
@click.argument("name", shell_complete=complete_built)
@arch_option
def show(name: str, arch: Arch) -> None:
    """What a kernel is made of: source, patches, batching system call, options."""
    built = kernels.find(name, arch)
    print(f"kernel    {lab(built)}")
    print(f"version   {built.version}, from {built.source}")
    print(f"patches   {', '.join(built.patches) or 'none'}")
    print(f"batching  {BATCHING[built.batching]}")
    print(f"image     {built.image}")
    print(f"key       {built.key}")
    print(
        "options   " + "\n          ".join(f"CONFIG_{name}={value}" for name, value in built.options.items())
    )


BATCHING = {
    True: "system call 1000 runs many for one switch to the kernel; it is in arch/um, and fs/ is untouched",
    False: "none; system calls are made one by one",
}


@kernel.command()
@click.argument("name", required=False, shell_complete=complete_built)
@click.option("--all", "everything", is_flag=True, help="what is built and apt's lists as well")
@arch_option
def clean(name: str | None, everything: bool, arch: Arch) -> None:
    """Remove the kernel NAME; without one the sources and objects, which the next build needs anew."""
    if name and everything:
        raise click.UsageError("either NAME or --all is wanted.")
    steps = Steps(sys.stderr)
    if name:
        if Store().named(name, arch) is None:
            raise KernelUsageError(f"{name}: nothing is built under this name; see `dirmeta kernel list`")
        Store().remove(name, arch)
    elif everything:
        clean_all(steps)
    else:
        clean_work(steps)
    steps.clear()


def lab(built: Built) -> str:
    """How a run is told to use it: ``uml:6.12``."""
    if built.name.startswith("tree:"):
        return built.name
    return f"uml:{built.name}" if built.arch == "um" else f"x86:{built.name}"


def offered() -> list[str]:
    """The names of the suite's own kernels: those with a reference patch, and what apt's lists have."""
    patched = reference_lines()
    lines = sorted({*patched, *Apt(home() / "apt").versions()}, key=by_number)
    return [name for line in lines for name in ([line, line + FEATURE] if line in patched else [line])]


class Steps:
    """Tells what a build does: on a terminal by a line that changes, else by one for each kind of step."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.rewrites = stream.isatty()
        self.began = time.monotonic()
        self.last = ""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def __call__(self, step: str) -> None:
        if self.rewrites:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r\x1b[K" + f"{self.seconds:4.0f} s  {step}"[:width])
            self.stream.flush()
        elif (kind := step.partition(":")[0]) != self.last:
            print(f"dirmeta: {kind}", file=self.stream, flush=True)
            self.last = kind

    def clear(self) -> None:
        if self.rewrites:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
