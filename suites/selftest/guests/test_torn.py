"""A kernel that reads mode and owner at two moments is caught in every lab that races are run in.

That is why the check is believed there. `tox -e races` builds them, and `tox -e mutants` the first.
"""

from __future__ import annotations

import pytest

from dirmeta import kernels
from dirmeta.judge.families import families
from dirmeta.judge.opening import Wanted, open_bench, open_subject
from dirmeta.judge.runner import run_shard
from dirmeta.labs.base import LabError

FAMILY = "copyup/test_at_once::at_once"
RULE = "MERGE-TOGETHER"
LABS = {
    "mutant-owner-read-later": "uml:{}",
    "torn-6.12-debug": "uml:{}",
    "torn-6.12-smp": "image:{},cpus=2",
    "torn-7.3-smp": "uml:{},cpus=2",
}


@pytest.mark.parametrize("name", LABS)
def test_a_kernel_that_tears_is_caught(name: str) -> None:
    try:
        kernels.find(name, "x86" if LABS[name].startswith("image:") else "um")
    except kernels.KernelError as why:
        pytest.skip(str(why))
    wanted = Wanted(kernel=LABS[name].format(name))
    try:
        bench = open_bench(wanted, open_subject(wanted))
    except LabError as why:
        if "apt-get install" not in str(why):
            raise
        pytest.skip(str(why))  # the kernel was built, and what boots it is not installed
    bench.reduce_until = 0.0
    try:
        result = run_shard(families()[FAMILY], FAMILY, 0, [RULE], bench)[RULE]
    finally:
        bench.lab.close()
    assert result.verdict == "fail"
    [witness] = result.witnesses
    assert witness.saw.endswith(" meanwhile")
