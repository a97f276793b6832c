/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what was seen to the name of it; noisy, contradictory and missing ones too. */
#include "scenarios/natprobe/verdict.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define INSIDE	0x0a000002U
#define OUTSIDE 0xc6336401U
#define OTHER	0xc6336402U

static void is(struct finding finding, const char *word, const char *what)
{
	if (word) {
		cr_assert(finding.word, "%s: no word, because %s", what, finding.why);
		cr_assert_str_eq(finding.word, word, "%s", what);
	} else {
		cr_assert_null(finding.word, "%s: %s", what, finding.word);
		cr_assert_not_null(finding.why, "%s: neither a word nor a reason", what);
	}
}

/* A mapping from port 5000 to these ports of the external address; 0: no answer. */
static void map(struct observed_proto *o, uint32_t host, const uint16_t ports[static 4])
{
	o->inside = addr_v4(INSIDE, 0);
	o->mapping_port = 5000;
	for (int i = 0; i < 4; i++)
		o->mapped[i] = ports[i] ? addr_v4(host, ports[i]) : (struct addr){0};
}

Test(natprobe_verdict, mapping)
{
	static const struct {
		uint32_t host;
		uint16_t ports[4];
		const char *word;
	} cases[] = {
		{OUTSIDE, {5000, 5000, 5000, 5000}, "eim"},
		{OUTSIDE, {9, 9, 9, 9}, "eim"},
		{OUTSIDE, {9, 9, 8, 8}, "adm"},
		{OUTSIDE, {5000, 5000, 8, 8}, "adm"},
		{OUTSIDE, {1, 2, 3, 4}, "apdm"},
		{OUTSIDE, {5000, 2, 3, 4}, "apdm"},
		{INSIDE, {5000, 5000, 5000, 5000}, "none"},
		{INSIDE, {9, 9, 9, 9}, "eim"},
		/* Two of four random ports that happen to be the same. */
		{OUTSIDE, {1, 2, 1, 4}, "apdm"},
		/* Contradictions and gaps are no reason to guess. */
		{OUTSIDE, {9, 9, 3, 4}, NULL},
		{OUTSIDE, {3, 4, 9, 9}, NULL},
		{OUTSIDE, {9, 9, 9, 0}, NULL},
		{OUTSIDE, {0, 9, 9, 9}, NULL},
		{OUTSIDE, {0, 0, 0, 0}, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct observed_proto o = {0};
		char what[32];

		(void)snprintf(what, sizeof(what), "case %zu", i);
		map(&o, cases[i].host, cases[i].ports);
		is(verdict_mapping(&o), cases[i].word, what);
	}
}

Test(natprobe_verdict, a_pool_of_addresses_is_no_wider_mapping)
{
	struct observed_proto o = {0};

	map(&o, OUTSIDE, (const uint16_t[]){9, 9, 9, 9});
	o.mapped[SPOT_OTHER_ADDR] = addr_v4(OTHER, 9);
	o.mapped[SPOT_OTHER_BOTH] = addr_v4(OTHER, 9);
	is(verdict_mapping(&o), "adm", "another external address for another host");
}

Test(natprobe_verdict, filtering)
{
	static const struct {
		enum seen port, addr;
		const char *word;
	} cases[] = {
		{SEEN_YES, SEEN_YES, "eif"},   {SEEN_YES, SEEN_NO, "adf"},
		{SEEN_NO, SEEN_NO, "apdf"},    {SEEN_NO, SEEN_YES, NULL},
		{SEEN_UNKNOWN, SEEN_NO, NULL}, {SEEN_YES, SEEN_UNKNOWN, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct observed_proto o = {.other_port = cases[i].port,
					   .other_addr = cases[i].addr};

		is(verdict_filtering(&o), cases[i].word, cases[i].word ? cases[i].word : "gap");
	}
}

/* Local ports 5000, 5010, ...; "0" among the external ones means the same port. */
static void flow(struct observed_proto *o, const uint16_t *first, const uint16_t *second,
		 unsigned n)
{
	o->inside = addr_v4(INSIDE, 0);
	o->n_flows = n;
	for (unsigned i = 0; i < n; i++) {
		struct observed_flow *f = &o->flows[i];

		f->port = (uint16_t)(5000 + 10 * i);
		f->first = addr_v4(OUTSIDE, first[i] ? first[i] : f->port);
		if (second)
			f->second = addr_v4(OUTSIDE, second[i] ? second[i] : f->port);
	}
}

#define N FLOWS_MAX
static const uint16_t kept[N] = {0};
static const uint16_t rising[N] = {40000, 40001, 40002, 40003, 40004, 40005, 40006, 40007,
				   40008, 40009, 40010, 40011, 40012, 40013, 40014, 40015};
/* Others had some in between. */
static const uint16_t gappy[N] = {40000, 40002, 40003, 40010, 40011, 40040, 40041, 40042,
				  40050, 40051, 40052, 40060, 40061, 40062, 40063, 40100};
/* The range came to its end. */
static const uint16_t wrapping[N] = {49992, 49993, 49994, 49995, 49996, 49997, 49998, 49999,
				     40000, 40001, 40002, 40003, 40004, 40005, 40006, 40007};
/* The first of a parallel pair overtook. */
static const uint16_t swapped[N] = {40000, 40001, 40003, 40002, 40004, 40005, 40006, 40007,
				    40008, 40009, 40010, 40011, 40012, 40013, 40014, 40015};
static const uint16_t wild[N] = {60123, 1025,  33333, 20111, 45000, 10999, 65000, 2048,
				 30303, 51111, 8192,  17000, 39000, 24680, 13579, 48111};
static const uint16_t narrow[N] = {30010, 30500, 30003, 30411, 30200, 30100, 30333, 30007,
				   30480, 30111, 30222, 30050, 30444, 30005, 30301, 30099};
static const uint16_t falling[N] = {65000, 64000, 60000, 50000, 49000, 48000, 40000, 39000,
				    30000, 29000, 20000, 19000, 10000, 9000,  3000,  2000};
/* One port belonged to somebody else already. */
static const uint16_t mostly_kept[N] = {0, 0, 0, 31337, 0, 0, 0, 0, 0, 0, 1999, 0, 0, 0, 0, 0};
/* Every second one kept: neither this nor that. */
static const uint16_t half_kept[N] = {0, 60123, 0, 1025,  0, 33333, 0, 20111,
				      0, 45000, 0, 10999, 0, 65000, 0, 2048};

Test(natprobe_verdict, allocation)
{
	static const struct {
		const uint16_t *ports;
		unsigned n;
		const char *word;
	} cases[] = {
		{kept, N, "preserve"},	    {mostly_kept, N, "preserve"},
		{half_kept, N, "random"},   {rising, N, "sequential"},
		{gappy, N, "sequential"},   {wrapping, N, "sequential"},
		{swapped, N, "sequential"}, {wild, N, "random"},
		{falling, N, "random"},	    {narrow, N, "block"},
		{wild, 4, "random"},	    {rising, 4, "sequential"},
		{narrow, 4, "block"},	    {rising, 3, NULL},
		{rising, 0, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct observed_proto o = {0};
		char what[32];

		(void)snprintf(what, sizeof(what), "case %zu", i);
		flow(&o, cases[i].ports, NULL, cases[i].n);
		is(verdict_allocation(&o), cases[i].word, what);
	}
}

Test(natprobe_verdict, each_external_address_has_ports_of_its_own)
{
	struct observed_proto o = {0};

	flow(&o, wild, NULL, N);
	for (unsigned i = 0; i < N; i++)
		o.flows[i].first = addr_v4(OUTSIDE + i % 3, (uint16_t)(40000 - i % 3 * 7 + i / 3));
	is(verdict_allocation(&o), "sequential", "each counts for itself");
	for (unsigned i = 0; i < N; i++)
		o.flows[i].first = addr_v4(OUTSIDE + i % 3, (uint16_t)(i % 3 * 20000 + narrow[i]));
	is(verdict_allocation(&o), "block", "each has a block");
	for (unsigned i = 0; i < N; i++)
		o.flows[i].first = addr_v4(OUTSIDE + i % 3, wild[i]);
	is(verdict_allocation(&o), "random", "no order in any");
	for (unsigned i = 0; i < N; i++)
		o.flows[i].first = addr_v4(OUTSIDE + i, wild[i]);
	is(verdict_allocation(&o), NULL, "one port of each");
}

Test(natprobe_verdict, flows_that_were_lost_are_left_out)
{
	struct observed_proto o = {0};

	flow(&o, rising, NULL, N);
	for (unsigned i = 0; i < N; i += 2)
		o.flows[i].first = (struct addr){0};
	is(verdict_allocation(&o), "sequential", "half of them");
	for (unsigned i = 0; i < N; i++)
		o.flows[i].first = (struct addr){0};
	is(verdict_allocation(&o), NULL, "all of them");
}

Test(natprobe_verdict, further_flows_of_one_port_tell_how_a_conflict_ends)
{
	static const struct {
		const uint16_t *first, *second;
		const char *word;
	} cases[] = {
		{kept, rising, "sequential"},
		{kept, wild, "random"},
		/* A small range is none of the ways that a conflict may end. */
		{kept, narrow, "random"},
		{kept, kept, NULL},
		{wild, rising, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct observed_proto o = {0};

		map(&o, OUTSIDE, (const uint16_t[]){5000, 2, 3, 4});
		flow(&o, cases[i].first, cases[i].second, N);
		is(verdict_conflict(&o, false), cases[i].word, "own further flows");
	}
}

static void clash(struct observed_proto *o, const uint16_t *elsewhere)
{
	map(o, OUTSIDE, (const uint16_t[]){5000, 5000, 5000, 5000});
	flow(o, kept, kept, N);
	o->n_clashes = CLASHES_MAX;
	for (unsigned i = 0; i < CLASHES_MAX; i++) {
		struct observed_clash *c = &o->clashes[i];

		c->port = (uint16_t)(6000 + i);
		c->first = addr_v4(OUTSIDE, c->port);
		c->elsewhere = addr_v4(OUTSIDE, elsewhere[i] ? elsewhere[i] : c->port);
	}
}

Test(natprobe_verdict, two_inside_addresses_tell_how_a_conflict_ends)
{
	struct observed_proto o = {0};

	clash(&o, kept);
	is(verdict_conflict(&o, true), "overload", "both keep the port");
	is(verdict_conflict(&o, false), NULL, "there was one inside address only");
	clash(&o, mostly_kept);
	is(verdict_conflict(&o, true), "overload", "nearly all keep it");
	clash(&o, rising);
	is(verdict_conflict(&o, true), "sequential", "rising");
	clash(&o, wild);
	is(verdict_conflict(&o, true), "random", "wild");
	for (unsigned i = 0; i < CLASHES_MAX; i++)
		o.clashes[i].elsewhere = addr_v4(OTHER, o.clashes[i].port);
	is(verdict_conflict(&o, true), NULL, "two external addresses do not collide");
}

Test(natprobe_verdict, hairpin)
{
	struct observed_proto o = {.hairpin = SEEN_YES};

	map(&o, OUTSIDE, (const uint16_t[]){9, 9, 9, 9});
	o.hairpin_from = addr_v4(OUTSIDE, 8);
	is(verdict_hairpin(&o), "external", "from outside");
	o.hairpin_from = addr_v4(OTHER, 8);
	is(verdict_hairpin(&o), "external", "from another external address");
	o.hairpin_from = addr_v4(INSIDE, 5001);
	is(verdict_hairpin(&o), "internal", "from inside");
	o.hairpin = SEEN_NO;
	is(verdict_hairpin(&o), "off", "nothing came");
	o.hairpin = SEEN_UNKNOWN;
	is(verdict_hairpin(&o), NULL, "nobody tried");
	o.hairpin = SEEN_YES;
	map(&o, INSIDE, (const uint16_t[]){5000, 5000, 5000, 5000});
	is(verdict_hairpin(&o), NULL, "there is no NAT");
}

Test(natprobe_verdict, unsolicited)
{
	static const struct {
		enum wire_outcome knocks[KNOCKS_MAX];
		const char *word;
	} cases[] = {
		{{WIRE_TIMEOUT, WIRE_TIMEOUT, WIRE_TIMEOUT}, "drop"},
		{{WIRE_RESET, WIRE_RESET, WIRE_RESET}, "rst"},
		{{WIRE_UNREACHABLE, WIRE_UNREACHABLE, WIRE_UNREACHABLE}, "icmp"},
		/* One port was somebody's after all. */
		{{WIRE_TIMEOUT, WIRE_RESET, WIRE_TIMEOUT}, "drop"},
		{{WIRE_RESET, WIRE_CONNECTED, WIRE_RESET}, "rst"},
		/* One answer got lost. */
		{{WIRE_UNREACHABLE, WIRE_UNREACHABLE, WIRE_TIMEOUT}, "icmp"},
		{{WIRE_RESET, WIRE_UNREACHABLE, WIRE_TIMEOUT}, NULL},
		{{WIRE_CONNECTED, WIRE_CONNECTED, WIRE_CONNECTED}, NULL},
		{{WIRE_BUSY, WIRE_FAILED, WIRE_NONE}, NULL},
		{{WIRE_NONE, WIRE_NONE, WIRE_NONE}, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct observed o = {0};
		char what[32];

		(void)snprintf(what, sizeof(what), "case %zu", i);
		map(&o.proto[PROTO_TCP], OUTSIDE, (const uint16_t[]){9, 9, 9, 9});
		(void)memcpy(o.knocks, cases[i].knocks, sizeof(o.knocks));
		is(verdict_unsolicited(&o), cases[i].word, what);
	}
}

Test(natprobe_verdict, without_a_nat_the_host_itself_answers_a_knock)
{
	struct observed o = {.knocks = {WIRE_RESET, WIRE_RESET, WIRE_RESET}};

	map(&o.proto[PROTO_TCP], INSIDE, (const uint16_t[]){5000, 5000, 5000, 5000});
	is(verdict_unsolicited(&o), NULL, "rst");
	o.knocks[0] = o.knocks[1] = o.knocks[2] = WIRE_TIMEOUT;
	is(verdict_unsolicited(&o), "drop", "a firewall");
}

Test(natprobe_verdict, tracking_is_judged_only_where_a_syn_comes_in)
{
	static const struct {
		enum seen sequential, simultaneous;
		const char *tracking, *open;
	} cases[] = {
		{SEEN_YES, SEEN_YES, "liberal", "true"},  {SEEN_NO, SEEN_YES, "strict", "true"},
		{SEEN_NO, SEEN_NO, NULL, "false"},	  {SEEN_YES, SEEN_NO, "liberal", "false"},
		{SEEN_UNKNOWN, SEEN_YES, NULL, "true"},	  {SEEN_NO, SEEN_UNKNOWN, NULL, NULL},
		{SEEN_UNKNOWN, SEEN_UNKNOWN, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct observed o = {.full = true,
				     .sequential = cases[i].sequential,
				     .simultaneous = cases[i].simultaneous};

		is(verdict_tcp_tracking(&o), cases[i].tracking, "tracking");
		is(verdict_simultaneous_open(&o), cases[i].open, "simultaneous open");
	}
}

Test(natprobe_verdict, pooling_is_of_interest_from_two_addresses_on)
{
	struct observed o = {.second = true};
	unsigned n = 9;

	map(&o.proto[PROTO_TCP], OUTSIDE, (const uint16_t[]){9, 9, 9, 9});
	flow(&o.proto[PROTO_TCP], wild, wild, N);
	cr_assert_null(verdict_pooling(&o, &n).word);
	cr_assert_eq(n, 1);
	o.proto[PROTO_UDP].n_clashes = 1;
	o.proto[PROTO_UDP].clashes[0].first = addr_v4(OUTSIDE, 1);
	o.proto[PROTO_UDP].clashes[0].elsewhere = addr_v4(OTHER, 1);
	is(verdict_pooling(&o, &n), "paired", "each inside address has one of its own");
	cr_assert_eq(n, 2);
	o.proto[PROTO_TCP].flows[3].first = addr_v4(OTHER, 1);
	is(verdict_pooling(&o, &n), "arbitrary", "one inside address has two");
	map(&o.proto[PROTO_TCP], INSIDE, (const uint16_t[]){5000, 5000, 5000, 5000});
	cr_assert_null(verdict_pooling(&o, &n).word, "nothing is translated");
}

Test(natprobe_verdict, timeouts)
{
	static const struct {
		unsigned steps, step_s;
		bool alive[6];
		unsigned seconds;
	} cases[] = {
		{6, 1, {1, 1, 1, 0, 0, 0}, 3},
		{6, 1, {1, 0, 0, 0, 0, 0}, 1},
		{6, 10, {1, 1, 1, 1, 1, 0}, 50},
		/* A packet was lost on the way, which is no end. */
		{6, 1, {1, 0, 1, 0, 0, 0}, 3},
		{6, 1, {1, 1, 1, 1, 1, 1}, 0},
		{6, 1, {0, 0, 0, 0, 0, 0}, 0},
		{0, 0, {0}, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct observed_lifetime o = {.steps = cases[i].steps, .step_s = cases[i].step_s};
		struct finding finding;

		(void)memcpy(o.alive, cases[i].alive, sizeof(cases[i].alive));
		cr_assert_eq(verdict_timeout(&o, &finding), cases[i].seconds, "case %zu", i);
		cr_assert_eq(finding.why == NULL, cases[i].seconds != 0, "case %zu", i);
	}
}

Test(natprobe_verdict, nothing_seen_is_nothing_said)
{
	struct observed o = {0};
	struct verdict v;

	verdict_of(&o, &v);
	for (int i = 0; i < PROTO_COUNT; i++) {
		is(v.proto[i].mapping, NULL, "mapping");
		is(v.proto[i].filtering, NULL, "filtering");
		is(v.proto[i].allocation, NULL, "allocation");
		is(v.proto[i].conflict, NULL, "conflict");
		is(v.proto[i].hairpin, NULL, "hairpin");
	}
	is(v.unsolicited, NULL, "unsolicited");
	is(v.tcp_tracking, NULL, "tracking");
	is(v.simultaneous_open, NULL, "simultaneous open");
}
