"""Overlayfs's look-up, over diff directories held in memory.

Follows fs/overlayfs/namei.c of Linux 6.7 to 6.18, function by function: names are looked for layer by
layer from the top; a whiteout or a non-directory ends the search and is left out, an opaque directory ends
it and counts, also where it is a component on the way that a redirect gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from dirmeta.model import overlayfs, paths
from dirmeta.model.entries import Xattrs
from dirmeta.model.overlayfs import Namespace
from dirmeta.model.semantics import Policies
from dirmeta.model.tree import Node, link_groups
from dirmeta.model.view import Place, View, is_marked, source


class Search:
    """What is looked for from layer to layer. Kernel: `struct ovl_lookup_data`.

    name          one component, in the directories that merge as the parent; or any path of a layer
    absolute      whether it is the latter, for an absolute redirect
    is_directory  whether a directory was found under it
    stop          whether this is the last layer that is searched
    opaque        whether that is for an opaque directory under the name itself
    """

    absolute = is_directory = stop = opaque = False

    def __init__(self, name: str) -> None:
        self.name = name

    def redirect(self, target: str, component: str, rest: str) -> None:
        """Go on in the layers below under the name that a component, with `rest` after it, was renamed from.

        An absolute target stands for all up to the component, and has the search go on although an opaque
        directory above it would have ended it. Kernel: `ovl_check_redirect`, which fails the whole look-up
        with EINVAL for an empty component, or a slash in a relative target.
        """
        after = f"/{rest}" if rest else ""
        if target.startswith("/"):
            self.absolute, self.stop = True, False
            self.name = target[1:] + after
        else:
            before = self.name[: len(self.name) - len(component) - len(after)]
            self.name = before + target + after


class Merger:
    """One merge: holds the layers, topmost first, while the view is put together.

    `choose`, `is_marked`, `compose` and `visible` are each one rule; a miniature mount breaks one of them.
    """

    def __init__(
        self,
        diffs: Sequence[Mapping[str, Node]],
        *,
        delegate: bool,
        namespace: Namespace,
        policies: Policies,
        upper: bool = False,
    ) -> None:
        self.layers = list(reversed(diffs))
        self.names = [_names(tree) for tree in self.layers]
        self.delegate = delegate
        self.namespace = namespace
        self.policies = policies
        self.ignores_upper = upper and policies.upper_mark == "ignore"
        self.prefix = overlayfs.PREFIX[namespace]
        self.opaque = self.prefix + overlayfs.OPAQUE
        self.redirect = self.prefix + overlayfs.REDIRECT
        self.xwhiteout = self.prefix + overlayfs.XWHITEOUT
        self.roots = [Place(index, paths.ROOT) for index in range(len(self.layers))]
        self.shown = View({}, {}, {})
        self.links: dict[str, object] = {}

    def view(self) -> View:
        if not self.layers:
            return self.shown
        self._show_directory(paths.ROOT, self.roots, (), self._delegates_root())
        queue = [(paths.ROOT, self.roots)]
        while queue:
            directory, places = queue.pop()
            for name in self._names_in(places):
                path = paths.join(directory, name)
                found, beyond, other = self.look_up(name, places)
                if found:
                    self._show_directory(path, found, beyond, self.delegate)
                    queue.append((path, found))
                elif other:
                    self._show_other(path, other)
        if self.links:
            link_groups(self.shown.tree, self.links)
        return self.shown

    def _names_in(self, places: Sequence[Place]) -> Iterable[str]:
        if len(places) == 1:
            return self.names[places[0].layer].get(places[0].path, ())
        return set(chain.from_iterable(self.names[layer].get(path, ()) for layer, path in places))

    def _delegates_root(self) -> bool:
        return self.delegate and self.policies.root == "delegate"

    def look_up(self, name: str, stack: Sequence[Place]) -> tuple[list[Place], list[Place], Place | None]:
        """The directories that merge under a name; those that only an opaque one hides (for
        opaque_barrier=pass); or the place of a non-directory.

        Kernel: `ovl_lookup`, of a mount with redirect_dir=follow.
        """
        search = Search(name)
        found: list[Place] = []
        beyond: list[Place] = []
        merging, position = found, 0
        while position < len(stack) and not search.stop:
            base = stack[position]
            position += 1
            path = self._look_up_layer(base, search)
            if path is None:
                continue
            place = Place(base.layer, path)
            if not search.is_directory:
                return found, beyond, place
            merging.append(place)
            if search.opaque and self.policies.opaque_barrier == "pass":
                merging, search.opaque, search.stop = beyond, False, False
            if search.absolute and stack is not self.roots:
                # From the roots of the layers below, whatever has cut the parent off.
                stack, position = self.roots, base.layer + 1
        return found, beyond, None

    def _look_up_layer(self, base: Place, search: Search) -> str | None:
        """The path of what one layer has under the sought name, where that counts.

        All of the name is looked for, though what is met on its way may have changed it, for the layers
        below, or ended the search after this layer. Kernel: `ovl_lookup_layer`.
        """
        (layer, path), rest = base, search.name
        while rest:
            part, _, rest = rest.partition("/")
            path = f"{path}/{part}" if path else part
            if not self._look_up_single(layer, path, search, rest):
                return None
        return path

    def _look_up_single(self, layer: int, path: str, search: Search, rest: str) -> bool:
        """Whether one component is there and counts; `rest` is what of the sought name comes after it.

        Kernel: `ovl_lookup_single`; its `d->last` only saves reading what nothing below could heed.
        """
        node = self.layers[layer].get(path)
        if node is None:
            return False
        if node.kind != "directory":
            search.stop = True
            return not (search.is_directory or rest or self.is_whiteout(node))
        if not rest:
            search.is_directory = True
        if node.xattrs:
            if node.xattr(self.opaque) == overlayfs.YES:
                search.stop, search.opaque = True, not rest
            elif (redirect := node.xattr(self.redirect)) is not None:
                search.redirect(redirect.decode("utf-8", "surrogateescape"), paths.basename(path), rest)
        return True

    def is_whiteout(self, node: Node) -> bool:
        if node.kind == "char":
            return node.device == (0, 0)
        return node.kind == "file" and not node.content and node.xattr(self.xwhiteout) is not None

    def _show_directory(
        self, path: str, places: Sequence[Place], beyond: Sequence[Place], delegate: bool
    ) -> None:
        chosen = self.choose(path, [*places, *beyond] if beyond else places) if delegate else places[0]
        self.shown.contributors[path] = tuple(places)
        self.shown.source[path] = chosen
        self.shown.tree[path] = self.compose(chosen, places[0])

    def choose(self, path: str, places: Sequence[Place]) -> Place:
        """The directory whose metadata shows at `path`, out of those that are there, topmost first."""
        if len(places) == 1:
            return places[0]
        return source(places, [self.is_marked(place) for place in places], self.policies)

    def is_marked(self, place: Place) -> bool:
        if self.ignores_upper and place.layer == 0:
            return False
        return is_marked(self.node(place), self.namespace, self.policies)

    def compose(self, chosen: Place, topmost: Place) -> Node:
        """What shows of a directory: the source's metadata and, as policy has it, xattrs."""
        node = self.visible(self.node(chosen))
        if chosen != topmost and self.policies.xattr_source == "topmost":
            top = self.visible(self.node(topmost))
            node = node._replace(xattrs=_acls_of(node) + _without_acls(top))
        return node

    def _show_other(self, path: str, place: Place) -> None:
        node = self.visible(self.node(place))
        if node.link:
            self.links[path] = (place.layer, node.link)
            node = node._replace(link="")
        self.shown.tree[path] = node

    def node(self, place: Place) -> Node:
        """What a layer has at a place."""
        return self.layers[place.layer][place.path]

    def visible(self, node: Node) -> Node:
        """A node without the xattrs that overlayfs keeps to itself; escaped ones unescaped."""
        if not node.xattrs:
            return node
        xattrs = _visible(node.xattrs, self.prefix)
        return node if xattrs == node.xattrs else node._replace(xattrs=xattrs)


def _names(tree: Mapping[str, Node]) -> dict[str, list[str]]:
    """Directory path → names in it, in any order."""
    listing: dict[str, list[str]] = {}
    for path in tree:
        if path:
            directory, _, name = path.rpartition("/")
            listing.setdefault(directory, []).append(name)
    return listing


@lru_cache(maxsize=4096)
def _visible(xattrs: Xattrs, prefix: str) -> Xattrs:
    """What a mount shows of a node's xattrs (see `Merger.visible`)."""
    if not any(name.startswith(prefix) for name, _ in xattrs):
        return xattrs
    escaped = prefix + "overlay."
    return tuple(sorted(
        (prefix + name[len(escaped) :] if name.startswith(escaped) else name, value)
        for name, value in xattrs
        if name.startswith(escaped) or not name.startswith(prefix)
    ))  # fmt: skip


def _acls_of(node: Node) -> tuple[tuple[str, bytes], ...]:
    return tuple(pair for pair in node.xattrs if pair[0] in overlayfs.ACLS)


def _without_acls(node: Node) -> tuple[tuple[str, bytes], ...]:
    return tuple(pair for pair in node.xattrs if pair[0] not in overlayfs.ACLS)
