"""The oracle's look-up through redirects, held against what Linux 6.18 was seen to show."""

import pytest

from dirmeta.model import oracle
from dirmeta.model.listing import parse
from dirmeta.model.tree import Tree

SETUP = "setup layout=model option redirect_dir=follow"
MARK = 'xattr trusted.overlay.dirmeta_delegate="y"'
OPAQUE = 'xattr trusted.overlay.opaque="y"'
XWHITEOUTS = 'xattr trusted.overlay.opaque="x"'
XWHITEOUT = 'xattr trusted.overlay.whiteout="y"'


def redirect(target: str) -> str:
    return f'xattr trusted.overlay.redirect="{target}"'


X = f"x/ 0700 {MARK} {redirect('/a/b')}"
"""A directory that was renamed from a/b, and whose metadata are those of the next one that merges with it."""

# Layers, lowest first, and what shows: path → mode, or None where there is nothing.
CASES: dict[str, tuple[tuple[str, ...], dict[str, int | None]]] = {
    "an opaque component ends the search with its layer": (
        ("a/b/ 0711\n a/b/f", f"a/ {OPAQUE}\n a/b/ 0702 {MARK}\n a/b/g 0604", X),
        {"x": 0o700, "x/f": None, "x/g": 0o604},
    ),
    "an opaque component ends the search where nothing is below it": (
        ("a/b/ 0711\n a/b/f", f"a/ {OPAQUE}\n a/g", X),
        {"x": 0o700, "x/f": None},
    ),
    "an opaque component does not hide what is below it": (
        ("a/b/ 0711", f"a/ {OPAQUE}\n a/b/ 0702\n a/b/f 0604", X),
        {"x": 0o702, "x/f": 0o604},
    ),
    "an absolute redirect below an opaque component goes on": (
        ("z/ 0711\n z/f 0604", f"a/ {OPAQUE}\n a/b/ 0702 {MARK} {redirect('/z')}", X),
        {"x": 0o711, "x/f": 0o604, "a/b": 0o711, "a/b/f": 0o604},
    ),
    "a relative redirect below an opaque component does not go on": (
        ("a/c/ 0711\n a/c/f", f"a/ {OPAQUE}\n a/b/ 0702 {MARK} {redirect('c')}", X),
        {"x": 0o700, "x/f": None, "a/b": 0o702, "a/b/f": None},
    ),
    "an absolute redirect of a component counts for the layers below": (
        ("z/b/ 0711\n z/b/f 0604\n a/b/h", f"a/ {redirect('/z')}\n a/b/ 0702 {MARK}\n a/b/g 0640", X),
        {"x": 0o711, "x/f": 0o604, "x/g": 0o640, "x/h": None},
    ),
    "a redirect of a component counts where nothing is below it": (
        ("z/b/ 0711\n z/b/f 0604\n a/b/h", f"a/ {redirect('/z')}", X),
        {"x": 0o711, "x/f": 0o604, "x/h": None},
    ),
    "a relative redirect of a component keeps what is before and after it": (
        (
            "a/z/b/ 0711\n a/z/b/f 0604\n a/c/b/g\n z/b/h",
            f"a/c/ {redirect('z')}",
            f"x/ {MARK} {redirect('/a/c/b')}",
        ),
        {"x": 0o711, "x/f": 0o604, "x/g": None, "x/h": None},
    ),
    "a relative redirect of the target keeps what is before it": (
        ("a/c/ 0711\n a/c/f 0604\n a/b/g\n c/h", f"a/b/ 0702 {MARK} {redirect('c')}", X),
        {"x": 0o711, "x/f": 0o604, "x/g": None, "x/h": None, "a/b": 0o711},
    ),
    "a component that two layers redirect is looked for under the later name": (
        (
            "y/b/ 0711\n y/b/f 0604\n z/b/g",
            f"z/ {redirect('y')}",
            f"a/ {redirect('/z')}\n a/b/ 0702 {MARK}",
            X,
        ),
        {"x": 0o711, "x/f": 0o604, "x/g": None, "a/b": 0o711},
    ),
    "a whiteout on the way ends the search": (
        ("a/b/ 0711\n a/b/f", ".wh.a", X),
        {"x": 0o700, "x/f": None},
    ),
    "a whiteout that is a file on the way ends the search": (
        (
            "d/a/b/ 0711\n d/a/b/f",
            f"d/ {XWHITEOUTS}\n d/a {XWHITEOUT}",
            f"x/ 0700 {MARK} {redirect('/d/a/b')}",
        ),
        {"x": 0o700, "x/f": None, "d/a": None},
    ),
    "a file on the way ends the search": (
        ("a/b/ 0711\n a/b/f", "a", X),
        {"x": 0o700, "x/f": None},
    ),
    "a directory with whiteouts that are files is no barrier on the way": (
        ("a/b/ 0711\n a/b/f 0604", f"a/ {XWHITEOUTS}", X),
        {"x": 0o711, "x/f": 0o604},
    ),
    "an opaque directory is not redirected": (
        ("z/ 0711\n z/f\n a/h", f"a/ 0702 {MARK} {OPAQUE} {redirect('/z')}"),
        {"a": 0o702, "a/f": None, "a/h": None},
    ),
    "a redirect to a file merges nothing": (
        ("z\n a/h", f"a/ 0702 {redirect('z')}"),
        {"a": 0o702, "a/h": None},
    ),
    "an absolute redirect below an opaque parent goes on from the roots": (
        ("z/ 0711\n z/f 0604\n d/x/h", f"d/ {OPAQUE}\n d/x/ 0702 {MARK} {redirect('/z')}"),
        {"d/x": 0o711, "d/x/f": 0o604, "d/x/h": None},
    ),
}


def merged(layers: tuple[str, ...]) -> Tree:
    listing = "\n".join([SETUP, *(f"layer {number} {text}" for number, text in enumerate(layers, 1))])
    return oracle.merge(oracle.diff_directories(parse(listing)), delegate=True).tree


@pytest.mark.parametrize("name", CASES)
def test_a_redirected_look_up_goes_the_way_of_the_kernel(name: str) -> None:
    layers, expected = CASES[name]
    tree = merged(layers)
    shown = {path: tree[path].mode if path in tree else None for path in expected}
    assert shown == expected
