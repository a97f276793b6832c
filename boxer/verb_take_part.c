/* SPDX-License-Identifier: MIT */
/*
 * The verbs that take part in a cluster: seed, node and run. They share their
 * options: one table says which verb takes which.
 */
#include "boxer/verbs.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/node.h"
#include "boxer/seed.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define DEFAULT_TIMEOUT_S 30
#define MAX_TIMEOUT_S	  86400

enum { FOR_SEED = 1, FOR_NODE = 2, FOR_RUN = 4 };

#define NOT_GIVEN ULONG_MAX

/** struct arguments - what the command line says, as text and numbers */
struct arguments {
	const char *listen, *seed, *key_file, *name, *dir;
	unsigned long members, wait, timeout_s, events, unique_address;
};

enum kind { KIND_TEXT, KIND_NUMBER, KIND_FLAG, KIND_HELP };

static const struct spec {
	const char *name;
	const char *argument;
	int verbs;
	enum kind kind;
	size_t where; /* in struct arguments */
	unsigned long max;
	const char *help;
} specs[] = {
#define AT(member) offsetof(struct arguments, member)
	{"listen", "ADDR:PORT", FOR_SEED, KIND_TEXT, AT(listen), 0,
	 "where to serve; 0.0.0.0:PORT for all addresses"},
	{"seed", "ADDR:PORT", FOR_NODE | FOR_RUN, KIND_TEXT, AT(seed), 0, "where the seed serves"},
	{"key-file", "FILE", FOR_SEED | FOR_NODE | FOR_RUN, KIND_TEXT, AT(key_file), 0,
	 "the cluster's key: 64 hexadecimal digits"},
	{"name", "NAME", FOR_NODE | FOR_RUN, KIND_TEXT, AT(name), 0,
	 "this function's name (default: the hostname)"},
	{"wait", "COUNT", FOR_NODE | FOR_RUN, KIND_NUMBER, AT(wait), MEMBERS_MAX,
	 "start when COUNT members, this one included, have been met (default 1)"},
	{"timeout", "SECONDS", FOR_NODE | FOR_RUN, KIND_NUMBER, AT(timeout_s), MAX_TIMEOUT_S,
	 "give up joining and waiting (default 30)"},
	{"dir", "DIR", FOR_NODE | FOR_RUN, KIND_TEXT, AT(dir), 0,
	 "where the list of members goes (BOXER_DIR)"},
	{"members", "COUNT", FOR_SEED, KIND_NUMBER, AT(members), MEMBERS_MAX,
	 "reject further members"},
	{"unique-address", "", FOR_SEED, KIND_FLAG, AT(unique_address), 0,
	 "reject a second member with one external address"},
	{"events", "FD", FOR_SEED | FOR_NODE | FOR_RUN, KIND_NUMBER, AT(events), INT_MAX,
	 "write JSON lines to that descriptor"},
	{"help", "", FOR_SEED | FOR_NODE | FOR_RUN, KIND_HELP, 0, 0, "this text"},
#undef AT
};

static void usage(FILE *out, const char *verb, int which)
{
	(void)fprintf(out, "usage: boxer %s [OPTIONS]%s\n\n", verb,
		      which == FOR_RUN ? " -- PROGRAM [ARGUMENTS]" : "");
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		char left[64];

		if (!(specs[i].verbs & which))
			continue;
		(void)snprintf(left, sizeof(left), "--%s %s", specs[i].name, specs[i].argument);
		(void)fprintf(out, "  %-20s %s\n", left, specs[i].help);
	}
	if (which == FOR_RUN)
		(void)fprintf(out, "\nExits as PROGRAM did; 125 Boxer failed, 126 PROGRAM can't be "
				   "executed, 127 it was not found.\n");
}

static int bad(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int bad(const char *verb, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "boxer %s: ", verb);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "; 'boxer %s --help' tells more\n", verb);
	return EXIT_USAGE;
}

static int parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int take_option(struct arguments *a, const struct spec *spec, const char *value)
{
	char *at = (char *)a + spec->where;
	unsigned long number = 1;

	switch (spec->kind) {
	case KIND_TEXT:
		(void)memcpy(at, &value, sizeof(value));
		break;
	case KIND_NUMBER:
		if (parse_number(value, spec->max, &number) < 0)
			return -EINVAL;
		(void)memcpy(at, &number, sizeof(number));
		break;
	case KIND_FLAG:
		(void)memcpy(at, &number, sizeof(number));
		break;
	case KIND_HELP:
		break;
	}
	return 0;
}

/* Return: -1 to go on, or an exit status. optind is left at the first operand. */
static int parse(int argc, char **argv, int which, struct arguments *a)
{
	struct option options[ARRAY_SIZE(specs) + 1] = {0};
	const struct spec *chosen[ARRAY_SIZE(specs)];
	size_t n = 0;
	int i, found;

	for (size_t s = 0; s < ARRAY_SIZE(specs); s++) {
		if (!(specs[s].verbs & which))
			continue;
		chosen[n] = &specs[s];
		options[n].name = specs[s].name;
		options[n++].has_arg = *specs[s].argument ? required_argument : no_argument;
	}
	optind = 0;
	while ((i = getopt_long(argc, argv, "+", options, &found)) != -1) {
		if (i == '?')
			return EXIT_USAGE;
		if (chosen[found]->kind == KIND_HELP) {
			usage(stdout, argv[0], which);
			return EXIT_SUCCESS;
		}
		if (take_option(a, chosen[found], optarg) < 0)
			return bad(argv[0], "--%s wants a number up to %lu, not '%s'",
				   chosen[found]->name, chosen[found]->max, optarg);
	}
	return -1;
}

/* Events go to a descriptor that the guest must not inherit. */
static int take_events(const struct arguments *a, struct events *ret)
{
	events_init(ret, -1);
	if (a->events == NOT_GIVEN)
		return 0;
	if (fcntl((int)a->events, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	events_init(ret, (int)a->events);
	return 0;
}

static int take_endpoint(const char *verb, const char *option, const char *text, bool port_0,
			 struct addr *ret)
{
	if (!text)
		return bad(verb, "--%s is missing", option);
	if (addr_parse(text, ret) < 0 || (ret->port == 0 && !port_0))
		return bad(verb, "'%s' is not an address and a port, like 203.0.113.10:7000", text);
	return -1;
}

static int take_key(const char *verb, const char *path, uint8_t *ret_key)
{
	struct error err;

	if (!path)
		return bad(verb, "--key-file is missing");
	if (auth_read_key(path, ret_key, &err) == 0)
		return -1;
	(void)fprintf(stderr, "boxer %s: %s\n", verb, err.text);
	return EXIT_USAGE;
}

/* As many descriptors as we may have: a seed holds one per member. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int verb_seed(int argc, char **argv)
{
	struct seed_options options = {0};
	struct arguments a = {.events = NOT_GIVEN};
	struct error err = {0};
	int status = parse(argc, argv, FOR_SEED, &a);

	if (status == -1 && optind < argc)
		status = bad(argv[0], "what is '%s' for?", argv[optind]);
	if (status == -1)
		status = take_endpoint(argv[0], "listen", a.listen, true, &options.listen);
	if (status == -1)
		status = take_key(argv[0], a.key_file, options.key);
	if (status == -1 && take_events(&a, &options.events) < 0)
		status = bad(argv[0], "--events names no open descriptor");
	if (status != -1)
		return status;
	options.members_max = a.members;
	options.unique_address = a.unique_address != 0;
	raise_limit();
	if (seed_run(&options, &err) < 0) {
		(void)fprintf(stderr, "boxer seed: %s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int take_name(const char *verb, const char *given, char ret[static FRAME_NAME_MAX + 1])
{
	char host[256] = "";

	if (!given) {
		(void)gethostname(host, sizeof(host) - 1);
		host[strcspn(host, ".")] = '\0';
		given = host;
	}
	if (!frame_name_valid(given))
		return bad(verb, "'%s' can't be a name: letters, digits and inner hyphens, 1 to 63",
			   given);
	(void)memcpy(ret, given, strlen(given) + 1);
	return -1;
}

static int take_part(int argc, char **argv, int which)
{
	struct node_options options = {0};
	struct arguments a = {.events = NOT_GIVEN, .timeout_s = DEFAULT_TIMEOUT_S};
	struct error err = {0};
	int status = parse(argc, argv, which, &a);

	if (status == -1 && which == FOR_NODE && optind < argc)
		status = bad(argv[0], "'%s': a node has no program; 'boxer run' has", argv[optind]);
	if (status == -1 && which == FOR_RUN && optind >= argc)
		status = bad(argv[0], "-- PROGRAM is missing");
	if (status == -1)
		status = take_endpoint(argv[0], "seed", a.seed, false, &options.seed);
	if (status == -1)
		status = take_key(argv[0], a.key_file, options.key);
	if (status == -1)
		status = take_name(argv[0], a.name, options.name);
	if (status == -1 && take_events(&a, &options.events) < 0)
		status = bad(argv[0], "--events names no open descriptor");
	if (status != -1)
		return status;
	options.wait = a.wait;
	options.dir = a.dir;
	options.timeout_ns = a.timeout_s * NS_PER_S;
	options.guest = which == FOR_RUN ? argv + optind : NULL;
	status = node_run(&options, &err);
	if (err.code != 0)
		(void)fprintf(stderr, "boxer %s: %s\n", argv[0], err.text);
	return status;
}

int verb_node(int argc, char **argv)
{
	return take_part(argc, argv, FOR_NODE);
}

int verb_run(int argc, char **argv)
{
	return take_part(argc, argv, FOR_RUN);
}
