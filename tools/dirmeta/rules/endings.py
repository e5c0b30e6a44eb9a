"""What several processes have left, held against the ends of all serial orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dirmeta.model import overlayfs
from dirmeta.model.mounted import Mounted, with_pairs, with_xattrs
from dirmeta.model.tree import Node, Tree
from dirmeta.rules.findings import Difference, differences
from dirmeta.rules.serial import Serial
from dirmeta.rules.uppers import CLOCK, meaningful, plain


class Wrong(NamedTuple):
    """A difference from an end, in the mount or in the raw upper directory."""

    difference: Difference
    in_upper: bool

    @property
    def where(self) -> str:
        return (self.difference.path or ".") + (" in the upper" if self.in_upper else "")


def closest(orders: Serial, view: Tree, upper: Tree, granularity: int) -> list[Wrong] | None:
    """In what an end differs, in both, from what is there: the end for which that is the least.

    None where there is no end.
    """
    wrong = (_Ending(orders, end, granularity).wrong(view, upper) for end in orders.ends)
    return min(wrong, key=len, default=None)


class _Ending:
    """One end of the orders of a race, and what may be otherwise there."""

    def __init__(self, orders: Serial, end: Mounted, granularity: int) -> None:
        self.orders = orders
        self.end = end
        self.granularity = granularity

    def wrong(self, view: Tree, upper: Tree) -> list[Wrong]:
        how = self.end.how
        seen = meaningful(upper, how)
        found = [Wrong(each, False) for each in self._differences(self.end.view.tree, view)]
        for each in self._differences(meaningful(self.end.upper, how), seen):
            if not self._may_stand(each.path, seen.get(each.path)):
                found.append(Wrong(each, True))
        return found

    def _differences(self, want: Tree, saw: Tree) -> list[Difference]:
        """Not which names are one file's, which stock overlayfs shows by when each was looked up."""
        found = differences(want, saw, self.granularity)
        return [each for each in found if each.what != "link" and not self._is_lost(each)]

    def _may_stand(self, path: str, saw: Node | None) -> bool:
        """Whether a directory may be in the upper in this other way: settled, though only something in it was
        copied up, or not opaque, where it hides nothing."""
        places = self.orders.also(path, back=True)
        if saw is None or path not in self.end.upper or places.isdisjoint(self.orders.either):
            return False
        bare = plain(saw, self.end.how)
        return any(not self._differences({path: other}, {path: bare}) for other in self._others(path))

    def _others(self, path: str) -> Iterator[Node]:
        mine, shown = self.end.upper[path], self.end.shows(path)
        yield plain(with_xattrs(mine, {self.end.how.prefix + overlayfs.OPAQUE: None}), self.end.how)
        if shown is not None and self.end.is_marked_upper(path):
            settled = with_pairs(self.end.stored(shown), self.end.private(mine))
            yield plain(settled, self.end.how)

    def _is_lost(self, each: Difference) -> bool:
        """Whether a time is one that two processes can have undone for each other.

        Stock copy-up reads the times of the parent in the upper before it locks anything, and puts them back
        last, in a lock of their own (`pstat` in ovl_copy_up_one and ovl_do_copy_up, and in ovl_link_up). So
        what another process does to the directory's mtime in between is undone. What is put back was there
        at some moment: it is a time of the directory along the orders, or the clock's, where something was
        being copied up into the directory by two.
        """
        if each.what != "mtime" or each.saw is None or each.saw.mtime is None:
            return False
        orders, saw = self.orders, each.saw.mtime
        places = orders.also(each.path, back=True)
        copied = {one for place in places for one in orders.copied.get(place, ())}
        timed = {actor for place in places for actor in orders.timed.get(place, ())}
        by_two = any(one[0] != other[0] and one[1] != other[1] for one in copied for other in copied)
        if not by_two and not any(actor != other for actor, _ in copied for other in timed):
            return False
        times = {time for place in places for time in orders.times.get(place, ())}
        if saw > CLOCK and (by_two or None in times):
            return True
        return any(time is not None and self._is_same(time, saw) for time in times)

    def _is_same(self, one: int, other: int) -> bool:
        return one // self.granularity == other // self.granularity
