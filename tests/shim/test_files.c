/* SPDX-License-Identifier: MIT */
/* What the two libraries are to the loader: their symbols, and what they need. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(files, .timeout = 60);

/* The output of a command, one string. */
static void run(const char *command, char *buf, size_t size)
{
	FILE *out = popen(command, "r");
	size_t len;

	cr_assert_not_null(out);
	len = fread(buf, 1, size - 1, out);
	buf[len] = '\0';
	cr_assert_eq(pclose(out), 0, "%s", command);
}

#define EXPORTS(file) \
	NM " -D --defined-only --format=posix '" file "' | cut -d' ' -f1 | LC_ALL=C sort"
#define NEEDS(file)                                                                        \
	"LC_ALL=C " READELF " -d '" file "' | sed -n 's/.*(NEEDED).*\\[\\(.*\\)\\]/\\1/p'" \
	" | grep -v ^ld-linux"

Test(files, the_shim_exports_what_it_hooks_and_nothing_else)
{
	char symbols[4096];

	run(EXPORTS(SHIM_PATH), symbols, sizeof(symbols));
	cr_expect_str_eq(symbols, "accept\n"
				  "accept4\n"
				  "bind\n"
				  "connect\n"
				  "getaddrinfo\n"
				  "gethostbyname\n"
				  "gethostbyname2\n"
				  "gethostbyname2_r\n"
				  "gethostbyname_r\n"
				  "getsockopt\n"
				  "listen\n");
}

Test(files, libboxer_exports_its_header_and_nothing_else)
{
	char symbols[4096];

	run(EXPORTS(LIBBOXER_PATH), symbols, sizeof(symbols));
	cr_expect_str_eq(symbols, "boxer_accept\n"
				  "boxer_barrier\n"
				  "boxer_close\n"
				  "boxer_connect\n"
				  "boxer_connect_id\n"
				  "boxer_id\n"
				  "boxer_join\n"
				  "boxer_listen\n"
				  "boxer_members\n"
				  "boxer_next\n"
				  "boxer_open\n"
				  "boxer_open_id\n"
				  "boxer_reason\n"
				  "boxer_resolve\n"
				  "boxer_status\n"
				  "boxer_unwatch\n"
				  "boxer_watch\n"
				  "boxer_watch_fd\n");
}

Test(files, both_need_libc_only)
{
	char needs[1024];

	run(NEEDS(SHIM_PATH), needs, sizeof(needs));
	cr_expect_str_eq(needs, "libc.so.6\n");
	run(NEEDS(LIBBOXER_PATH), needs, sizeof(needs));
	cr_expect_str_eq(needs, "libc.so.6\n");
}
