"""The oracle, held against what SPEC.md says and what real tools were seen to do."""

import pytest

from dirmeta.model import oracle
from dirmeta.model.entries import Entry
from dirmeta.model.flat import predict
from dirmeta.model.listing import metadata_text, parse
from dirmeta.model.semantics import ALLOWED, SEMANTICS, Policies, PolicyError, Semantics
from dirmeta.model.stack import Case, Layer
from dirmeta.model.tree import Tree

BIN = "layer 1 usr/ 0755\n usr/bin/ 0750 7:8\n usr/bin/foo\n"

# Images that were unpacked with real tools on Debian 12, and the directory that was then looked at.
IMAGES = {
    "files only": (f"{BIN}layer 2 usr/bin/foo", "usr/bin"),
    "file before its directory": ("layer 1 usr/bin/foo\n usr/bin/ 0711 5:0 @1000", "usr/bin"),
    "directory in a later layer": ("layer 1 usr/bin/foo\nlayer 2 usr/\n usr/bin/ 0711 5:6 @1000", "usr/bin"),
    "no entry anywhere": ("layer 1 usr/bin/foo\nlayer 2 usr/bin/bar", "usr/bin"),
    "sticky": ("layer 1 tmp/ 1777\nlayer 2 tmp/x", "tmp"),
    "whiteout": (f"{BIN}layer 2 usr/bin/.wh.foo", "usr/bin"),
    "opaque": (f"{BIN}layer 2 usr/bin/.wh..wh..opq\n usr/bin/new", "usr/bin"),
    "links": (f"{BIN}layer 2 opt/a/f\n opt/a/s -> f\n usr/bin/h == opt/a/f", "usr/bin"),
}

# What they showed there: umoci, GNU tar, podman on overlay, containerd on overlayfs.
SEEN = {
    "files only": ("0750 7:8 0", "0750 7:8 now", "0755 0:0 0", "0750 7:8 now"),
    "file before its directory": ("0711 5:0 1000", "0711 5:0 1000", "0711 5:0 1000", "0711 5:0 1000"),
    "directory in a later layer": ("0711 5:6 1000", "0711 5:6 1000", "0711 5:6 1000", "0711 5:6 1000"),
    "no entry anywhere": ("0755 0:0 0", "0755 0:0 now", "0755 0:0 0", "0755 0:0 now"),
    "sticky": ("1777 0:0 0", "1777 0:0 now", "0755 0:0 0", "1777 0:0 now"),
    "whiteout": ("0750 7:8 0", "0750 7:8 now", "0755 0:0 0", "0750 7:8 now"),
    "opaque": ("0750 7:8 0", "0750 7:8 now", "0755 0:0 0", "0750 7:8 now"),
    "links": ("0750 7:8 0", "0750 7:8 now", "0755 0:0 0", "0750 7:8 now"),
}
TOOLS: tuple[tuple[Semantics, str], ...] = (
    ("sequential", "keep"),
    ("sequential", "bump"),
    ("topmost", ""),
    ("inherit", ""),
)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("tool", range(len(TOOLS)), ids=["umoci", "tar", "podman", "containerd"])
def test_each_semantics_is_that_of_a_real_tool(image: str, tool: int) -> None:
    listing, path = IMAGES[image]
    tree = predict(parse(listing), *TOOLS[tool])
    assert tree is not None
    assert brief(tree[path].mode, tree[path].uid, tree[path].gid, tree[path].mtime) == SEEN[image][tool]


def brief(mode: int, uid: int, gid: int, mtime: int | None) -> str:
    return f"{mode:04o} {uid}:{gid} {'now' if mtime is None else mtime // 1_000_000_000}"


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ("files only", "0750 7:8 0"),
        ("directory in a later layer", "0711 5:6 1000"),
        ("no entry anywhere", "0755 0:0 0"),
        ("sticky", "1777 0:0 0"),
        ("whiteout", "0750 7:8 0"),
        ("opaque", "0755 0:0 0"),  # MERGE-OPAQUE: the search ends at the opaque directory
    ],
)
def test_delegation_shows_the_topmost_unmarked(image: str, shown: str) -> None:
    listing, path = IMAGES[image]
    tree = predict(parse(listing), "delegate")
    assert tree is not None
    assert brief(tree[path].mode, tree[path].uid, tree[path].gid, tree[path].mtime) == shown


def test_delegation_takes_xattrs_as_one_set() -> None:
    listing = f'{MODEL}layer 1 d/ xattr user.a="1" xattr user.b="1"\nlayer 2 d/ {MARK} xattr user.c="2"'
    assert merged(listing)["d"].xattrs == (("user.a", b"1"), ("user.b", b"1"))


def test_strict_refuses_an_implied_directory() -> None:
    assert predict(parse(IMAGES["sticky"][0]), "strict") is None
    assert predict(parse("layer 1 tmp/ 1777\n tmp/x"), "strict") is not None


def test_fixed_is_neutral_always_or_only_where_new() -> None:
    listing, path = IMAGES["sticky"]
    always, new = predict(parse(listing), "fixed", "always"), predict(parse(listing), "fixed", "new")
    assert always is not None and always[path].mode == 0o755
    assert new is not None and new[path].mode == 0o1777


MARK = 'xattr trusted.overlay.dirmeta_delegate="y"'
MODEL = "setup layout=model\n"


def merged(listing: str, **policies: str) -> Tree:
    case = parse(listing)
    chosen = Policies(**policies)
    return oracle.merge(oracle.diff_directories(case, chosen), delegate=True, policies=chosen).tree


@pytest.mark.parametrize(
    ("policy", "listing", "default", "switched"),
    [
        ("fallback=lowest", f"{MODEL}layer 1 d/ 0701 {MARK}\nlayer 2 d/ 0702 {MARK}", 0o702, 0o701),
        (
            "value=any",
            f'{MODEL}layer 1 d/ 0701\nlayer 2 d/ 0702 xattr trusted.overlay.dirmeta_delegate="n"',
            0o702,
            0o701,
        ),
        (
            "opaque_barrier=pass",
            f'{MODEL}layer 1 d/ 0701\nlayer 2 d/ 0702 {MARK} xattr trusted.overlay.opaque="y"',
            0o702,
            0o701,
        ),
        ("placeholder_mode=0711", "layer 1 d/f", 0o755, 0o711),
    ],
)
def test_a_policy_switches_its_rule(policy: str, listing: str, default: int, switched: int) -> None:
    name, value = policy.split("=")
    assert merged(listing)["d"].mode == default
    assert merged(listing, **{name: value})["d"].mode == switched


def test_xattrs_of_the_topmost_come_with_the_acls_of_the_source() -> None:
    source = f'{MODEL}layer 1 d/ acl u::rwx,u:7:r-x,g::r-x,m::r-x,o::r-x xattr user.a="1"'
    listing = f'{source}\nlayer 2 d/ {MARK} xattr user.b="2"'
    names = [name for name, _ in merged(listing, xattr_source="topmost")["d"].xattrs]
    assert names == ["system.posix_acl_access", "user.b"]


def test_the_root_is_delegated_by_policy() -> None:
    listing = f"{MODEL}layer 1 ./ 0701\nlayer 2 ./ 0702 {MARK}"
    assert merged(listing)[""].mode == 0o701
    assert merged(listing, root="topmost")[""].mode == 0o702


def test_a_mark_in_the_upper_counts_by_policy() -> None:
    diffs = oracle.diff_directories(parse(f"{MODEL}layer 1 d/ 0701\nlayer 2 d/ 0702 {MARK}"))
    ignoring = Policies(upper_mark="ignore")
    assert oracle.merge(diffs, delegate=True, upper=True).tree["d"].mode == 0o701
    assert oracle.merge(diffs, delegate=True, upper=True, policies=ignoring).tree["d"].mode == 0o702
    assert oracle.merge(diffs, delegate=True, policies=ignoring).tree["d"].mode == 0o701


def test_a_placeholder_has_the_time_that_policy_gives() -> None:
    assert merged("layer 1 d/f", placeholder_mtime="60")["d"].mtime == 60_000_000_000


def test_forged_xattrs_are_kept_by_policy() -> None:
    layer = Layer((Entry("d/", "directory", 0o755, xattrs=(("trusted.overlay.opaque", b"y"),)),))
    assert oracle.diff_directory(layer)["d"].xattrs == ()
    assert (
        oracle.diff_directory(layer, policies=Policies(forged="keep"))["d"].xattrs == layer.entries[0].xattrs
    )


@pytest.mark.parametrize(
    "policy", ["nope=1", "fallback=middle", "placeholder_mode=0999", "placeholder_mtime=soon"]
)
def test_a_policy_that_does_not_exist_is_refused(policy: str) -> None:
    name, value = policy.split("=")
    with pytest.raises(PolicyError, match=name):
        Policies().switched(name, value)


def test_every_policy_can_be_switched_to_each_of_its_values() -> None:
    for name, values in ALLOWED.items():
        for value in values or ("7",):
            assert getattr(Policies().switched(name, value), name) == value


def test_every_semantics_predicts_an_empty_stack() -> None:
    for name in SEMANTICS:
        tree = predict(Case(), name)
        assert tree is not None and tree.keys() <= {""}


@pytest.mark.parametrize(
    ("listing", "path", "shown"),
    [
        # A whiteout between ends the search, at the path and at an ancestor.
        ("layer 1 d/ 0700\nlayer 2 .wh.d\nlayer 3 d/f", "d", "0755 0:0 1970-01-01 00:00:00"),
        ("layer 1 a/d/ 0700\nlayer 2 .wh.a\nlayer 3 a/d/f", "a/d", "0755 0:0 1970-01-01 00:00:00"),
        ("layer 1 d/ 0700\nlayer 2 d\nlayer 3 d/f", "d", "0755 0:0 1970-01-01 00:00:00"),
        # Resolution is per directory.
        (
            "layer 1 a/ 0700\n a/b/ 0711\nlayer 2 a/b/ 0755\nlayer 3 a/b/f",
            "a/b",
            "0755 0:0 1970-01-01 00:00:00",
        ),
        (
            "layer 1 a/ 0700\n a/b/ 0711\nlayer 2 a/b/ 0755\nlayer 3 a/b/f",
            "a",
            "0700 0:0 1970-01-01 00:00:00",
        ),
    ],
)
def test_where_the_search_ends(listing: str, path: str, shown: str) -> None:
    node = merged(listing)[path]
    assert metadata_text(node.mode, node.uid, node.gid, node.mtime) == shown
