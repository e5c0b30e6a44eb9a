"""The model of permissions against the kernel that is running, on a directory without an overlay."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dirmeta.generate.pools import access_acl
from dirmeta.judge.experiments import as_tree
from dirmeta.labs.base import LabError
from dirmeta.labs.host import HostLab
from dirmeta.model import acl, overlayfs, permission
from dirmeta.model.mounted import with_xattrs
from dirmeta.model.permission import SEARCH, WRITE
from dirmeta.model.stack import Credentials
from dirmeta.model.tree import Node, NodeKind, Tree, with_mode
from dirmeta.observe.steps import Job, Layout, Operate, Outcome, Walk

from .worlds import skip_without

IDS = (0, 7, 8, 4711)
SEVERAL = 8
"""Files of one job, each met by all of a few people."""

Named = tuple[acl.Permission, ...]

given_ids = st.sampled_from([-1, *IDS])
modes = st.integers(0, 0o7777)
nine = st.integers(0, 0o777)
ids = st.sampled_from(IDS)
named = st.builds(acl.Permission, st.sampled_from([acl.USER, acl.GROUP]), ids, st.integers(0, 7))
lines = st.lists(named, max_size=3, unique_by=lambda line: (line.tag, line.ident)).map(tuple)
capabilities = st.sampled_from(["dac_override", "dac_read_search", "fowner", "chown", "fsetid"])
people = st.builds(
    Credentials,
    ids,
    ids,
    st.lists(ids, max_size=2).map(tuple),
    st.just(()) | st.lists(capabilities).map(tuple),
)
crowds = st.lists(people, min_size=1, max_size=4, unique=True)


@st.composite
def nodes_of(draw: st.DrawFn, *kinds: NodeKind) -> Node:
    node = Node(draw(st.sampled_from(kinds)), draw(modes), draw(ids), draw(ids))
    named = draw(st.just(()) | lines)
    return with_xattrs(node, {overlayfs.ACL_ACCESS: access_acl(named, node.mode) if named else None})


nodes = nodes_of("directory", "file")
directories = nodes_of("directory")


def several(of: st.SearchStrategy[Node]) -> st.SearchStrategy[list[Node]]:
    return st.lists(of, min_size=SEVERAL, max_size=SEVERAL)


always = settings(
    max_examples=20,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def lab() -> Iterator[HostLab]:
    try:
        lab = HostLab()
    except LabError as error:
        skip_without(error)
    with lab:
        if lab.limits.ids is not None or not lab.limits.acls:
            pytest.skip("files of several owners, with ACLs, take root")
        yield lab


def done(lab: HostLab, tree: Tree, calls: Sequence[Operate]) -> tuple[list[int], Tree]:
    """The errno of each call on a directory ``d``, and what is in it then."""
    [results] = lab.run([Job((Layout("d", {"": Node("directory", 0o777), **tree}), *calls, Walk("d")))])
    return [result.errno for result in results if isinstance(result, Outcome)], as_tree(results[-1])


@always
@given(drawn=several(nodes), crowd=crowds)
def test_what_is_permitted(lab: HostLab, drawn: list[Node], crowd: list[Credentials]) -> None:
    asked = list(itertools.product(range(SEVERAL), crowd, range(1, 8)))
    calls = [Operate("access", f"d/{n}", (bits,), who) for n, who, bits in asked]
    said, _ = done(lab, {str(n): node for n, node in enumerate(drawn)}, calls)
    wanted = [0 if permission.permits(drawn[n], who, bits) else errno.EACCES for n, who, bits in asked]
    assert list(zip(asked, said, strict=True)) == list(zip(asked, wanted, strict=True))


@always
@given(drawn=several(directories), child=nodes_of("file"), crowd=crowds)
def test_who_may_remove(lab: HostLab, drawn: list[Node], child: Node, crowd: list[Credentials]) -> None:
    tree = {str(n): node for n, node in enumerate(drawn)}
    children = {f"{n}/{m}": child for n in tree for m in range(len(crowd))}
    asked = list(itertools.product(tree, range(len(crowd))))
    said, left = done(
        lab, {**tree, **children}, [Operate("unlink", f"d/{n}/{m}", (), crowd[m]) for n, m in asked]
    )
    wanted = [removal(tree[n], children[f"{n}/{m}"], crowd[m]) for n, m in asked]
    assert said == wanted
    assert {path for path in children if path in left} == {
        f"{n}/{m}" for (n, m), number in zip(asked, wanted, strict=True) if number
    }


def removal(directory: Node, child: Node, who: Credentials) -> int:
    if not permission.permits(directory, who, WRITE | SEARCH):
        return errno.EACCES
    return 0 if permission.may_remove(directory, child, who) else errno.EPERM


@always
@given(drawn=several(nodes), who=people, mode=modes)
def test_what_a_chmod_results_in(lab: HostLab, drawn: list[Node], who: Credentials, mode: int) -> None:
    tree = {str(n): node for n, node in enumerate(drawn)}
    said, seen = done(lab, tree, [Operate("chmod", f"d/{n}", (mode,), who) for n in tree])
    owns = {n: permission.owns(who, node) for n, node in tree.items()}
    assert said == [0 if owns[n] else errno.EPERM for n in tree]
    for n, node in tree.items():
        want = with_mode(node, permission.chmodded(node, who, mode)) if owns[n] else node
        assert (seen[n].mode, seen[n].xattrs) == (want.mode, want.xattrs)


@always
@given(drawn=several(directories), who=people, uid=given_ids, gid=given_ids)
def test_who_may_chown(lab: HostLab, drawn: list[Node], who: Credentials, uid: int, gid: int) -> None:
    if uid == gid == -1:
        return
    tree = {str(n): node for n, node in enumerate(drawn)}
    said, seen = done(lab, tree, [Operate("chown", f"d/{n}", (uid, gid), who) for n in tree])
    given = (None if uid < 0 else uid, None if gid < 0 else gid)
    may = {n: permission.may_chown(node, who, *given) for n, node in tree.items()}
    assert said == [0 if may[n] else errno.EPERM for n in tree]
    for n, node in tree.items():
        owner = (node.uid if uid < 0 else uid, node.gid if gid < 0 else gid)
        assert (seen[n].uid, seen[n].gid) == (owner if may[n] else (node.uid, node.gid))
        assert seen[n].mode == node.mode


@always
@given(drawn=several(nodes), who=people)
def test_who_may_set_user_xattrs(lab: HostLab, drawn: list[Node], who: Credentials) -> None:
    if "user" not in lab.limits.namespaces:
        pytest.skip("tmpfs has no user.* xattrs here")
    tree = {str(n): node for n, node in enumerate(drawn)}
    said, _ = done(lab, tree, [Operate("setxattr", f"d/{n}", ("user.a", b"1"), who) for n in tree])
    for n, number in zip(tree, said, strict=True):
        if not permission.may_set_user_xattr(tree[n], who):
            assert number == errno.EPERM
        else:
            assert number == (0 if permission.permits(tree[n], who, WRITE) else errno.EACCES)


@always
@given(
    drawn=several(directories), who=people, value=st.none() | st.builds(access_acl, lines.filter(bool), nine)
)
def test_whose_acl_leaves_setgid(
    lab: HostLab, drawn: list[Node], who: Credentials, value: bytes | None
) -> None:
    """An ACL that is set, and one that is removed."""
    tree = {str(n): node for n, node in enumerate(drawn)}
    call = "removexattr" if value is None else "setxattr"
    told = (overlayfs.ACL_ACCESS,) if value is None else (overlayfs.ACL_ACCESS, value)
    calls = [Operate(call, f"d/{n}", told, who) for n in tree]
    said, seen = done(lab, tree, calls)
    for (n, node), number in zip(tree.items(), said, strict=True):
        assert number == (0 if permission.owns(who, node) else errno.EPERM)
        kept = number or permission.keeps_setgid(node, who)
        assert seen[n].mode & 0o2000 == (node.mode & 0o2000 if kept else 0)


@always
@given(drawn=several(directories), drawn_lines=lines, default=nine, mode=nine)
def test_what_children_inherit(
    lab: HostLab, drawn: list[Node], drawn_lines: Named, default: int, mode: int
) -> None:
    value = access_acl(drawn_lines, default)
    tree = {str(n): with_xattrs(node, {overlayfs.ACL_DEFAULT: value}) for n, node in enumerate(drawn)}
    calls = [Operate(call, f"d/{n}/{call}", (mode,)) for n in tree for call in ("create", "mkdir")]
    said, seen = done(lab, tree, calls)
    assert not any(said)
    bits, access = acl.inherited(value, mode)
    for n, node in tree.items():
        file, directory = seen[f"{n}/create"], seen[f"{n}/mkdir"]
        assert (file.mode, file.xattr(overlayfs.ACL_ACCESS)) == (bits, access)
        assert (directory.mode, directory.xattr(overlayfs.ACL_ACCESS)) == (bits | node.mode & 0o2000, access)
        assert directory.xattr(overlayfs.ACL_DEFAULT) == value
        assert file.xattr(overlayfs.ACL_DEFAULT) is None
        assert {file.gid, directory.gid} == {node.gid if node.mode & 0o2000 else 0}
