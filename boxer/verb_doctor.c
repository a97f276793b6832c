/* SPDX-License-Identifier: MIT */
#include "boxer/verbs.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/client/handle.h"
#include "boxer/json.h"
#include "boxer/node.h"
#include "boxer/strategy.h"
#include "boxer/verb_local.h"
#include "boxer/visit.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_S     10
#define TIMEOUT_MAX_S 86400
/* How often a node whose NAT is still being measured is asked again. */
#define PAUSE_MS  100
#define MEASURE_S 3

static const char doctor_usage[] =
	"usage: boxer doctor [OPTIONS]\n\n"
	"Says whether TCP connections can be made through the NAT in front of this machine,\n"
	"and how, towards which kinds of peers: by what a node that runs here knows, or by\n"
	"asking a seed, without becoming a member.\n\n"
	"  --seed ADDR:PORT[,ADDR]   ask this seed\n"
	"  --key-file FILE           the cluster's key, for that\n"
	"  --timeout S               give up asking after so many seconds (default 10)\n"
	"  --json                    one object\n"
	"  --id ID                   which node, if several run here (default: BOXER_ID, or the\n"
	"                            only one)\n"
	"  --help                    this text\n\n"
	"Exits with 0 when connections can be made, 1 when only a relay can help, 125 when it\n"
	"could not find out.\n";

/*
 * Kinds of peers, the easiest first. What is left out is unknown, which the plan
 * gives the benefit of the doubt.
 */
static const struct kind {
	const char *name;
	const char *words;
	struct profile profile;
} kinds[] = {
	{"public", "a machine without a NAT", {.mapping = PROFILE_MAPPING_NONE}},
	{"keeping",
	 "a NAT that keeps ports, as most routers and clouds have",
	 {PROFILE_MAPPING_EIM, PROFILE_PORTS_KEPT, PROFILE_FILTERING_APDF, PROFILE_REFUSAL_NONE,
	  0}},
	{"changing",
	 "a NAT that changes ports, but keeps to them",
	 {PROFILE_MAPPING_EIM, PROFILE_PORTS_CHANGED, PROFILE_FILTERING_APDF, PROFILE_REFUSAL_NONE,
	  0}},
	{"refusing",
	 "a NAT that answers strangers with a reset",
	 {PROFILE_MAPPING_EIM, PROFILE_PORTS_KEPT, PROFILE_FILTERING_APDF, PROFILE_REFUSAL_REFUSES,
	  0}},
	{"sequential",
	 "a NAT with a new port for each peer, one after the other",
	 {PROFILE_MAPPING_APDM, PROFILE_PORTS_SEQUENTIAL, PROFILE_FILTERING_APDF,
	  PROFILE_REFUSAL_NONE, 1}},
	{"random",
	 "a NAT with a new port for each peer, at random",
	 {PROFILE_MAPPING_APDM, PROFILE_PORTS_CHANGED, PROFILE_FILTERING_APDF, PROFILE_REFUSAL_NONE,
	  0}},
};

/* The kind that decides whether a NAT is punchable at all. */
#define ORDINARY (&kinds[1])

static const char *const mapping_words[PROFILE_MAPPING_COUNT] = {
	[PROFILE_MAPPING_UNKNOWN] =
		"Under which ports this machine is seen has not been found out.",
	[PROFILE_MAPPING_NONE] = "There is no NAT: this machine is seen under its own address.",
	[PROFILE_MAPPING_EIM] = "All peers see a port of this machine under one and the same port.",
	[PROFILE_MAPPING_ADM] = "Each machine sees a port of this machine under another port.",
	[PROFILE_MAPPING_APDM] =
		"Each peer sees a port of this machine under another port (a symmetric NAT).",
	[PROFILE_MAPPING_NOT_APDM] =
		("All ports of a peer see a port of this machine under one and "
		 "the same port; other peers perhaps under another."),
};

static const char *const ports_words[PROFILE_PORTS_COUNT] = {
	[PROFILE_PORTS_UNKNOWN] = "Which ports the NAT gives out has not been found out.",
	[PROFILE_PORTS_KEPT] = "The NAT keeps port numbers, so nobody has to be asked for them.",
	[PROFILE_PORTS_SEQUENTIAL] =
		"The NAT gives out one port after the other, so the next one can be foretold.",
	[PROFILE_PORTS_CHANGED] = "The NAT changes port numbers by no rule that can be seen.",
};

static const char *const filtering_words[PROFILE_FILTERING_COUNT] = {
	[PROFILE_FILTERING_UNKNOWN] = "Whom the NAT lets in has not been found out.",
	[PROFILE_FILTERING_EIF] = "Whoever knows an open port may come in.",
	[PROFILE_FILTERING_ADF] = "Machines that have been written to may come in, from any port.",
	[PROFILE_FILTERING_APDF] = "Only the very port that has been written to may come in.",
	[PROFILE_FILTERING_NOT_APDF] = ("Machines that have been written to may come in, from any "
					"port; others perhaps, too."),
};

static const char *const refusal_words[PROFILE_REFUSAL_COUNT] = {
	[PROFILE_REFUSAL_UNKNOWN] = "What strangers are answered has not been found out.",
	[PROFILE_REFUSAL_NONE] = "Strangers get no answer, so it does no harm to come early.",
	[PROFILE_REFUSAL_REFUSES] =
		"Strangers are answered with a reset, so both sides have to knock at one moment.",
};

/** enum verdict - and the exit status */
enum verdict {
	VERDICT_PUNCHABLE = 0,
	VERDICT_RELAY = 1,
	VERDICT_UNKNOWN = NODE_EXIT_FAILED,
};

static const char *verdict_word(enum verdict verdict)
{
	return verdict == VERDICT_PUNCHABLE ? "punchable"
	       : verdict == VERDICT_RELAY   ? "relay"
					    : "unknown";
}

/* Strategies from @self to @peer, the best first. Return: how many. */
static size_t plan(const struct profile *self, const struct profile *peer,
		   const struct strategy *ret[static STRATEGY_COUNT])
{
	const struct strategy_request request = {
		.self = *self, .peer = *peer, .allowed = STRATEGY_DEFAULT};
	enum reason reason;

	return strategy_plan(&request, ret, &reason);
}

static bool can(const struct profile *self, const struct profile *peer)
{
	const struct strategy *list[STRATEGY_COUNT];

	return plan(self, peer, list) > 0;
}

static enum verdict judge(const struct profile *p)
{
	if (p->mapping == PROFILE_MAPPING_UNKNOWN)
		return VERDICT_UNKNOWN;
	return can(p, &ORDINARY->profile) && can(&ORDINARY->profile, p) ? VERDICT_PUNCHABLE
									: VERDICT_RELAY;
}

static void print_json_plan(struct json *j, const char *key, const struct profile *self,
			    const struct profile *peer)
{
	const struct strategy *list[STRATEGY_COUNT];
	size_t n = plan(self, peer, list);

	json_open(j, key, '[');
	for (size_t i = 0; i < n; i++)
		json_text(j, NULL, list[i]->name);
	json_close(j, ']');
}

static void print_json(const struct visit_result *r)
{
	struct json j = {.out = stdout};
	const struct profile *p = &r->profile;

	json_open(&j, NULL, '{');
	json_text(&j, "verdict", verdict_word(judge(p)));
	json_addr(&j, "inside", &r->inside);
	json_addr(&j, "outside", &r->outside);
	json_text(&j, "mapping", profile_mapping_names[p->mapping]);
	json_text(&j, "ports", profile_ports_names[p->ports]);
	json_text(&j, "filtering", profile_filtering_names[p->filtering]);
	json_text(&j, "refusal", profile_refusal_names[p->refusal]);
	json_open(&j, "peers", '[');
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "kind", kinds[i].name);
		print_json_plan(&j, "to", p, &kinds[i].profile);
		print_json_plan(&j, "from", &kinds[i].profile, p);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_end(&j);
}

static void print_plan(const char *where, const struct profile *self, const struct profile *peer)
{
	const struct strategy *list[STRATEGY_COUNT];
	size_t n = plan(self, peer, list);

	(void)printf("    %-8s %s", where, n ? "" : "only by a relay");
	for (size_t i = 0; i < n; i++)
		(void)printf("%s%s", i ? ", " : "", list[i]->name);
	(void)printf("\n");
}

static void print_kind(const struct profile *p, const struct kind *kind)
{
	(void)printf("  %s\n", kind->words);
	print_plan("to it:", p, &kind->profile);
	print_plan("from it:", &kind->profile, p);
}

static void print_text(const struct visit_result *r)
{
	static const char *const verdicts[] = {
		[VERDICT_PUNCHABLE] = "Connections can be made.",
		[VERDICT_RELAY] = "Behind this NAT only a relay can help.",
	};
	const struct profile *p = &r->profile;
	char inside[ADDR_TEXT_MAX], outside[ADDR_TEXT_MAX];
	enum verdict verdict = judge(p);

	(void)printf("%s\n\nThis machine is %s, and is seen as %s.\n%s\n",
		     verdict == VERDICT_UNKNOWN ? "The NAT has not been measured."
						: verdicts[verdict],
		     addr_format(&r->inside, inside), addr_format(&r->outside, outside),
		     mapping_words[p->mapping]);
	if (!profile_is_public(p))
		(void)printf("%s\n%s\n%s\n", ports_words[p->ports], filtering_words[p->filtering],
			     refusal_words[p->refusal]);
	if (verdict == VERDICT_UNKNOWN)
		return;
	(void)printf("\nTowards\n");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		print_kind(p, &kinds[i]);
}

/* Numbers of a newer node would be no index of ours. */
static void restrain(struct profile *p)
{
	if (p->mapping >= PROFILE_MAPPING_COUNT)
		p->mapping = PROFILE_MAPPING_UNKNOWN;
	if (p->ports >= PROFILE_PORTS_COUNT)
		p->ports = PROFILE_PORTS_UNKNOWN;
	if (p->filtering >= PROFILE_FILTERING_COUNT)
		p->filtering = PROFILE_FILTERING_UNKNOWN;
	if (p->refusal >= PROFILE_REFUSAL_COUNT)
		p->refusal = PROFILE_REFUSAL_UNKNOWN;
}

/* A node that has just joined is still being measured. */
static bool is_measured(const struct visit_result *r)
{
	return profile_is_public(&r->profile) || r->profile.filtering != PROFILE_FILTERING_UNKNOWN;
}

/* Return: 0, or -errno. */
static int ask_until_measured(const struct boxer *boxer, struct visit_result *ret)
{
	for (;;) {
		struct client_status s;
		uint64_t deadline;
		int r = client_status(&boxer->agent, &s);

		if (r < 0)
			return r;
		ret->inside = s.page->inside;
		ret->outside = s.page->external;
		ret->profile = s.page->profile;
		deadline = s.page->started_at + MEASURE_S * NS_PER_S;
		client_status_free(&s);
		if (is_measured(ret) || clock_now() >= deadline)
			return 0;
		(void)poll(NULL, 0, PAUSE_MS);
	}
}

static int ask_node(const char *verb, const char *id, struct visit_result *ret)
{
	struct boxer *boxer;
	int status = local_open(verb, id, &boxer);
	int r;

	if (status != -1)
		return status;
	r = ask_until_measured(boxer, ret);
	boxer_close(boxer);
	return r < 0 ? local_failed(verb, "the node", r) : -1;
}

/** struct choice - the command line */
struct choice {
	const char *id, *seed, *key_file;
	unsigned long timeout_s;
	bool json;
};

static int ask_seed(const char *verb, const struct choice *choice, struct visit_result *ret)
{
	struct visit_config config = {.name = "doctor", .timeout_ns = choice->timeout_s * NS_PER_S};
	int status = verb_take_seed(verb, choice->seed, config.seed, &config.n_seed);
	enum reason reason;

	if (status == -1)
		status = verb_take_key(verb, choice->key_file, config.key);
	if (status != -1)
		return status;
	(void)signal(SIGPIPE, SIG_IGN);
	reason = visit(&config, ret);
	if (reason == REASON_NONE)
		return -1;
	(void)fprintf(stderr, "boxer %s: the seed at %s has not told us anything (%s)\n", verb,
		      choice->seed, reason_name(reason));
	return NODE_EXIT_FAILED;
}

static int run(const char *verb, const struct choice *choice)
{
	struct visit_result result = {0};
	int status;

	if (choice->seed || choice->key_file)
		status = ask_seed(verb, choice, &result);
	else
		status = ask_node(verb, choice->id, &result);
	if (status != -1)
		return status;
	restrain(&result.profile);
	(choice->json ? print_json : print_text)(&result);
	return (int)judge(&result.profile);
}

int verb_doctor(int argc, char **argv)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
						{"key-file", required_argument, NULL, 'k'},
						{"timeout", required_argument, NULL, 't'},
						LOCAL_OPTIONS_JSON,
						{0}};
	struct local_line line = {.usage = doctor_usage, .options = options};
	struct choice choice = {.timeout_s = TIMEOUT_S};
	int c;

	while ((c = local_next(&line, argc, argv)) != -1) {
		choice.seed = c == 's' ? optarg : choice.seed;
		choice.key_file = c == 'k' ? optarg : choice.key_file;
		if (c == 't' && !local_number(optarg, TIMEOUT_MAX_S, &choice.timeout_s))
			return local_usage(argv[0], "--timeout wants a number up to %d, not '%s'",
					   TIMEOUT_MAX_S, optarg);
	}
	if (line.status != -1)
		return line.status;
	choice.id = line.id;
	choice.json = line.json;
	if (optind < argc)
		return local_usage(argv[0], "what is '%s' for?", argv[optind]);
	return run(argv[0], &choice);
}
