#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: offline_test.sh SOURCE-DIR
# Once built, ./scripts/run needs no network, and a second start rebuilds nothing.
set -euo pipefail
cd "$1"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
built=$(stat -c '%s %Y' build/.ninja_log)
# A network namespace without any interface: whoever asks a registry fails.
unshare -rn ./scripts/run "$PWD/scenarios/quickstart.yaml" --out "$out/result" >"$out/log" 2>&1 || {
	cat "$out/log"
	echo "offline: scripts/run failed without a network" >&2
	exit 1
}
# Whatever ninja does it notes there.
if [ "$built" != "$(stat -c '%s %Y' build/.ninja_log)" ]; then
	echo "offline: the second start built something" >&2
	exit 1
fi
jq -e '.verdict == "pass"' "$out/result/results.json" >/dev/null
echo "offline: quickstart passed without a network"
