#!/bin/sh
# One step of `git bisect run`: the verdict of `dirmeta run` as the exit status that bisect expects.
#
# usage: git bisect run .../tools/bisect.sh --kernel tree:. --rules MERGE-SOURCE
#        git bisect run .../tools/bisect.sh --subject cmd:./my-unpack --rules 'UNPACK-*'
#
# The words are options of `dirmeta run`. A rule that fails makes a commit bad. A commit that cannot be judged
# (it does not build or boot, exit status 3; a rule is unverified, 4) is skipped. Wrong usage and Ctrl-C end the
# bisection: no commit is to blame for them.

readonly bad=1 skip=125 abort=128
trap 'exit $abort' INT

dirmeta run "$@"

case $? in
0) exit 0 ;;
1) exit $bad ;;
3 | 4) exit $skip ;;
*) exit $abort ;;
esac
