#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: script_test.sh SOURCE-TREE
# scripts/bench measures what its help says, and gives figures that can be read.
set -uo pipefail
cd "$1" || exit 1

fail() {
	echo "script_test: $*" >&2
	exit 1
}

for part in $(scripts/bench --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	scripts/bench "$part" --help | grep -q "^usage: scripts/bench $part" ||
		fail "$part does not explain itself"
done
scripts/bench no-such-thing >/dev/null 2>&1
[ $? = 2 ] || fail "what does not exist is measured"

build/bin/bench-topo apply 1 >/dev/null 2>&1
[ $? = 77 ] && [ "${BOXLAB_MUST_WORK:-}" != 1 ] && exit 77
scripts/bench topo --functions 2 --rounds 2 --growth "1 3" 2>/dev/null |
	jq -e '.functions == 2 and .namespaces == 5 and (.times_apply.floor.ratios | length) == 2
		and .times_apply.floor.median > 0 and .build_s.median > 0
		and (.growth | map(.functions)) == [1, 3] and .growth[1].gone_s.median > 0' ||
	fail "its figures are not as they should be"
