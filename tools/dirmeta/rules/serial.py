"""All serial orders in which the operations of several processes can have been answered as they were.

A path is looked up before what it names is locked. So an operation may be done where a directory is that
another process has renamed since the path was resolved, which is after the last operation of its own process.
The last name of what is made, removed or renamed is looked up under the lock of its directory, and is no such
path.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from dirmeta.model import paths, program, rehearsal
from dirmeta.model.mounted import Mounted
from dirmeta.model.rehearsal import State
from dirmeta.model.stack import Credentials, Operation
from dirmeta.model.tree import Node

Metadata = tuple[int, int, int]
"""Mode, uid and gid."""
Renames = tuple[Operation, ...]
_IN_A_DIRECTORY: Final = frozenset(("create", "mkdir", "symlink", "link", "unlink", "rmdir", "rename"))
"""Operations whose last names are looked up under the lock of their directory."""
_HAND: Final = (Credentials(), 0)
"""What holds a path while it is followed."""


@dataclass
class Serial:
    """Everything that serial orders with these answers come to.

    ends      the mounts at their ends
    met       path → metadata of the directory there at some moment of one of them
    times     path → its mtimes at such moments, None for the clock's
    either    paths that may stand otherwise in the upper
    copied    path of a directory → those who may have copied up something in it, each with what
    timed     path of a directory → those who have set its mtime
    renames   those that gave a directory another path
    """

    ends: list[Mounted] = field(default_factory=list)
    met: defaultdict[str, set[Metadata]] = field(default_factory=lambda: defaultdict(set))
    times: defaultdict[str, set[int | None]] = field(default_factory=lambda: defaultdict(set))
    either: set[str] = field(default_factory=set)
    copied: defaultdict[str, set[tuple[int, str]]] = field(default_factory=lambda: defaultdict(set))
    timed: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    renames: set[Operation] = field(default_factory=set)

    def also(self, path: str, *, back: bool = False) -> set[str]:
        """Where a directory may have been renamed to, itself or one above; with `back`, or from, as well.

        Each rename is done once: two that move directories into each other would else lead deeper for ever.
        """
        begin = (path, frozenset(self.renames))
        found, todo = {begin}, [begin]
        while todo:
            here, left = todo.pop()
            for rename in left:
                for each in (rename, _reversed(rename)) if back else (rename,):
                    following = (_where(here, (each,)), left - {rename})
                    if following[0] != here and following not in found:
                        found.add(following)
                        todo.append(following)
        return {where for where, _ in found}


class Done(NamedTuple):
    """One operation of an order: whose, as it was done, and what that came to."""

    actor: int
    operation: Operation
    either: frozenset[str]


class _Moment(NamedTuple):
    """How many operations of each actor are done, what that left in the upper, and the directories that
    have been renamed since each actor's last."""

    done: tuple[int, ...]
    upper: frozenset[tuple[str, Node]]
    since: tuple[Renames, ...]


class _Orders:
    """The moments of all orders with given answers, and what leads from one to the next."""

    def __init__(
        self, start: Mounted, actors: Sequence[Sequence[Operation]], answers: Sequence[Sequence[int]]
    ) -> None:
        self.actors = actors
        self.answers = answers
        begin = _Moment((0,) * len(actors), frozenset(start.upper.items()), ((),) * len(actors))
        self.states = {begin: State(start)}
        self.before: defaultdict[_Moment, list[tuple[_Moment, Done]]] = defaultdict(list)
        todo = [begin]
        while todo:
            moment = todo.pop()
            for following, state, done in self._followers(moment):
                self.before[following].append((moment, done))
                if following not in self.states:
                    self.states[following] = state
                    todo.append(following)

    def _followers(self, moment: _Moment) -> Iterator[tuple[_Moment, State, Done]]:
        """Whose operation can be next with the answer that it had, and what comes of that."""
        state = self.states[moment]
        for number, actor in enumerate(self.actors):
            if moment.done[number] == len(actor):
                continue
            operation, answer = actor[moment.done[number]], self.answers[number][moment.done[number]]
            for each in _as_resolved(operation, moment.since[number]):
                expected = rehearsal.expected(state, each)
                if expected.allows(answer):
                    upper = state.mounted.upper if answer else expected.upper
                    after = rehearsal.called(state, each, upper, answer == 0)
                    renames = () if answer else _of_a_directory(each, state.mounted)
                    done = Done(number, each, frozenset(expected.either))
                    yield self._next(moment, number, renames, after), after, done

    def _next(self, moment: _Moment, number: int, renames: Renames, after: State) -> _Moment:
        done = tuple(count + (actor == number) for actor, count in enumerate(moment.done))
        since = tuple(
            () if actor == number else self._still_matters(actor, done[actor], (*earlier, *renames))
            for actor, earlier in enumerate(moment.since)
        )
        return _Moment(done, frozenset(after.mounted.upper.items()), since)

    def _still_matters(self, actor: int, done: int, renames: Renames) -> Renames:
        """Renames, if there is anything that the actor's next operation would find elsewhere by them."""
        following = self.actors[actor][done : done + 1]
        return renames if any(len(_as_resolved(each, renames)) > 1 for each in following) else ()

    def ends(self) -> list[_Moment]:
        all_done = tuple(map(len, self.actors))
        return [moment for moment in self.states if moment.done == all_done]

    def on_the_way(self) -> dict[_Moment, list[tuple[_Moment, Done]]]:
        """The moments from which an end can be reached, and how they came about; others are of no order."""
        found: dict[_Moment, list[tuple[_Moment, Done]]] = {}
        todo = self.ends()
        while todo:
            moment = todo.pop()
            if moment not in found:
                found[moment] = self.before.get(moment, [])
                todo += [earlier for earlier, _ in found[moment]]
        return found


def serial(start: Mounted, actors: Sequence[Sequence[Operation]], answers: Sequence[Sequence[int]]) -> Serial:
    """Go through all serial orders in which each operation is answered as it was."""
    orders = _Orders(start, actors, answers)
    ends: dict[frozenset[tuple[str, Node]], Mounted] = {}
    for end in orders.ends():
        ends.setdefault(end.upper, orders.states[end].mounted)
    found = Serial(list(ends.values()))
    for moment, came_about in orders.on_the_way().items():
        mounted = orders.states[moment].mounted
        for path in mounted.view.contributors:
            node = mounted.view.tree[path]
            found.met[path].add((node.mode, node.uid, node.gid))
            found.times[path].add(node.mtime)
        for earlier, done in came_about:
            _note(found, orders.states[earlier].mounted, mounted, done)
    return found


def _note(found: Serial, before: Mounted, after: Mounted, done: Done) -> None:
    """What one operation had to do with times, and with what may stand otherwise."""
    found.either |= done.either
    if before.upper == after.upper:
        return
    if done.operation.op == "utimens":
        found.timed[program.path(done.operation)].add(done.actor)
    for path in _copied_up(before, after, done.operation):
        found.copied[paths.parent(path)].add((done.actor, path))
    found.renames.update(_of_a_directory(done.operation, before))


def _copied_up(before: Mounted, after: Mounted, operation: Operation) -> set[str]:
    """What showed, was not in the upper, and is now; or was, before it was renamed."""
    new = (after.upper.keys() | {program.path(operation)}) if operation.op == "rename" else after.upper.keys()
    return {path for path in new - before.upper.keys() if path and path in before.view.tree}


def _of_a_directory(operation: Operation, mounted: Mounted) -> Renames:
    """A rename that gives a directory another path."""
    if operation.op != "rename":
        return ()
    both = ("flags", "exchange") in operation.args
    moved = _paths(operation)[: 2 if both else 1]
    return (operation,) if any(path in mounted.view.contributors for path in moved) else ()


def _paths(operation: Operation) -> list[str]:
    return [str(value) for name, value in operation.args if name in ("path", "to")]


def _reversed(rename: Operation) -> Operation:
    """What takes back a rename."""
    path, to = _paths(rename)
    others = (pair for pair in rename.args if pair[0] not in ("path", "to"))
    return replace(rename, args=(("path", to), ("to", path), *others))


def _as_resolved(operation: Operation, since: Renames) -> list[Operation]:
    """An operation as it is written, and as it is where its paths were resolved before the last renames."""
    written = [operation, *(_through(operation, since[number:]) for number in range(len(since)))]
    return list(dict.fromkeys(written))


def _through(operation: Operation, renames: Renames) -> Operation:
    """Where it is done if its paths were resolved before some renames."""
    locked = operation.op in _IN_A_DIRECTORY

    def found(path: str) -> str:
        if locked and path:
            return paths.join(_where(paths.parent(path), renames), paths.basename(path))
        return _where(path, renames)

    args = tuple(
        (name, found(str(value)) if name in ("path", "to") else value) for name, value in operation.args
    )
    return replace(operation, args=args)


def _where(path: str, renames: Iterable[Operation]) -> str:
    """Where a path that was resolved before some renames leads to after them."""
    for rename in renames:
        path = rehearsal.moved({_HAND: path}, rename)[_HAND] or path
    return path
