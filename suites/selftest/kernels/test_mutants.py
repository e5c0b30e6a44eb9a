"""Mutants of the reference patch: what their patches say, and that they fit. Built by `tox -e mutants`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.kernels.mutants import chosen, mutant, mutants
from dirmeta.kernels.patches import Patch, applied, reference_patch
from dirmeta.kernels.store import home
from dirmeta.kernels.worktree import Worktree
from dirmeta.rules.catalogue import catalogue

HUNK = b"--- a/fs/overlayfs/dir.c\n+++ b/fs/overlayfs/dir.c\n@@ -1 +1 @@\n-a\n+b\n"
HEAD = b"Says a for b.\n\nKilled-by: MERGE-SOURCE, MERGE-ACL\nSPDX-License-Identifier: GPL-2.0-only\n---\n"


def test_a_patch_says_what_it_breaks() -> None:
    made = mutant("a-for-b", Patch("a-for-b.patch", HEAD + HUNK))
    assert (made.sentence, made.rules) == ("Says a for b.", ("MERGE-SOURCE", "MERGE-ACL"))
    assert made.variant.name == "mutant-a-for-b"
    assert made.variant.patches[0] == reference_patch("6.12")


@pytest.mark.parametrize("head", [b"", HEAD.replace(b".\n", b"\n"), HEAD.replace(b"Killed-by", b"Killed")])
def test_one_that_does_not_is_an_error(head: bytes) -> None:
    with pytest.raises(KernelError, match=r"^odd\.patch: a sentence, an empty line and `Killed-by"):
        mutant("odd", Patch("odd.patch", head + HUNK))


def test_a_name_that_no_mutant_has_is_wrong_usage() -> None:
    with pytest.raises(KernelUsageError, match="no-such: no mutant is called so"):
        chosen(("no-such",))


def test_names_choose_and_none_chooses_all() -> None:
    first = next(iter(mutants()))
    assert [each.name for each in chosen((first,))] == [first]
    assert [each.name for each in chosen(())] == list(mutants())


def test_there_are_many_of_one_hunk_in_one_file_with_a_sentence_of_their_own() -> None:
    there = mutants().values()
    assert len(there) >= 24
    assert len({each.sentence for each in there}) == len(there)
    for each in there:
        assert (each.patch.text.count(b"\n@@ "), len(each.patch.paths)) == (1, 1), each.name
        assert b"\nSPDX-License-Identifier: GPL-2.0-only\n" in each.patch.text, each.name
        assert all(path.startswith("fs/overlayfs/") for path in each.patch.paths), each.name


def test_they_break_rules_that_there_are() -> None:
    assert {rule for each in mutants().values() for rule in each.rules} <= catalogue().keys()


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is missing")
@pytest.mark.parametrize("name", mutants())
def test_each_fits_on_the_reference_patch(name: str, tmp_path: Path) -> None:
    worktree = Worktree(home() / "6.12")
    if worktree.origin() is None or not (worktree.originals / "fs/overlayfs").is_dir():
        pytest.skip("the source of 6.12 is not here; dirmeta kernel build 6.12+dirmeta")
    variant = mutants()[name].variant
    originals = tmp_path / "originals"
    for path in {path for patch in variant.patches for path in patch.paths}:
        # What no patch has touched yet has no original beside the source.
        there = worktree.originals / path
        there = there if there.is_file() else worktree.source / path
        (originals / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(there, originals / path)
    applied(originals, variant.patches, tmp_path / "patched", worktree.version())
    assert (tmp_path / "patched" / next(iter(mutants()[name].patch.paths))).is_file()
