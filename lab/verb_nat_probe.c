/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/run.h"
#include "lab/run/nat_lab.h"
#include "lab/verb_nat.h"
#include "lab/verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define LIFETIME_USUAL_S 40
#define LIFETIME_MAX_S	 7000 /* natprobe's */

static const char usage[] =
	"usage: boxlab nat probe NAME|FILE [--lifetime[=SECONDS]] [--json]\n"
	"       boxlab nat probe --all [--lifetime[=SECONDS]] [--json]\n"
	"\n"
	"Build a NAT and measure from both of its sides whether it behaves as declared.\n"
	"\n"
	"  --all        all presets, and all pairs of mapping and filtering\n"
	"  --lifetime   how long mappings live too, as far as SECONDS (40); takes as long\n"
	"  --json       for programs: a list\n"
	"\n"
	"Exit status: 0 it does; 1 it does not; 2 the command line or the declaration is\n"
	"wrong; 3 it could not be measured.\n";

static int take_lifetime(const char *text, unsigned *ret_seconds)
{
	unsigned long seconds;
	char *end;

	errno = 0;
	seconds = text ? strtoul(text, &end, 10) : LIFETIME_USUAL_S;
	if (text &&
	    (errno || *end || *text < '0' || *text > '9' || !seconds || seconds > LIFETIME_MAX_S)) {
		(void)fprintf(stderr, "boxlab: --lifetime: \"%s\" is not a number from 1 to %d\n",
			      text, LIFETIME_MAX_S);
		return RUN_MISUSED;
	}
	*ret_seconds = (unsigned)seconds;
	return 0;
}

static int probe(struct nat_lab_probe *order, const char *name)
{
	struct lab_options lab = {.out_dir = -1};
	cleanup_free struct nat_named *nats = NULL;
	struct error err;
	int r;

	if (name) {
		nats = calloc(1, sizeof(*nats));
		r = nats ? nat_named_find(name, nats) : RUN_UNABLE;
		order->n_nats = 1;
	} else {
		r = nat_named_all(&nats);
		order->n_nats = r > 0 ? (size_t)r : 0;
		r = r < 0 ? RUN_UNABLE : 0;
	}
	if (r)
		return r;
	order->nats = nats;
	(void)fflush(NULL);
	r = lab_start(&lab, nat_lab_probe, order, &err);
	return r < 0 ? verb_unable(&err) : r;
}

int verb_nat_probe(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{"lifetime", optional_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct nat_lab_probe order = {0};
	int opt, r;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'a') {
			order.summary = true;
		} else if (opt == 'j') {
			order.json = true;
		} else if (opt == 'l') {
			r = take_lifetime(optarg, &order.lifetime_s);
			if (r)
				return r;
		} else {
			return verb_usage(usage, opt == 'h');
		}
	}
	if (argc - optind != !order.summary)
		return verb_usage(usage, false);
	return probe(&order, order.summary ? NULL : argv[optind]);
}
