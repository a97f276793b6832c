#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: boxer_test.sh SOURCE-TREE
# scripts/bench boxer measures everything that it has goals for. Whether they are met
# says nothing on a machine that is busy with other tests.
set -uo pipefail
cd "$1" || exit 1

fail() {
	echo "boxer_test: $*" >&2
	exit 1
}

build/bin/bench-topo apply 1 >/dev/null 2>&1
[ $? = 77 ] && [ "${BOXLAB_MUST_WORK:-}" != 1 ] && exit 77
log=$(mktemp)
trap 'rm -f "$log"' EXIT
scripts/bench boxer --mesh 4 >/dev/null 2>&1
[ $? = 2 ] || fail "a group is compared with itself"
figures=$(scripts/bench boxer --rounds 1 --count 3 --mesh 6 --lazy 7 2>"$log") ||
	fail "it failed: $(tail -n 20 "$log")"
expect() {
	jq -e "$1" <<<"$figures" >/dev/null || fail "not so: $1, in $figures"
}
expect '[.connect[][][] | .plain[0] > 0 and .boxer[0] > 0 and .ratios == [.median]] | all'
expect '[.connect[][][]] | length == 12'
# Two links of 0.11 ms there, and as much back, is what no packet can be faster than.
expect '[.connect[][][] | .round_trip > 440 and .reply.boxer > 440] | all'
expect '[.connect[][][] | .boxer[0] > 880 and .very_first.boxer > 880] | all'
expect '.join.near.ms.min > 0.66 and .join.far.ms.min > 60 and .join.far.round_trip_ms > 20'
expect '.mesh.functions == 6 and .mesh.linked_after_last_s > 0'
expect '.lazy.functions == 7 and .lazy.joined_s > 0 and .lazy.linked_after_last_s == null'
expect '[.memory | .linked, .lazy | .node.private, .seed.private | . > 65536] | all'
expect '(.goals | length) == 16 and all(.goals[]; .met == (.is <= .most))'
