"""Where in a mounted stack something is done: paths chosen from what shows, by indices that wrap."""

from __future__ import annotations

from typing import Final

from dirmeta.generate.choices import Choices
from dirmeta.model import overlayfs, paths
from dirmeta.model.leave import STICKY
from dirmeta.model.rehearsal import State

NEW: Final = ("new", "b", "f")
"""Names for what is made."""


def directories(state: State) -> list[str]:
    """All that show, the root last."""
    return [*sorted(path for path in state.mounted.view.contributors if path), paths.ROOT]


def directory(choices: Choices, state: State) -> str:
    """A directory, two times of three one in which marks matter. Reads two bytes."""
    every = directories(state)
    delegated = [path for path in every if state.mounted.by_marks(path)]
    return choices.pick(every if choices.chance(1, 3) or not delegated else delegated)


def below_root(choices: Choices, state: State) -> str:
    """A directory other than the root, if there is one. Reads two bytes."""
    return directory(choices, state) or next(iter(directories(state)))


def something(choices: Choices, state: State) -> str:
    """Anything that shows, the root too, every second time a directory. Reads at most three bytes."""
    if choices.chance(1, 2):
        return directory(choices, state)
    return choices.pick(sorted(state.mounted.view.tree))


def anything(choices: Choices, state: State) -> str:
    """As `something`, now and then where nothing is: beside what shows, or below it."""
    misses = choices.index(_NEARLY)
    path = something(choices, state)
    if misses < _NEARLY - 2:
        return path
    return paths.join(path if misses % 2 else paths.parent(path), "no")


_NEARLY: Final = 24


def sticky(choices: Choices, state: State) -> str:
    """A sticky directory, one in which marks matter if there is any; any directory where none is sticky.
    Reads at most two bytes."""
    found = [path for path in directories(state) if state.mounted.view.tree[path].mode & STICKY]
    delegated = [path for path in found if state.mounted.by_marks(path)]
    return choices.pick(delegated or found) if found else directory(choices, state)


def with_acl(choices: Choices, state: State, name: str = overlayfs.ACL_ACCESS) -> str:
    """A directory with an access ACL, or the other one, as `sticky`. Reads at most two bytes."""
    tree = state.mounted.view.tree
    found = [path for path in directories(state) if tree[path].xattr(name) is not None]
    delegated = [path for path in found if state.mounted.by_marks(path)]
    return choices.pick(delegated or found) if found else directory(choices, state)


def empty(choices: Choices, state: State) -> str:
    """A directory in which nothing shows, as `sticky`; any directory where there is none. Reads at most two
    bytes."""
    above = {paths.parent(path) for path in state.mounted.view.tree if path}
    found = [path for path in directories(state) if path and path not in above]
    delegated = [path for path in found if state.mounted.by_marks(path)]
    return choices.pick(delegated or found) if found else directory(choices, state)


def were_delegated(state: State) -> list[str]:
    """Where directories were taken away in which marks mattered."""
    gone = sorted(path for path, node in state.mounted.upper.items() if node.is_whiteout)
    return [path for path in gone if state.mounted.was_by_marks(path)]


def child(choices: Choices, state: State, above: str) -> str:
    """Something in a directory; anything where that is empty, "" for nothing. Reads at most three bytes."""
    children = sorted(path for path in state.mounted.view.tree if path and paths.parent(path) == above)
    return choices.pick(children) if children else something(choices, state)


def apart(state: State, path: str) -> list[str]:
    """The directories that are not below a path, the root last."""
    return [each for each in directories(state) if each != path and not paths.below(each, path)]


def free(choices: Choices, state: State) -> str:
    """A name that is not there; every second time one that was, if any was."""
    gone = sorted(path for path, node in state.mounted.upper.items() if node.is_whiteout)
    if gone and choices.chance(1, 2):
        return choices.pick(gone)
    return paths.join(directory(choices, state), choices.pick(NEW))
