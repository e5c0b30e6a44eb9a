"""The least that a subject has to do before it is judged at all."""

from __future__ import annotations

import errno
import os

from dirmeta.judge.experiments import FULL, as_tree, encoded, layer_seen
from dirmeta.labs.base import Lab, LabError
from dirmeta.model.entries import Entry
from dirmeta.model.stack import Layer
from dirmeta.observe.steps import Job, Unpack, Walk
from dirmeta.subjects.base import Subject

LAYER = Layer((Entry("d/", "directory", 0o755), Entry("d/f", "file", content=b"smoke\n")))


def smoke(subject: Subject, lab: Lab) -> str:
    """Why the subject can not be judged, or nothing: one explicit file in one explicit directory is
    unpacked; no mark and no metadata is looked at."""
    namespace = lab.limits.namespaces[0]
    steps = (Unpack("l1", encoded(LAYER, "ustar"), namespace, delegate=True), Walk("l1"))
    [results] = lab.run([Job(steps, lab.limits.backings[0])])
    how = layer_seen(*results) if len(results) == 2 else layer_seen(results[0], results[0])
    if subject.python and os.strerror(errno.ENOSPC) in how.refused:
        raise LabError(FULL)  # six bytes are not much: there was no room to begin with
    if not how.ok:
        return f"{subject.name}: fails the smoke check: {how.trouble or how.refused}"
    tree = as_tree(results[1])
    if "d" not in tree or tree["d"].kind != "directory":
        return f"{subject.name}: fails the smoke check: unpacked d/ and d/f, and there is no directory d"
    if "d/f" not in tree or tree["d/f"].content != b"smoke\n":
        return f"{subject.name}: fails the smoke check: unpacked d/ and d/f, and d/f is not what it was"
    return ""
