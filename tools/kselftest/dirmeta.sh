#!/bin/sh
# The running kernel's overlayfs, judged by dirmeta as one kselftest: pip install dirmeta
#
# Options of `dirmeta run` can follow; kselftest takes them from KSELFTEST_DIRMETA_SH_ARGS, for example
# KSELFTEST_DIRMETA_SH_ARGS='--expect delegate' for a kernel that is to have the feature.

readonly skip=4

if ! command -v dirmeta >/dev/null; then
	echo "# dirmeta is not installed, or not in PATH: pip install dirmeta"
	exit $skip
fi

dirmeta run --kernel host --ktap "$@"
status=$?

case $status in
0 | $skip) exit $status ;;
*) exit 1 ;;
esac
