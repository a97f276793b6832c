#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: run_test.sh BOXLAB SCENARIO
# A scenario of the tree passes, as many times as BOXLAB_COUNT says.
set -euo pipefail

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for ((i = 1; i <= ${BOXLAB_COUNT:-1}; i++)); do
	"$1" run "$2" --out "$out/$i" >"$out/log" 2>&1 || {
		cat "$out/log"
		echo "$2: run $i failed" >&2
		exit 1
	}
	rm -rf "${out:?}/$i"
done
cat "$out/log"
