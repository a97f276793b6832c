/* SPDX-License-Identifier: MIT */
#include "boxer/verb_local.h"

#include "boxer/node.h"
#include "boxer/verbs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool local_number(const char *text, unsigned long max, unsigned long *ret)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value > max)
		return false;
	*ret = value;
	return true;
}

int local_getopt(int argc, char **argv, const char *shorts, const struct option *options)
{
	char *verb = argv[0];
	char name[32];
	int c;

	(void)snprintf(name, sizeof(name), "boxer %s", verb);
	argv[0] = name;
	c = getopt_long(argc, argv, shorts, options, NULL);
	argv[0] = verb;
	if (c == '?')
		(void)fprintf(stderr, "'boxer %s --help' tells more\n", verb);
	return c;
}

int local_next(struct local_line *line, int argc, char **argv)
{
	if (!line->begun) {
		line->begun = true;
		line->status = -1;
		optind = 0;
	}
	for (;;) {
		int c = local_getopt(argc, argv, line->has_program ? "+h" : "h", line->options);

		if (c == 'i') {
			line->id = optarg;
		} else if (c == 'j') {
			line->json = true;
		} else if (c == 'h') {
			(void)fputs(line->usage, stdout);
			line->status = EXIT_SUCCESS;
			return -1;
		} else if (c == '?') {
			line->status = EXIT_USAGE;
			return -1;
		} else {
			return c;
		}
	}
}

int local_usage(const char *verb, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "boxer %s: ", verb);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "; 'boxer %s --help' tells more\n", verb);
	return EXIT_USAGE;
}

#define NODES_SHOWN 8

/** struct found - nodes of this network namespace; the first few */
struct found {
	unsigned long ids[NODES_SHOWN];
	size_t n;
};

/* Accepted connections carry the listener's name as well. */
static void add_found(struct found *found, unsigned long id)
{
	for (size_t i = 0; i < found->n; i++)
		if (found->ids[i] == id)
			return;
	if (found->n < NODES_SHOWN)
		found->ids[found->n++] = id;
}

static void find_all(struct found *ret)
{
	FILE *in = fopen("/proc/net/unix", "re");
	char line[512], *at;
	unsigned long id;

	ret->n = 0;
	while (in && fgets(line, sizeof(line), in)) {
		at = strstr(line, " @boxer/");
		if (!at)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (local_number(at + strlen(" @boxer/"), UINT32_MAX, &id))
			add_found(ret, id);
	}
	if (in)
		(void)fclose(in);
}

static int several(const struct found *found, struct error *err)
{
	char text[16 * NODES_SHOWN] = "";
	size_t used = 0;

	for (size_t i = 0; i < found->n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%lu", i ? ", " : "",
					 found->ids[i]);
	return error_set(err, ENOTUNIQ, "several nodes run here; say --id (%s%s)", text,
			 found->n == NODES_SHOWN ? ", ..." : "");
}

int local_find(const char *id, uint32_t *ret_id, struct error *err)
{
	unsigned long number = 0;
	struct found found;

	if (!id)
		id = getenv("BOXER_ID");
	if (id) {
		if (!local_number(id, UINT32_MAX, &number))
			return error_set(err, EINVAL, "'%s' is no id of a node", id);
		*ret_id = (uint32_t)number;
		return 0;
	}
	find_all(&found);
	if (found.n == 0)
		return error_set(err, ENOENT, "no node runs here");
	if (found.n > 1)
		return several(&found, err);
	*ret_id = (uint32_t)found.ids[0];
	return 0;
}

int local_open(const char *verb, const char *id, struct boxer **ret_boxer)
{
	struct error err = {0};
	uint32_t number;
	int r = local_find(id, &number, &err);

	if (r == 0) {
		r = boxer_open_id(number, ret_boxer);
		if (r == 0)
			return -1;
		(void)error_sys(&err, -r, "no node answers at @boxer/%u", number);
	}
	(void)fprintf(stderr, "boxer %s: %s\n", verb, err.text);
	return NODE_EXIT_FAILED;
}

int local_failed(const char *verb, const char *what, int r)
{
	bool plain = strcmp(boxer_reason(), reason_name(REASON_NONE)) == 0;

	(void)fprintf(stderr, "boxer %s: %s: %s%s%s%s\n", verb, what, strerror(-r),
		      plain ? "" : " (", plain ? "" : boxer_reason(), plain ? "" : ")");
	return NODE_EXIT_FAILED;
}
