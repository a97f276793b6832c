/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/nat_named.h"
#include "lab/verbs.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/matrix/crew.h"
#include "lab/matrix/report.h"
#include "lab/matrix/select.h"
#include "lab/place.h"
#include "lab/run.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define DEADLINE_MS_MAX 60000
#define GAP_MS_MAX	10000
#define SHARDS_MAX	1000
#define DEFAULT_CARRIER "linux"

static const char usage[] =
	"usage: boxlab matrix [--select EXPR]... [--nats A,B,...]\n"
	"                     [--nat NAME=PRESET[,KEY=VALUE]...]...\n"
	"                     [--technique NAME|NAME='COMMAND']... [--shape SHAPE]\n"
	"                     [--carrier NAT] [--relay] [--gap MS] [--deadline MS] [--repeat N]\n"
	"                     [--shard K/N] [--jobs N] [--out DIR] [--json]\n"
	"\n"
	"Try every technique of hole punching between every two NATs, and hold what\n"
	"comes of it against what theory says. Rows connect, columns listen.\n"
	"\n"
	"  --select EXPR     only cells of which this is so; several must all be so:\n"
	"                    KEY=VALUE[,VALUE]... or KEY!=VALUE[,VALUE]..., with a KEY of\n"
	"                    from, to, technique, theory, or a declared behaviour such as\n"
	"                    from.mapping or to.unsolicited\n"
	"  --nats A,B,...    presets (all of them), pairs such as adm-eif, files that declare\n"
	"                    a NAT, as natprobe writes them, and NAMEs of --nat\n"
	"  --nat NAME=PRESET[,KEY=VALUE]...\n"
	"                    one more NAT, as that preset but for these behaviours; without\n"
	"                    --nats, all there are\n"
	"  --technique NAME  tcp-parallel, tcp-sequential, tcp-sequential-keep, udp (all of\n"
	"                    these), boxer; with ='COMMAND', a program of your own\n"
	"  --shape SHAPE     apart: each machine behind its own NAT (this one); shared: both\n"
	"                    behind one; double: each NAT behind a carrier's; crowd, for\n"
	"                    boxer: two machines behind each, and both pairs at once\n"
	"  --carrier NAT     that of the shape double (linux)\n"
	"  --relay           boxer may relay where there is no other way\n"
	"  --gap MS          between the SYNs of the two sides (0; where theory says that\n"
	"                    it depends, 0 and 10)\n"
	"  --deadline MS     how long a technique may take (2000; boxer 15000)\n"
	"  --repeat N        try every cell N times, without second chances (1)\n"
	"  --shard K/N       only the Kth of N parts\n"
	"  --jobs N          trials at a time (16 for each processor; with boxer 4)\n"
	"  --out DIR         where matrix.json and matrix.html go; a new or an empty\n"
	"                    directory (./" PLACE_ROOT "/matrix-TIME)\n"
	"  --json            print matrix.json instead of the table\n"
	"  --id ID           the lab's name while it runs\n"
	"\n"
	"Exit status: 0 as theory says; 1 somewhere not, or a NAT is not as declared; 2 the\n"
	"command line is wrong; 3 this kernel or this user can't; 130 ended by the user.\n";

/** struct order - what the command line asks for */
struct order {
	const char *out, *id, *carrier;
	char *nats;
	const char *select[SELECTION_MAX];
	size_t n_select;
	bool json;
	bool own_program;
	unsigned jobs;
	struct grid grid;
	struct timespec started;
	uint64_t began;
};

static void drop_order(struct order *order)
{
	grid_done(&order->grid);
}

/* ---- the command line ---- */

static int wrong(const struct error *err)
{
	(void)fprintf(stderr, "boxlab: %s\n", err->text);
	return RUN_MISUSED;
}

static int number(const char *option, const char *text, unsigned long min, unsigned long max,
		  unsigned *ret, struct error *err)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n < min || n > max)
		return error_set(err, EINVAL, "--%s: \"%s\" is no number from %lu to %lu", option,
				 text, min, max);
	*ret = (unsigned)n;
	return 0;
}

static int take_shard(struct grid *grid, const char *text, struct error *err)
{
	char end;

	if (sscanf(text, "%u/%u%c", &grid->shard, &grid->shards, &end) != 2 || !grid->shard ||
	    grid->shard > grid->shards || grid->shards > SHARDS_MAX)
		return error_set(err, EINVAL, "--shard: \"%s\" is no K/N with K from 1 to N", text);
	return 0;
}

static int take_shape(struct grid *grid, const char *text, struct error *err)
{
	unsigned i = 0;

	while (grid_shape_names[i] && strcmp(grid_shape_names[i], text) != 0)
		i++;
	if (!grid_shape_names[i])
		return error_set(err, EINVAL,
				 "--shape: \"%s\" is none of apart, shared, double, crowd", text);
	grid->shape = (enum grid_shape)i;
	return 0;
}

static int take_option(struct order *order, int opt, struct error *err)
{
	unsigned n = 0;
	int r;

	switch (opt) {
	case 's':
		if (order->n_select == SELECTION_MAX)
			return error_set(err, EINVAL, "more than %d of --select", SELECTION_MAX);
		order->select[order->n_select++] = optarg;
		return 0;
	case 'n':
		order->nats = optarg;
		return 0;
	case 'N':
		return grid_declare_nat(&order->grid, optarg, err);
	case 't':
		order->own_program |= strchr(optarg, '=') != NULL;
		return grid_add_technique(&order->grid, optarg, err);
	case 'g':
		r = number("gap", optarg, 0, GAP_MS_MAX, &n, err);
		order->grid.gap_ms = (int)n;
		return r;
	case 'd':
		return number("deadline", optarg, 1, DEADLINE_MS_MAX, &order->grid.deadline_ms,
			      err);
	case 'r':
		return number("repeat", optarg, 1, GRID_REPEAT_MAX, &order->grid.repeat, err);
	case 'p':
		return take_shape(&order->grid, optarg, err);
	case 'c':
		order->carrier = optarg;
		return 0;
	case 'R':
		order->grid.relay = true;
		return 0;
	case 'k':
		return take_shard(&order->grid, optarg, err);
	case 'j':
		return number("jobs", optarg, 1, CREW_JOBS_MAX, &order->jobs, err);
	case 'o':
		order->out = optarg;
		return 0;
	case 'i':
		order->id = optarg;
		return 0;
	default:
		order->json = true;
		return 0;
	}
}

static bool is_declared(const struct grid *grid, const char *name)
{
	for (size_t i = 0; i < grid->n_nats; i++)
		if (strcmp(grid->nats[i]->preset, name) == 0)
			return true;
	return false;
}

/* What a file declares is called as the file is, without its folder and its end. */
static int add_named(struct grid *grid, const char *name, struct error *err)
{
	struct nat_named named;
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;

	if (nat_preset_find(name))
		return grid_add_nat(grid, name, err);
	if (nat_named_find(name, &named) != 0)
		return error_set(err, EINVAL, "--nats: \"%s\" is no NAT", name);
	(void)snprintf(named.nat.preset, sizeof(named.nat.preset), "%.*s", (int)strcspn(base, "."),
		       base);
	return grid_add_declared(grid, &named.nat, err);
}

static int add_nats(struct order *order, struct error *err)
{
	const struct nat_preset *presets;
	char *save = NULL;
	size_t n;
	int r = 0;

	if (order->nats) {
		for (char *name = strtok_r(order->nats, ",", &save); name && !r;
		     name = strtok_r(NULL, ",", &save))
			if (!is_declared(&order->grid, name))
				r = add_named(&order->grid, name, err);
		return r;
	}
	if (order->grid.n_nats)
		return 0;
	presets = nat_presets(&n);
	for (size_t i = 0; i < n && !r; i++)
		r = grid_add_nat(&order->grid, presets[i].nat.preset, err);
	return r;
}

static int set_carrier(struct order *order, struct error *err)
{
	const char *name = order->carrier ? order->carrier : DEFAULT_CARRIER;
	struct nat_named named;

	if (order->grid.shape != SHAPE_DOUBLE)
		return order->carrier
			       ? error_set(err, EINVAL, "--carrier: only the shape double has one")
			       : 0;
	for (size_t i = 0; i < order->grid.n_nats; i++)
		if (strcmp(order->grid.nats[i]->preset, name) == 0)
			return grid_set_carrier(&order->grid, order->grid.nats[i], err);
	if (nat_named_find(name, &named) != 0)
		return error_set(err, EINVAL, "--carrier: \"%s\" is no NAT", name);
	if (!*named.nat.preset)
		(void)snprintf(named.nat.preset, sizeof(named.nat.preset), "carrier");
	return grid_set_carrier(&order->grid, &named.nat, err);
}

/* What makes no sense together. */
static int check_together(const struct grid *grid, struct error *err)
{
	bool all_boxer = true;

	for (size_t i = 0; i < grid->n_techniques; i++) {
		unsigned deadline = grid_deadline_ms(grid, i);

		all_boxer &= grid->techniques[i].boxer;
		if (grid->gap_ms >= (int)deadline)
			return error_set(err, EINVAL,
					 "a gap of %d ms leaves nothing of a deadline of %u ms",
					 grid->gap_ms, deadline);
	}
	if (!all_boxer && grid->relay)
		return error_set(err, EINVAL, "--relay: only the technique boxer can");
	if (!all_boxer && grid->shape == SHAPE_CROWD)
		return error_set(err, EINVAL, "--shape: only the technique boxer can be a crowd");
	return 0;
}

/* What was not asked for is all that there is; then the cells. */
static int complete(struct order *order, struct error *err)
{
	struct selection selection = {0};
	int r = add_nats(order, err);

	if (!r)
		r = set_carrier(order, err);
	for (size_t i = 0; !r && !order->grid.techniques[i].name && i < THEORY_BOXER; i++)
		r = grid_add_technique(&order->grid, theory_technique_names[i], err);
	for (size_t i = 0; !r && i < order->n_select; i++)
		r = selection_add(&selection, &order->grid, order->select[i], err);
	if (!r)
		r = check_together(&order->grid, err);
	if (!r)
		r = grid_fill(&order->grid, &selection, err);
	if (!r && !order->grid.n_cells)
		r = error_set(err, EINVAL, "no cell is left of the selection");
	return r;
}

/* ---- the report, made by the lab's pid 1 ---- */

static int create(struct lab *lab, const char *name, FILE **ret_file)
{
	struct error err;
	cleanup_close int fd = lab_create_file(lab, name, &err);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file) {
		(void)fprintf(stderr, "boxlab: cannot write %s: %s\n", name,
			      fd < 0 ? err.text : strerror(errno));
		return -EIO;
	}
	(void)take_fd(&fd);
	*ret_file = file;
	return 0;
}

static int close_written(FILE *file, const char *name)
{
	bool bad = ferror(file);

	if (fclose(file) == 0 && !bad)
		return 0;
	(void)fprintf(stderr, "boxlab: cannot write %s\n", name);
	return -EIO;
}

static int write_json(struct lab *lab, const struct report *report, bool print)
{
	json_t *document = report_json(report);
	const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(9);
	FILE *file;
	int r = document ? create(lab, "matrix.json", &file) : -ENOMEM;

	if (!r) {
		(void)json_dumpf(document, file, flags);
		(void)fputc('\n', file);
		r = close_written(file, "matrix.json");
	}
	if (document && print) {
		(void)json_dumpf(document, stdout, flags);
		(void)fputc('\n', stdout);
	}
	json_decref(document);
	return r;
}

static int write_html(struct lab *lab, const struct report *report)
{
	FILE *file;
	int r = create(lab, "matrix.html", &file);

	if (r < 0)
		return r;
	report_html(report, file);
	return close_written(file, "matrix.html");
}

static bool wants_colour(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0 && !(no && *no);
}

static int tell(struct lab *lab, const struct grid *grid, bool ended, void *arg)
{
	const struct order *order = arg;
	const struct report report = {
		.grid = grid,
		.started = order->started,
		.duration_s = (double)(clock_now() - order->began) / NS_PER_S,
		.ended = ended,
		.uids = lab_uids(lab),
	};

	if (write_json(lab, &report, order->json) < 0 || write_html(lab, &report) < 0)
		return RUN_UNABLE;
	if (!order->json)
		report_text(&report, wants_colour(), stdout);
	if (ended)
		return RUN_ENDED;
	if (grid_nats(grid) == GRID_NATS_DIFFER || report_count(grid, CELL_DIFFERS))
		return RUN_FAILED;
	return grid_nats(grid) != GRID_NATS_AGREE || report_count(grid, CELL_ERROR) ? RUN_UNABLE
										    : RUN_PASSED;
}

/* ---- the whole ---- */

static int run_lab(struct order *order, const struct place *place)
{
	struct crew_order crew = {
		.grid = &order->grid,
		.jobs = order->jobs ? order->jobs : crew_jobs(&order->grid),
		.progress = isatty(STDERR_FILENO),
		.report = tell,
		.arg = order,
	};
	/* Programs of the user's own are found from where he stands. */
	cleanup_free char *here = order->own_program ? realpath(".", NULL) : NULL;
	const struct lab_options lab = {.id = order->id, .task_dir = here, .out_dir = place->dir};
	struct error err = {0};
	int code;

	(void)clock_gettime(CLOCK_REALTIME, &order->started);
	order->began = clock_now();
	code = lab_start(&lab, crew_run, &crew, &err);
	if (code < 0)
		return verb_unable(&err);
	if (code > 128 && code != RUN_ENDED) {
		(void)fprintf(stderr, "boxlab: the lab was killed by signal %d\n", code - 128);
		return RUN_UNABLE;
	}
	if (!order->json)
		(void)printf("results in %s\n", place->name);
	return code;
}

static int run_order(struct order *order)
{
	cleanup_with(place_leave) struct place place = PLACE_NONE;
	struct error err;

	if (order->id && verb_check_id(order->id))
		return RUN_MISUSED;
	if (complete(order, &err) < 0 || place_make(order->out, "matrix", &place, &err) < 0)
		return wrong(&err);
	return run_lab(order, &place);
}

int verb_matrix(int argc, char **argv)
{
	static const struct option options[] = {
		{"select", required_argument, NULL, 's'},
		{"nats", required_argument, NULL, 'n'},
		{"nat", required_argument, NULL, 'N'},
		{"technique", required_argument, NULL, 't'},
		{"gap", required_argument, NULL, 'g'},
		{"deadline", required_argument, NULL, 'd'},
		{"repeat", required_argument, NULL, 'r'},
		{"shape", required_argument, NULL, 'p'},
		{"carrier", required_argument, NULL, 'c'},
		{"relay", no_argument, NULL, 'R'},
		{"shard", required_argument, NULL, 'k'},
		{"jobs", required_argument, NULL, 'j'},
		{"out", required_argument, NULL, 'o'},
		{"id", required_argument, NULL, 'i'},
		{"json", no_argument, NULL, 'J'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	cleanup_with(drop_order) struct order order = {
		.grid = {.gap_ms = GRID_ANY_GAP, .shard = 1, .shards = 1},
	};
	struct error err;
	int opt;

	while ((opt = getopt_long(argc, argv, "o:j:h", options, NULL)) != -1) {
		if (opt == 'h' || opt == '?')
			return verb_usage(usage, opt == 'h');
		if (take_option(&order, opt, &err) < 0)
			return wrong(&err);
	}
	if (optind != argc)
		return verb_usage(usage, false);
	return run_order(&order);
}
