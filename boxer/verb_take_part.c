/* SPDX-License-Identifier: MIT */
/*
 * The verbs that take part in a cluster: seed, node and run. They share their
 * options: one table says which verb takes which.
 */
#include "boxer/verbs.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/descriptors.h"
#include "boxer/node.h"
#include "boxer/seed/seed.h"
#include "boxer/strategy.h"
#include "boxer/verb_local.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT_S 30
#define MAX_TIMEOUT_S	  86400
#define DEFAULT_SILENCE_S 10

enum { FOR_SEED = 1, FOR_NODE = 2, FOR_RUN = 4 };

#define NOT_GIVEN ULONG_MAX

/* What getopt calls the first of the table; behind all characters. */
#define OPTION_VALUES 256

/** struct arguments - what the command line says, as text and numbers */
struct arguments {
	const char *listen, *second, *seed, *key_file, *name, *role, *dir, *control, *strategies;
	const char *state;
	unsigned long members, wait, timeout_s, silence_s, events, unique_address, over_provision;
	unsigned long relay;
	unsigned long lifeline;
	struct gate_wants wants;
};

enum kind { KIND_TEXT, KIND_NUMBER, KIND_FLAG, KIND_NAMES, KIND_ROLE, KIND_HELP };

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
	 "where to serve, and on PORT + 1; 0.0.0.0:PORT for all addresses"},
	{"second", "ADDR", FOR_SEED, KIND_TEXT, AT(second), 0,
	 "one more address of this machine, to tell NATs apart"},
	{"seed", "ADDR:PORT[,ADDR]", FOR_NODE | FOR_RUN, KIND_TEXT, AT(seed), 0,
	 "where the seed serves, and its second address"},
	{"key-file", "FILE", FOR_SEED | FOR_NODE | FOR_RUN, KIND_TEXT, AT(key_file), 0,
	 "the cluster's key: 64 hexadecimal digits"},
	{"name", "NAME", FOR_NODE | FOR_RUN, KIND_TEXT, AT(name), 0,
	 "this function's name (default: the hostname)"},
	{"role", "ROLE", FOR_NODE | FOR_RUN, KIND_TEXT, AT(role), 0, "what it is there for"},
	{"wait", "COUNT", FOR_NODE | FOR_RUN, KIND_NUMBER, AT(wait), MEMBERS_MAX,
	 "start when COUNT members, this one included, have been met (default 1)"},
	{"wait-name", "NAME,...", FOR_NODE | FOR_RUN, KIND_NAMES, 0, 0,
	 "start when these have been met"},
	{"wait-role", "ROLE=COUNT", FOR_NODE | FOR_RUN, KIND_ROLE, 0, 0,
	 "start when COUNT in that role have been met; may be repeated"},
	{"timeout", "SECONDS", FOR_NODE | FOR_RUN, KIND_NUMBER, AT(timeout_s), MAX_TIMEOUT_S,
	 "give up joining and waiting (default 30)"},
	{"control", "full|lazy", FOR_NODE | FOR_RUN, KIND_TEXT, AT(control), 0,
	 "control links to all (default), or to a member on first use"},
	{"silence", "SECONDS", FOR_SEED | FOR_NODE | FOR_RUN, KIND_NUMBER, AT(silence_s),
	 MAX_TIMEOUT_S, "who is silent for so long is lost (default 10)"},
	{"dir", "DIR", FOR_NODE | FOR_RUN, KIND_TEXT, AT(dir), 0,
	 "where the lists of members go (BOXER_DIR)"},
	{"members", "COUNT", FOR_SEED, KIND_NUMBER, AT(members), MEMBERS_MAX,
	 "reject further members"},
	{"over-provision", "", FOR_SEED, KIND_FLAG, AT(over_provision), 0,
	 "tell further members that they are surplus, so that they end"},
	{"unique-address", "", FOR_SEED, KIND_FLAG, AT(unique_address), 0,
	 "reject a second member with one external address"},
	{"strategies", "LIST", FOR_NODE | FOR_RUN, KIND_TEXT, AT(strategies), 0,
	 "ways to connect, with commas between (default: all but relay)"},
	{"relay", "", FOR_SEED | FOR_NODE | FOR_RUN, KIND_FLAG, AT(relay), 0,
	 "pass on data between members that have no other way"},
	{"state", "FILE", FOR_SEED, KIND_TEXT, AT(state), 0,
	 "keep there who has which place, over restarts"},
	{"events", "FD", FOR_SEED | FOR_NODE | FOR_RUN, KIND_NUMBER, AT(events), INT_MAX,
	 "write JSON lines to that descriptor"},
	{"lifeline", "FD", FOR_NODE, KIND_NUMBER, AT(lifeline), INT_MAX,
	 "end when nobody holds the other end of that pipe any more"},
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
		(void)fprintf(out, "  %-24s %s\n", left, specs[i].help);
	}
	if (which == FOR_RUN)
		(void)fprintf(out, "\nExits as PROGRAM did; 125 Boxer failed, 126 PROGRAM can't be "
				   "executed, 127 it was not found.\n");
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
		if (!local_number(value, spec->max, &number))
			return -EINVAL;
		(void)memcpy(at, &number, sizeof(number));
		break;
	case KIND_FLAG:
		(void)memcpy(at, &number, sizeof(number));
		break;
	case KIND_NAMES:
		return gate_wants_names(&a->wants, value);
	case KIND_ROLE:
		return gate_wants_role(&a->wants, value);
	case KIND_HELP:
		break;
	}
	return 0;
}

/* @r: what take_option() gave. */
static int bad_value(const char *verb, const struct spec *spec, const char *value, int r)
{
	if (r == -ENOMEM)
		return local_usage(verb, "--%s: no memory", spec->name);
	switch (spec->kind) {
	case KIND_NAMES:
		if (r == -E2BIG)
			return local_usage(verb, "--%s takes at most %d names", spec->name,
					   GATE_NAMES_MAX);
		return local_usage(verb, "--%s wants names with commas between, not '%s'",
				   spec->name, value);
	case KIND_ROLE:
		if (r == -E2BIG)
			return local_usage(verb, "--%s may be given at most %d times", spec->name,
					   GATE_ROLES_MAX);
		return local_usage(verb, "--%s wants a role and a number, like worker=3, not '%s'",
				   spec->name, value);
	case KIND_TEXT:
	case KIND_NUMBER:
	case KIND_FLAG:
	case KIND_HELP:
		break;
	}
	return local_usage(verb, "--%s wants a number up to %lu, not '%s'", spec->name, spec->max,
			   value);
}

/* Return: -1 to go on, or an exit status. optind is left at the first operand. */
static int parse(int argc, char **argv, int which, struct arguments *a)
{
	struct option options[ARRAY_SIZE(specs) + 1] = {0};
	size_t n = 0;
	int c, r;

	for (size_t s = 0; s < ARRAY_SIZE(specs); s++) {
		if (!(specs[s].verbs & which))
			continue;
		options[n].name = specs[s].name;
		options[n].val = specs[s].kind == KIND_HELP ? 'h' : OPTION_VALUES + (int)s;
		options[n++].has_arg = *specs[s].argument ? required_argument : no_argument;
	}
	optind = 0;
	while ((c = local_getopt(argc, argv, "+h", options)) != -1) {
		const struct spec *spec;

		if (c == '?')
			return EXIT_USAGE;
		if (c == 'h') {
			usage(stdout, argv[0], which);
			return EXIT_SUCCESS;
		}
		spec = &specs[c - OPTION_VALUES];
		r = take_option(a, spec, optarg);
		if (r < 0)
			return bad_value(argv[0], spec, optarg, r);
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

/* Return: -1 to go on, or an exit status. */
static int take_lifeline(const char *verb, const struct arguments *a, int *ret_fd)
{
	*ret_fd = -1;
	if (a->lifeline == NOT_GIVEN)
		return -1;
	if (fcntl((int)a->lifeline, F_SETFD, FD_CLOEXEC) < 0)
		return local_usage(verb, "--lifeline names no open descriptor");
	*ret_fd = (int)a->lifeline;
	return -1;
}

/* Port 0 lets the kernel choose, but it has to be said. */
static int take_listen(const char *verb, const char *text, struct addr *ret)
{
	if (!text)
		return local_usage(verb, "--listen is missing");
	if (addr_parse(text, ret) < 0 || (ret->port == 0 && !strstr(text, ":0")))
		return local_usage(
			verb, "'%s' is not an address and a port, like 203.0.113.10:7000", text);
	return -1;
}

/* It serves at the same two ports. */
static int take_seed_second(const char *verb, const char *text, struct addr *ret)
{
	if (text && (addr_parse(text, ret) < 0 || ret->port != 0))
		return local_usage(
			verb,
			"--second: '%s' is not an address without a port; it serves at the "
			"ports of --listen",
			text);
	return -1;
}

static int take_members(const char *verb, const struct arguments *a, size_t *ret)
{
	if (a->members == 0)
		return local_usage(verb,
				   "--members wants at least 1; without it there is no limit "
				   "but %d",
				   MEMBERS_MAX);
	if (a->over_provision && a->members == NOT_GIVEN)
		return local_usage(verb, "--over-provision wants --members, too");
	*ret = a->members == NOT_GIVEN ? 0 : a->members;
	return -1;
}

static int bad_seed(const char *verb, const char *text)
{
	return local_usage(
		verb,
		"'%s' is not an address and a port, like 203.0.113.10:7000, and perhaps a "
		"second address behind a comma",
		text);
}

/* Its second address serves on the same port unless another one is given. */
static int take_second(const char *text, const struct addr *first, struct addr *ret)
{
	if (addr_parse(text, ret) < 0 || ret->family != first->family)
		return -EINVAL;
	if (ret->port == 0)
		ret->port = first->port;
	return 0;
}

int verb_take_seed(const char *verb, const char *text, struct addr *ret_seed, size_t *ret_n)
{
	char first[ADDR_TEXT_MAX] = "";
	size_t len = text ? strcspn(text, ",") : 0;
	struct addr *seed = ret_seed;
	size_t n = 1;

	if (!text)
		return local_usage(verb, "--seed is missing");
	if (len >= sizeof(first))
		return bad_seed(verb, text);
	(void)memcpy(first, text, len);
	if (addr_parse(first, &seed[0]) < 0 || seed[0].port == 0)
		return bad_seed(verb, text);
	if (seed[0].port < UINT16_MAX) {
		seed[1] = seed[0];
		seed[1].port++;
		n++;
	}
	if (text[len] == ',' && take_second(text + len + 1, &seed[0], &seed[n++]) < 0)
		return bad_seed(verb, text);
	*ret_n = n;
	return -1;
}

static int take_role(const char *verb, const char *given, char ret[static FRAME_NAME_MAX + 1])
{
	if (!given)
		return -1;
	if (!frame_name_valid(given))
		return local_usage(
			verb, "'%s' can't be a role: letters, digits and inner hyphens, 1 to 63",
			given);
	(void)memcpy(ret, given, strlen(given) + 1);
	return -1;
}

static int take_control(const char *verb, const char *given, bool *ret_lazy)
{
	if (given && strcmp(given, "lazy") != 0 && strcmp(given, "full") != 0)
		return local_usage(verb, "--control wants 'full' or 'lazy', not '%s'", given);
	*ret_lazy = given && strcmp(given, "lazy") == 0;
	return -1;
}

int verb_take_key(const char *verb, const char *path, uint8_t ret_key[static AUTH_KEY_LEN])
{
	struct error err;

	if (!path)
		return local_usage(verb, "--key-file is missing");
	if (auth_read_key(path, ret_key, &err) == 0)
		return -1;
	(void)fprintf(stderr, "boxer %s: %s\n", verb, err.text);
	return EXIT_USAGE;
}

int verb_seed(int argc, char **argv)
{
	struct seed_options options = {0};
	struct arguments a = {
		.events = NOT_GIVEN,
		.members = NOT_GIVEN,
		.silence_s = DEFAULT_SILENCE_S,
	};
	struct error err = {0};
	int status = parse(argc, argv, FOR_SEED, &a);

	if (status == -1 && optind < argc)
		status = local_usage(argv[0], "what is '%s' for?", argv[optind]);
	if (status == -1)
		status = take_listen(argv[0], a.listen, &options.listen);
	if (status == -1)
		status = take_seed_second(argv[0], a.second, &options.second);
	if (status == -1)
		status = take_members(argv[0], &a, &options.members_max);
	if (status == -1 && a.silence_s == 0)
		status = local_usage(argv[0], "--silence wants at least a second");
	if (status == -1)
		status = verb_take_key(argv[0], a.key_file, options.key);
	if (status == -1 && take_events(&a, &options.events) < 0)
		status = local_usage(argv[0], "--events names no open descriptor");
	if (status != -1)
		return status;
	options.unique_address = a.unique_address != 0;
	options.over_provision = a.over_provision != 0;
	options.relay = a.relay != 0;
	options.silence_ns = a.silence_s * NS_PER_S;
	options.state = a.state;
	/* It holds one for each member. */
	descriptors_raise();
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
		return local_usage(
			verb, "'%s' can't be a name: letters, digits and inner hyphens, 1 to 63",
			given);
	(void)memcpy(ret, given, strlen(given) + 1);
	return -1;
}

static int run_node(char **argv, int which, const struct arguments *a, struct node_options *options)
{
	struct error err = {0};
	int status;

	options->wants = a->wants;
	options->wants.count = a->wait;
	options->dir = a->dir;
	options->timeout_ns = a->timeout_s * NS_PER_S;
	options->relay = a->relay != 0;
	options->silence_ns = a->silence_s * NS_PER_S;
	options->guest = which == FOR_RUN ? argv + optind : NULL;
	descriptors_raise();
	status = node_run(options, &err);
	if (err.code != 0)
		(void)fprintf(stderr, "boxer %s: %s\n", argv[0], err.text);
	return status;
}

static int take_strategies(const char *verb, const char *list, unsigned *ret)
{
	*ret = STRATEGY_DEFAULT;
	if (!list || strategy_parse(list, ret) == 0)
		return -1;
	return local_usage(
		verb,
		"--strategies wants names with commas between, not '%s'; there are direct, private, "
		"simultaneous, reverse, sequential, synchronised, predict, birthday and relay",
		list);
}

static int take_part(int argc, char **argv, int which)
{
	struct node_options options = {0};
	struct arguments a = {
		.events = NOT_GIVEN,
		.lifeline = NOT_GIVEN,
		.timeout_s = DEFAULT_TIMEOUT_S,
		.silence_s = DEFAULT_SILENCE_S,
	};
	int status = parse(argc, argv, which, &a);

	if (status == -1 && which == FOR_NODE && optind < argc)
		status = local_usage(argv[0], "'%s': a node has no program; 'boxer run' has",
				     argv[optind]);
	if (status == -1 && which == FOR_RUN && optind >= argc)
		status = local_usage(argv[0], "-- PROGRAM is missing");
	if (status == -1)
		status = verb_take_seed(argv[0], a.seed, options.seed, &options.n_seed);
	if (status == -1)
		status = verb_take_key(argv[0], a.key_file, options.key);
	if (status == -1)
		status = take_name(argv[0], a.name, options.name);
	if (status == -1)
		status = take_role(argv[0], a.role, options.role);
	if (status == -1)
		status = take_control(argv[0], a.control, &options.lazy);
	if (status == -1)
		status = take_strategies(argv[0], a.strategies, &options.strategies);
	if (status == -1 && a.silence_s == 0)
		status = local_usage(argv[0], "--silence wants at least a second");
	if (status == -1 && take_events(&a, &options.events) < 0)
		status = local_usage(argv[0], "--events names no open descriptor");
	if (status == -1)
		status = take_lifeline(argv[0], &a, &options.lifeline);
	if (status == -1)
		status = run_node(argv, which, &a, &options);
	gate_wants_free(&a.wants);
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
