#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: install_test.sh BUILD-DIR SOURCE-DIR PREFIX
# What `cmake --install` leaves works outside the build tree: staged with DESTDIR
# below a directory of mode 700 with a space in its name, run from elsewhere.
set -euo pipefail
build=$1 source=$2 prefix=$3

fail() {
	echo "install: $*" >&2
	exit 1
}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 700 "$stage"
root="$stage/a stage"
DESTDIR=$root cmake --install "$build" >/dev/null
at=$root$prefix

for f in bin/boxlab bin/boxer bin/boxerd share/man/man1/boxlab.1 share/man/man1/boxer.1 \
	share/man/man1/boxerd.1 include/boxer/boxer.h share/boxer/scenarios/quickstart.yaml \
	share/boxer/wireshark/boxer.lua \
	libexec/boxer/natprobe; do
	[ -e "$at/$f" ] || fail "$f is not installed"
done
pc=$(find "$root" -name boxer.pc)
[ -n "$pc" ] || fail "boxer.pc is not installed"
[ -n "$(find "$root" -name libboxer-shim.so)" ] || fail "the shim is not installed"

# libboxer: a program outside the tree compiles and links by pkg-config alone.
cat >"$stage/member.c" <<'EOF'
#include <boxer/boxer.h>
#include <errno.h>
int main(void)
{
	struct boxer *b;

	/* No node is here: the library says so instead of hanging or crashing. */
	return boxer_open(&b) == -ENXIO ? 0 : 1;
}
EOF
# pkg-config splits at spaces, so the stage is named by a link without one.
ln -s "$root" "$stage/link"
pc=$stage/link${pc#"$root"}
export PKG_CONFIG_PATH=${pc%/*}
read -ra flags < <(pkg-config --cflags --libs boxer)
"${CC:-cc}" -o "$stage/member" "$stage/member.c" "${flags[@]}"
libdir=$(find "$root" -name libboxer.so -printf '%h\n')
env -u BOXER_ID LD_LIBRARY_PATH="$libdir" "$stage/member" ||
	fail "libboxer does not say that there is no node"

# The examples of the manual are C, and C++ as well.
for example in greet follow; do
	"${CC:-cc}" -Wall -Wextra -Werror -o "$stage/$example" \
		"$source/docs/examples/$example.c" "${flags[@]}"
	if command -v c++ >/dev/null; then
		c++ -x c++ -Wall -Wextra -Wpedantic -Werror -o "$stage/$example" \
			"$source/docs/examples/$example.c" -x none "${flags[@]}"
	fi
done
env -u BOXER_ID LD_LIBRARY_PATH="$libdir" "$stage/follow" 2>"$stage/log" &&
	fail "follow does not say that there is no node"
grep -q "usage: boxer exec -- follow" "$stage/log" || fail "$(cat "$stage/log")"

cd /
"$at/bin/boxlab" run "$source/scenarios/handler.yaml" --out "$stage/out" >"$stage/log" 2>&1 || {
	cat "$stage/log"
	fail "the installed boxlab does not pass scenarios/handler.yaml"
}
grep -q '"verdict": "pass"' "$stage/out/results.json" || fail "results.json does not say pass"
echo "install: staged, linked, run"
