/* SPDX-License-Identifier: MIT */
/*
 * natprobe: how does the NAT in between behave? Two verbs: the reflector, on a
 * public host with two addresses, and the prober, inside.
 *
 * Exit status: 0, 1 when nothing could be measured, 2 for a wrong command line.
 */
#include "base/cleanup.h"
#include "scenarios/command.h"
#include "scenarios/natprobe/declare.h"
#include "scenarios/natprobe/probe.h"
#include "scenarios/natprobe/reflect.h"
#include "scenarios/natprobe/verdict.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define PORT_DEFAULT   3900
#define PORT_MAX       (UINT16_MAX - 2)
#define PATIENCE_MS    50
#define LIFETIME_MAX_S 7000

static const char usage[] =
	"usage: natprobe probe [OPTIONS] ADDR1 ADDR2\n"
	"       natprobe reflect [--port PORT] ADDR1 ADDR2\n"
	"\n"
	"Measure how the NAT between here and a reflector behaves, over TCP and UDP, and\n"
	"print it as one JSON object. The reflector runs on a public host that has both\n"
	"addresses. Neither needs any privilege.\n"
	"\n"
	"  --port PORT           the first of the reflector's three ports (3900)\n"
	"  --quick               only mapping, filtering, allocation, hairpin, unsolicited\n"
	"  --local ADDR          the inside address to probe from\n"
	"  --second ADDR         another inside address of this host, to see two collide\n"
	"  --lifetime SECONDS    how long mappings live, as far as this\n"
	"  --patience MS         wait at least so long for what may not come (50)\n"
	"  --evidence FILE       write all observations there, as JSON\n"
	"  --help, --version\n";

/** struct command - the command line */
struct command {
	struct probe_options probe;
	const char *evidence;
};

static bool address(const char *what, const char *text, struct addr *ret)
{
	if (addr_parse(text, ret) == 0 && !ret->port)
		return true;
	(void)command_fail("%s: \"%s\" is not an address", what, text);
	return false;
}

static bool take_option(struct command *c, int opt)
{
	switch (opt) {
	case 'p':
		c->probe.port = (uint16_t)command_number("--port", optarg, 1, PORT_MAX);
		return true;
	case 'q':
		c->probe.quick = true;
		return true;
	case 'l':
		return address("--local", optarg, &c->probe.local);
	case 's':
		return address("--second", optarg, &c->probe.second);
	case 't':
		c->probe.lifetime_s =
			(unsigned)command_number("--lifetime", optarg, 1, LIFETIME_MAX_S);
		return true;
	case 'w':
		c->probe.patience_ms =
			(unsigned)command_number("--patience", optarg, 1, WIRE_DIAL_MAX_MS / 2);
		return true;
	case 'e':
		c->evidence = optarg;
		return true;
	default:
		(void)command_usage(usage, false);
		return false;
	}
}

static bool take_addresses(struct probe_options *o, int n, char **texts)
{
	if (n != 2) {
		(void)command_usage(usage, false);
		return false;
	}
	if (!address("ADDR1", texts[0], &o->addrs[0]) || !address("ADDR2", texts[1], &o->addrs[1]))
		return false;
	if (addr_equal(&o->addrs[0], &o->addrs[1]) || o->addrs[0].family != o->addrs[1].family) {
		(void)command_fail("the reflector needs two different addresses of one family");
		return false;
	}
	return true;
}

static int run_reflect(const struct command *c)
{
	struct error err;

	if (reflect(c->probe.addrs, c->probe.port, &err) < 0)
		return command_fail("cannot reflect: %s", err.text);
	return EXIT_SUCCESS;
}

static int write_evidence(const char *path, const struct probe *p, const struct verdict *v)
{
	FILE *f = fopen(path, "we");
	int r;

	if (!f)
		return command_fail("%s: %s", path, strerror(errno));
	declare_evidence(f, p, v);
	r = ferror(f);
	if (fclose(f) != 0 || r)
		return command_fail("%s: could not be written", path);
	return EXIT_SUCCESS;
}

static int run_probe(const struct command *c)
{
	static struct probe p;
	struct verdict v = {0};
	struct error err;

	p.options = c->probe;
	if (probe_run(&p, &err) < 0)
		return command_fail("%s", err.text);
	verdict_of(&p.seen, &v);
	declare_absent(stderr, &p, &v);
	declare(stdout, &v);
	if (fflush(stdout) != 0)
		return command_fail("standard output: %s", strerror(errno));
	return c->evidence ? write_evidence(c->evidence, &p, &v) : EXIT_SUCCESS;
}

static const struct option probe_long[] = {
	{"port", required_argument, NULL, 'p'},	    {"quick", no_argument, NULL, 'q'},
	{"local", required_argument, NULL, 'l'},    {"second", required_argument, NULL, 's'},
	{"lifetime", required_argument, NULL, 't'}, {"patience", required_argument, NULL, 'w'},
	{"evidence", required_argument, NULL, 'e'}, {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},	    {0},
};
static const struct option reflect_long[] = {
	{"port", required_argument, NULL, 'p'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},
	{0},
};
static const struct {
	const char *name;
	int (*run)(const struct command *c);
	const struct option *options;
} verbs[] = {
	{"probe", run_probe, probe_long},
	{"reflect", run_reflect, reflect_long},
};

int main(int argc, char **argv)
{
	struct command c = {.probe = {.port = PORT_DEFAULT, .patience_ms = PATIENCE_MS}};
	size_t verb = 0;
	int opt;

	while (verb < ARRAY_SIZE(verbs) && (argc < 2 || strcmp(argv[1], verbs[verb].name) != 0))
		verb++;
	if (verb == ARRAY_SIZE(verbs) && argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("natprobe " BOXER_VERSION) < 0;
	if (verb == ARRAY_SIZE(verbs))
		return command_usage(usage, argc == 2 && strcmp(argv[1], "--help") == 0);
	argc--;
	argv++;
	while ((opt = getopt_long(argc, argv, "h", verbs[verb].options, NULL)) != -1) {
		if (opt == 'h')
			return command_usage(usage, true);
		if (opt == 'v')
			return puts("natprobe " BOXER_VERSION) < 0;
		if (!take_option(&c, opt))
			return EXIT_MISUSED;
	}
	if (!take_addresses(&c.probe, argc - optind, argv + optind))
		return EXIT_MISUSED;
	return verbs[verb].run(&c);
}
