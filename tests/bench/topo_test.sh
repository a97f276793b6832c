#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: topo_test.sh BENCH-TOPO
# Every way that is compared builds the same network, sysctl by sysctl; else a
# comparison says nothing.
set -uo pipefail
bench=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "topo_test: $*" >&2
	exit 1
}

# Where IPv6 settings of an interface come from a script, see script.c.
result() {
	"$bench" "$1" 2 --show >"$work/$1.all" || return
	if [ "$2" = all ]; then cat "$work/$1.all"; else grep -v ^ipv6/conf/ "$work/$1.all"; fi
}

figure='^{"way": "WAY", "functions": 2, "namespaces": 5, "build_s": [0-9.]*, "gone_s": [0-9.]*}$'
for way in apply floor batch single; do
	"$bench" $way 2 >"$work/figure"
	code=$?
	if ((code == 77)) && [ $way = apply ]; then
		[ "${BOXLAB_MUST_WORK:-}" = 1 ] && fail "user namespaces are missing"
		exit 77
	fi
	if ((code == 77)); then
		echo "topo_test: $way not compared: a program is missing"
		continue
	fi
	((code == 0)) || fail "$way ended with $code"
	grep -q "${figure/WAY/$way}" "$work/figure" || fail "$way said $(cat "$work/figure")"
	compare=all
	[[ $way = batch || $way = single ]] && compare=most
	result apply $compare >"$work/expected" || fail "apply shows nothing"
	result $way $compare >"$work/got" || fail "$way shows nothing"
	[ "$(grep -c . "$work/got")" -gt 2000 ] || fail "$way shows too little"
	diff "$work/expected" "$work/got" || fail "$way builds another network"
done
"$bench" apply none 2>/dev/null && fail "'none' is no number"
echo "topo_test: all that were compared build the same"
