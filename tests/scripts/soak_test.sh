#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: soak_test.sh SOURCE-DIR
# scripts/soak runs the parts that it is asked for, in a tree where all that it calls
# only says that it was called, and fails when it is the one in $BROKEN.
set -uo pipefail

fail() {
	echo "soak_test: $*" >&2
	[ ! -s "$tree/out" ] || cat "$tree/out" >&2
	exit 1
}

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/scripts" "$tree/build/bin"
cp "$1/scripts/soak" "$tree/scripts/"
for tool in scripts/test scripts/fuzz scripts/build scripts/deps build/bin/boxlab \
	build/bin/bench-topo; do
	cat >"$tree/$tool" <<-'END'
	#!/usr/bin/env bash
	echo "${0##*/} $*" >>"$CALLS"
	[ "${0##*/} ${1:-}" != "$BROKEN" ]
	END
	chmod +x "$tree/$tool"
done
export CALLS=$tree/calls BROKEN=''
export BOXLAB_COUNT=2 BOXLAB_RUNS=3 BOXLAB_FUZZ=4 BOXLAB_FUNCTIONS=5

# soak STATUS ARGUMENT...
soak() {
	local status=$1
	shift
	: >"$CALLS"
	"$tree/scripts/soak" "$@" >"$tree/out" 2>&1
	[ $? = "$status" ] || fail "soak $* should exit with $status"
}

# says LINE: with any duration, one of its lines is this one.
says() {
	sed 's/[0-9]*:[0-9][0-9]:[0-9][0-9]$/TIME/' "$tree/out" | grep -qxF "$1" ||
		fail "it does not say: $1"
}

ends() {
	[ "$(tail -n 1 "$tree/out")" = "$1" ] || fail "it does not end with: $1"
}

# parts WORD PART...: so many lines say of these, in this order, that they have WORD.
parts() {
	local word=$1
	shift
	[ "$(sed -n "s/^soak: \([a-z]*\) $word.*/\1/p" "$tree/out" | tr '\n' ' ')" = "$* " ] ||
		fail "not these have $word: $*"
}

called() {
	[ "$(grep -c "^$2" "$CALLS")" = "$1" ] || fail "not called $1 times: $2"
}

all='tests asan fuzz quickstart mesh large nats grid boxer'

soak 0 --help
says 'usage: scripts/soak [HOURS] [PART ...]'
[ "$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$tree/out" | tr '\n' ' ')" = "$all " ] ||
	fail 'its help does not explain each part'

soak 2 1.5
says "soak: HOURS is a whole number, not '1.5'"
for wrong in mess '' 'tests asan' '*' --all; do
	soak 2 0 nats "$wrong"
	says "soak: no part '$wrong'; there are: $all"
	called 0 ''
done
soak 2 mess
says "soak: no part 'mess'; there are: $all"

soak 0
# shellcheck disable=SC2086 # words
parts started $all
# shellcheck disable=SC2086
parts passed $all
ends "soak: 1 rounds passed, 0 failed, of $all; BOXLAB_COUNT=2"
called 1 'test $'
called 1 'test --preset asan$'
called 1 'fuzz 4$'
called 3 'boxlab run .*/quickstart.yaml'
called 3 'boxlab run .*/mesh.yaml'
called 2 'bench-topo apply 5$'
called 1 'boxlab nat probe --all --lifetime$'

soak 0 nats fuzz
parts passed nats fuzz
says 'soak: nats passed in TIME'
ends 'soak: 1 rounds passed, 0 failed, of nats fuzz; BOXLAB_COUNT=2'
called 0 'test'
# What it measures with is that of this tree, not of the last build.
[ "$(grep -v '^fuzz' "$CALLS" | tr '\n' ' ')" = 'deps  build dev boxlab nat probe --all --lifetime ' ] ||
	fail 'nats is measured with something else than this tree'

BROKEN='fuzz 4'
soak 1 0 nats fuzz mesh
parts started nats fuzz
parts passed nats
says 'soak: fuzz failed after TIME'
ends 'soak: 0 rounds passed, 1 failed, of nats fuzz mesh; BOXLAB_COUNT=2'
BROKEN='build dev'
soak 1 mesh
says 'soak: mesh failed after TIME'
called 0 boxlab
echo 'soak: it does what it is asked for'
