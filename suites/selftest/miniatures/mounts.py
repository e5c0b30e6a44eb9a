"""Mounts that resolve metadata wrongly: the oracle's own look-up with one method broken."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from dirmeta.judge.marks import FIRST_ID
from dirmeta.model import overlayfs, paths
from dirmeta.model.lookup import Merger
from dirmeta.model.oracle import Place
from dirmeta.model.tree import Node
from dirmeta.model.view import source

from . import Collection

mount = Collection()


@mount(breaks="MERGE-SOURCE")
class StopsAfterOne(Merger):
    """Looks only one layer below the topmost for an unmarked directory."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        return super().choose(path, places[:2])


@mount(breaks="MERGE-SOURCE")
class IgnoresMarks(Merger):
    """Heeds no mark, as a kernel without the feature."""

    def is_marked(self, place: Place) -> bool:
        return False


@mount(breaks="MERGE-SOURCE")
class TakesTheLowest(Merger):
    """Takes the lowest unmarked directory instead of the topmost."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        unmarked = [place for place in places if not self.is_marked(place)]
        return unmarked[-1] if unmarked else places[0]


@mount(breaks="MERGE-FALLBACK")
class FallsBackToTheLowest(Merger):
    """Takes the lowest directory where all are marked."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        return next((place for place in places if not self.is_marked(place)), places[-1])


@mount(breaks="MERGE-TOGETHER")
class TornMetadata(Merger):
    """Takes the owner from the topmost directory and the rest from the source."""

    def compose(self, chosen: Place, topmost: Place) -> Node:
        top = self.node(topmost)
        return super().compose(chosen, topmost)._replace(uid=top.uid, gid=top.gid)


@mount(breaks="MERGE-TOGETHER")
class StaleTime(Merger):
    """Leaves the mtime of the topmost directory."""

    def compose(self, chosen: Place, topmost: Place) -> Node:
        return super().compose(chosen, topmost)._replace(mtime=self.node(topmost).mtime)


@mount(breaks="MERGE-ACL")
class AclsOfTheTopmost(Merger):
    """Takes ACLs from the topmost directory."""

    def compose(self, chosen: Place, topmost: Place) -> Node:
        node, top = super().compose(chosen, topmost), self.visible(self.node(topmost))
        kept = [pair for pair in node.xattrs if pair[0] not in overlayfs.ACLS]
        acls = [pair for pair in top.xattrs if pair[0] in overlayfs.ACLS]
        return node._replace(xattrs=tuple(sorted(kept + acls)))


@mount(breaks="MERGE-XATTR")
class MergesXattrs(Merger):
    """Adds the topmost directory's xattrs to those of the source."""

    def compose(self, chosen: Place, topmost: Place) -> Node:
        node, top = super().compose(chosen, topmost), self.visible(self.node(topmost))
        return node._replace(xattrs=tuple(sorted({**dict(top.xattrs), **dict(node.xattrs)}.items())))


@mount(breaks="MERGE-LOCAL")
class InheritsTheParentsMark(Merger):
    """Resolves a directory below a delegated one as if it were marked too."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        above = paths.parent(path)
        delegated = path and above and self.shown.source[above] != self.shown.contributors[above][0]
        return super().choose(path, places[1:] if delegated and len(places) > 1 else places)


@mount(breaks="MERGE-BARRIER")
class LooksBehindWhiteouts(Merger):
    """Finds metadata in every layer that has the path, whiteouts and files between them or not."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        everywhere = [
            Place(number, path)
            for number, tree in enumerate(self.layers)
            if path in tree and tree[path].kind == "directory" and number >= places[0].layer
        ]
        opaque = any(self.node(place).xattr(self.opaque) for place in places)
        return super().choose(path, places if opaque or not everywhere else everywhere)


@mount(breaks="MERGE-OPAQUE")
class LooksThroughOpaque(Merger):
    """Goes on behind an opaque directory that is marked."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        behind = [
            Place(number, path)
            for number, tree in enumerate(self.layers)
            if path in tree and tree[path].kind == "directory" and number > places[-1].layer
        ]
        opaque = self.node(places[-1]).xattr(self.opaque) == overlayfs.YES
        return super().choose(path, [*places, *behind] if opaque else places)


@mount(breaks="MERGE-EMPTIED")
class DropsTheEmptied(Merger):
    """Leaves a marked directory out when nothing is left to show in it."""

    def view(self):  # type: ignore[no-untyped-def]
        shown = super().view()
        for path in [
            path for path, places in shown.contributors.items() if path and self.is_marked(places[0])
        ]:
            held = any(paths.below(name, path) for tree in self.layers for name in tree)
            if held and not any(paths.below(name, path) for name in shown.tree):
                del shown.tree[path]
        return shown


@mount(breaks="MERGE-VALUE")
class TakesAnyValue(Merger):
    """Takes the xattr for a mark whatever its value."""

    def is_marked(self, place: Place) -> bool:
        return self.node(place).xattr(overlayfs.mark_name(self.namespace)) is not None


@mount(breaks="MERGE-NONDIR")
class HidesMarkedFiles(Merger):
    """Looks through a marked file or link as if it were a whiteout."""

    def is_whiteout(self, node: Node) -> bool:
        marked = node.kind != "directory" and any(
            name.endswith("." + overlayfs.MARK) for name, _ in node.xattrs
        )
        return marked or super().is_whiteout(node)


@mount(breaks="MERGE-NAMESPACE")
class ReadsTheOtherNamespace(Merger):
    """Honours a mark in either namespace."""

    def is_marked(self, place: Place) -> bool:
        return any(self.node(place).xattr(overlayfs.mark_name(each)) == b"y" for each in overlayfs.PREFIX)


@mount(breaks="MERGE-PRIVATE")
class ListsTheMark(Merger):
    """Lists the mark in the merged view."""

    def visible(self, node: Node) -> Node:
        mark = overlayfs.mark_name(self.namespace)
        value = node.xattr(mark)
        seen = super().visible(node)
        return seen if value is None else seen._replace(xattrs=tuple(sorted((*seen.xattrs, (mark, value)))))


@mount(breaks="MERGE-ROOT")
class LeavesTheRootOut(Merger):
    """Never delegates the mount root."""

    def _delegates_root(self) -> bool:
        return False


@mount(breaks="MERGE-DEPTH")
class SearchesAHundredLayers(Merger):
    """Gives up the search after a hundred layers."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        return super().choose(path, places[:100])


@mount(breaks="MERGE-NAMES")
class HidesNamesBelowTheSource(Merger):
    """Lists only the names of the topmost directory and of the source."""

    def view(self):  # type: ignore[no-untyped-def]
        shown = super().view()
        for path in list(shown.tree):
            above = paths.parent(path)
            if above and above in shown.contributors and path not in shown.contributors:
                places = shown.contributors[above]
                near = {places[0].layer, shown.source[above].layer}
                if not any(path in self.layers[number] for number in near):
                    del shown.tree[path]
        return shown


@mount(breaks="MERGE-REDIRECT")
class TestsTheTargetsMark(Merger):
    """Tests the mark of a redirect's target instead of the redirecting directory's."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        targets = dict(pairwise(places))
        tested = [
            place if self.node(place).xattr(self.redirect) is None else targets.get(place, place)
            for place in places
        ]
        return source(places, [self.is_marked(place) for place in tested], self.policies)


@mount(breaks="MERGE-REDIRECT")
class EndsAtARedirect(Merger):
    """Searches for the source down to a redirecting directory only."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        redirecting = [self.node(place).xattr(self.redirect) is not None for place in places]
        return super().choose(path, places[: (*redirecting, True).index(True) + 1])


@mount(breaks="MERGE-IDMAP")
class LeavesIdsUnmapped(Merger):
    """Shows the ids of a source as they are on disk."""

    def compose(self, chosen: Place, topmost: Place) -> Node:
        node = super().compose(chosen, topmost)
        if chosen == topmost:
            return node
        return node._replace(uid=node.uid % FIRST_ID, gid=node.gid % FIRST_ID)


@mount(breaks="MERGE-IDMAP")
class MapsThroughTheTopmost(Merger):
    """Maps the ids of a source through the topmost directory's mount."""

    def compose(self, chosen: Place, topmost: Place) -> Node:
        node = super().compose(chosen, topmost)
        apart = FIRST_ID * (chosen.layer - topmost.layer)  # each layer is mapped so much further
        return node._replace(uid=node.uid + apart, gid=node.gid + apart)


@mount(breaks="MERGE-EQUIV")
class GivesFilesTheSourcesTime(Merger):
    """Shows the files of a delegated directory with the time of its source."""

    def view(self):  # type: ignore[no-untyped-def]
        shown = super().view()
        for path, node in shown.tree.items():
            above = paths.parent(path)
            if above and node.kind != "directory" and shown.source[above] != shown.contributors[above][0]:
                shown.tree[path] = node._replace(mtime=shown.tree[above].mtime)
        return shown


@mount(breaks="MERGE-EQUIV")
class EmptiesTheDelegated(Merger):
    """Hides the names that a delegated directory has only below its source."""

    def view(self):  # type: ignore[no-untyped-def]
        shown = super().view()
        for path in list(shown.tree):
            above = paths.parent(path)
            delegated = above in shown.source and shown.source[above] != shown.contributors[above][0]
            if above and delegated and path not in shown.contributors:
                near = range(shown.source[above].layer + 1)
                if not any(path in self.layers[number] for number in near):
                    del shown.tree[path]
        return shown


@mount(breaks="MERGE-MONOTONE")
class EndsAtTheSecondMark(Merger):
    """Gives the search up at a second mark."""

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        chosen = super().choose(path, places)
        over = places[: places.index(chosen)]
        return places[0] if sum(map(self.is_marked, over)) > 1 else chosen


@mount(breaks="MERGE-MONOTONE")
class HidesFilesBelowAMark(Merger):
    """Hides the files of a directory whose topmost contributor is marked."""

    def view(self):  # type: ignore[no-untyped-def]
        shown = super().view()
        for path in [path for path in shown.tree if path not in shown.contributors]:
            above = paths.parent(path)
            if above and self.is_marked(shown.contributors[above][0]):
                del shown.tree[path]
        return shown
