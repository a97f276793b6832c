/* SPDX-License-Identifier: MIT */
#include "tests/boxer/tshark.h"

#include "tests/boxer/cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64
#define BY_PATH	      "/usr/bin/env" /* ends with 127 when there is no such program */

/* Nobody's preferences but the defaults. */
static void forget_the_user(void)
{
	(void)setenv("HOME", CLUSTER_DIR, 1);
	(void)setenv("XDG_CONFIG_HOME", CLUSTER_DIR, 1);
}

static const char *run(const char *const *argv, int *ret_status)
{
	static char text[TSHARK_TEXT_MAX];
	static struct child c;

	child_start(&c, argv, forget_the_user);
	child_close_in(&c);
	child_hear_all(&c, text, sizeof(text));
	*ret_status = child_end(&c);
	USERNS_CHECK(*ret_status == 0 || *ret_status == 127, "tshark ended with %d: %s",
		     *ret_status, child_errors(&c));
	/* A script that does not load is no reason for it to end. */
	USERNS_CHECK(!strstr(child_errors(&c), "Lua"), "%s", child_errors(&c));
	(void)close(c.errors);
	return text;
}

void tshark_need(void)
{
	int status;
	const char *text = run((const char *[]){BY_PATH, "tshark", "-v", NULL}, &status);

	if (status == 127)
		userns_skip("tshark (scripts/deps --apps)");
	if (strstr(text, "without Lua"))
		userns_skip("a tshark with Lua");
}

const char *tshark_fields(const char *path, const char *filter, ...)
{
	const char *argv[ARGUMENTS_MAX] = {BY_PATH, "tshark", "-X", "lua_script:" DISSECTOR_PATH,
					   /* One of the ports may be somebody's. */
					   "-o", "tcp.try_heuristic_first:TRUE", "-n", "-r", path,
					   "-Y", filter, "-T", "fields"};
	size_t n = 0;
	int status;
	va_list ap;

	while (argv[n])
		n++;
	va_start(ap, filter);
	for (const char *field; (field = va_arg(ap, const char *)) != NULL;) {
		USERNS_CHECK(n + 3 <= ARGUMENTS_MAX, "too many fields");
		argv[n++] = "-e";
		argv[n++] = field;
	}
	va_end(ap);
	return run(argv, &status);
}
