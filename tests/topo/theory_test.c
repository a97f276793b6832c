/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What two declared NATs allow: cases worked out by hand, each from one rule, and
 * what must hold for all of them.
 */
#include "topo/theory.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define D THEORY_DIRECT
#define F THEORY_FAILS
#define T THEORY_TIMING

static const enum nat_mapping mappings[] = {
	['E'] = NAT_MAPPING_EIM,
	['A'] = NAT_MAPPING_ADM,
	['S'] = NAT_MAPPING_APDM,
	['-'] = NAT_MAPPING_NONE,
};

static const enum nat_filtering filterings[] = {
	['e'] = NAT_FILTERING_EIF,
	['a'] = NAT_FILTERING_ADF,
	['p'] = NAT_FILTERING_APDF,
};

/*
 * A NAT in letters: mapping E A S -, filtering e a p; then, if it is so: r answers
 * with a reset, i with ICMP, l is liberal, n knows no simultaneous open, k keeps
 * ports and overloads them, m has many addresses, used at random.
 */
static struct nat nat_of(const char *code)
{
	struct nat nat = {
		.tcp = {.mapping = mappings[(int)code[0]],
			.filtering = filterings[(int)code[1]],
			.allocation = NAT_ALLOCATION_RANDOM},
		.simultaneous_open = !strchr(code, 'n'),
		.addresses = strchr(code, 'm') ? 4 : 1,
		.pooling = strchr(code, 'm') ? NAT_POOLING_ARBITRARY : NAT_POOLING_PAIRED,
		.tcp_tracking = strchr(code, 'l') ? NAT_TCP_LIBERAL : NAT_TCP_STRICT,
	};

	if (strchr(code, 'r'))
		nat.unsolicited = NAT_UNSOLICITED_RST;
	if (strchr(code, 'i'))
		nat.unsolicited = NAT_UNSOLICITED_ICMP;
	if (strchr(code, 'k'))
		nat.tcp.allocation = NAT_ALLOCATION_PRESERVE;
	nat.udp = nat.tcp;
	return nat;
}

/** struct expected - verdicts: parallel, sequential, sequential-keep, udp */
struct expected {
	const char *a, *b;
	enum theory_verdict verdicts[THEORY_TECHNIQUES];
};

static const struct expected table[] = {
	/* Nobody translates. b's SYN draws a reset, but there is no hole to close. */
	{"-e", "-e", {D, D, D, D}},
	/* The classical pair: only b's strictness towards its own listener matters. */
	{"Ep", "Ep", {D, T, D, D}},
	{"Ep", "Epl", {D, D, D, D}},
	{"Epl", "Ep", {D, T, D, D}},
	{"Ea", "Eal", {D, D, D, D}},
	/* A public or open connecting side resets b's SYN: what filters by port is shut. */
	{"-e", "Epl", {D, T, T, D}},
	{"-e", "Ea", {D, D, D, D}},
	{"-e", "Ee", {D, D, D, D}},
	{"Ee", "Epl", {D, T, T, D}},
	{"Ee", "Ee", {D, D, D, D}},
	/* A public or open listening side takes anybody. */
	{"Ep", "-e", {D, D, D, D}},
	{"Sp", "-e", {D, D, D, D}},
	{"Sp", "Ee", {D, D, D, D}},
	/* ... but an open one has seen its own SYN go out in the very same flow. */
	{"Ep", "Ee", {D, T, D, D}},
	{"Ep", "Eel", {D, D, D, D}},
	/* A symmetric connecting side comes from another port: by address, yes; by port, no. */
	{"Sp", "Ea", {D, D, D, D}},
	{"Sp", "Ep", {F, F, F, F}},
	{"Ap", "Ea", {D, D, D, D}},
	{"Ap", "Ep", {F, F, F, F}},
	/* With a pool used at random, not even by address. */
	{"Spm", "Ea", {F, F, F, F}},
	{"Epm", "Ea", {D, T, D, D}},
	/* A symmetric listening side is asked at an endpoint that only the rendezvous may use. */
	{"Ep", "Sp", {F, F, F, F}},
	{"Ep", "Sa", {F, F, F, F}},
	/* With address-dependent filtering, the listening side's SYN gets in at the other. */
	{"Ea", "Sp", {D, F, F, D}},
	/* An open mapping is open, whatever it is towards others. */
	{"Ep", "Se", {D, D, D, D}},
	{"Sp", "Se", {D, D, D, D}},
	{"Se", "Sp", {D, F, F, D}},
	{"Se", "Ep", {D, F, F, D}},
	{"Sp", "Sp", {F, F, F, F}},
	{"Sa", "Aa", {F, F, F, F}},
	/* Symmetric in name: the port is kept, for it may be used several times. */
	{"Spk", "Spkl", {D, D, D, D}},
	{"Spkm", "Epl", {F, F, F, F}},
	/* Resets: one side's does no harm, for the hole in it survives. */
	{"Epr", "Ep", {D, T, T, D}},
	{"Ep", "Eprl", {D, D, D, D}},
	{"Epr", "Eprl", {T, T, T, D}},
	{"Epr", "Earl", {D, D, D, D}},
	{"Epr", "-e", {D, D, D, D}},
	{"Epr", "Ee", {D, D, D, D}},
	/* ICMP errors end sockets; a strict tracker remembers them. */
	{"Epi", "Epl", {D, D, D, D}},
	{"Epi", "Ep", {T, T, T, D}},
	{"Ep", "Epil", {T, D, D, D}},
	{"Epl", "Epil", {D, D, D, D}},
	/* No simultaneous open: one that knows it is enough for both at once. */
	{"Epn", "Epn", {F, F, F, D}},
	{"Epn", "Epl", {D, D, D, D}},
	/* ... and a kept socket sends a second SYN, which finds the first one's way. */
	{"Epl", "Epnl", {D, F, D, D}},
	{"Epi", "Epnl", {D, F, T, D}},
	{"Eprn", "Ean", {T, T, T, D}},
	{"Een", "Epn", {T, T, T, D}},
	{"-e", "Eenl", {D, T, T, D}},
	/* ... and refuses in silence, so that the other's hole survives. */
	{"Epr", "Epnl", {D, T, T, D}},
	{"Eprn", "Epl", {T, T, T, D}},
	/* Different flows: nothing is simultaneous. */
	{"Spn", "Een", {D, D, D, D}},
};

Test(theory, agrees_with_what_was_worked_out_by_hand)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct nat a = nat_of(table[i].a), b = nat_of(table[i].b);

		for (int t = 0; t < THEORY_TECHNIQUES; t++) {
			struct theory got = theory_predict((enum theory_technique)t, &a, &b);

			cr_expect_eq(got.verdict, table[i].verdicts[t], "%s to %s, %s: %s, for %s",
				     table[i].a, table[i].b, theory_technique_names[t],
				     theory_verdict_names[got.verdict], got.why);
		}
	}
}

#define N_NATS (4 * 3 * 3 * 2 * 2 * 2 * 2)

/* The @i'th of all combinations of what is looked at. */
static struct nat nat_number(unsigned i)
{
	struct nat nat = {0};

	nat.tcp.mapping = (enum nat_mapping)(i % 4);
	i /= 4;
	nat.tcp.filtering = (enum nat_filtering)(i % 3);
	i /= 3;
	nat.unsolicited = (enum nat_unsolicited)(i % 3);
	i /= 3;
	nat.tcp_tracking = (enum nat_tcp_tracking)(i % 2);
	i /= 2;
	nat.simultaneous_open = i % 2;
	i /= 2;
	nat.tcp.allocation = i % 2 ? NAT_ALLOCATION_RANDOM : NAT_ALLOCATION_PRESERVE;
	i /= 2;
	nat.addresses = 2;
	nat.pooling = i % 2 ? NAT_POOLING_ARBITRARY : NAT_POOLING_PAIRED;
	nat.udp = nat.tcp;
	return nat;
}

static void check_pair(const struct nat *a, const struct nat *b, unsigned i, unsigned j)
{
	struct theory to[THEORY_TECHNIQUES], fro[THEORY_TECHNIQUES];

	for (int t = 0; t < THEORY_TECHNIQUES; t++) {
		to[t] = theory_predict((enum theory_technique)t, a, b);
		fro[t] = theory_predict((enum theory_technique)t, b, a);
		if (!to[t].why || strlen(to[t].why) < 20 || to[t].verdict > THEORY_TIMING)
			cr_assert_fail("%u to %u: no sentence", i, j);
	}
	/* Who of the two is called "a" is of no matter when both do the same. */
	if (to[THEORY_TCP_PARALLEL].verdict != fro[THEORY_TCP_PARALLEL].verdict ||
	    to[THEORY_UDP].verdict != fro[THEORY_UDP].verdict)
		cr_assert_fail("%u and %u: not symmetric", i, j);
	/* To keep the socket is never worse than to close it. */
	if (to[THEORY_TCP_SEQUENTIAL].verdict == D && to[THEORY_TCP_SEQUENTIAL_KEEP].verdict != D &&
	    to[THEORY_TCP_SEQUENTIAL_KEEP].verdict != T)
		cr_assert_fail("%u to %u: worse when kept", i, j);
	if (b->tcp.mapping == NAT_MAPPING_NONE && to[THEORY_TCP_SEQUENTIAL].verdict != D)
		cr_assert_fail("%u to %u: a public machine is not reached", i, j);
	/* Datagrams know of no sequence numbers and no resets. */
	if (to[THEORY_UDP].verdict == T ||
	    (to[THEORY_UDP].verdict == F && to[THEORY_TCP_PARALLEL].verdict != F))
		cr_assert_fail("%u to %u: UDP does less than TCP", i, j);
	if (to[THEORY_TCP_SEQUENTIAL].verdict == D && to[THEORY_TCP_PARALLEL].verdict == F)
		cr_assert_fail("%u to %u: one after the other does more than both at once", i, j);
}

Test(theory, is_total_and_consistent)
{
	for (unsigned i = 0; i < N_NATS; i++)
		for (unsigned j = 0; j < N_NATS; j++) {
			struct nat a = nat_number(i), b = nat_number(j);

			check_pair(&a, &b, i, j);
		}
}

Test(theory, does_not_look_at_names)
{
	struct nat a = nat_of("Ep"), b = nat_of("Sp");
	struct theory before = theory_predict(THEORY_TCP_PARALLEL, &a, &b);

	(void)strcpy(b.preset, "none");
	cr_assert_eq(theory_predict(THEORY_TCP_PARALLEL, &a, &b).verdict, before.verdict);
}

Test(theory, looks_at_the_behaviour_of_its_protocol)
{
	struct nat a = nat_of("Ep"), b = nat_of("Ep");

	a.udp.mapping = b.udp.mapping = NAT_MAPPING_APDM;
	cr_assert_eq(theory_predict(THEORY_TCP_PARALLEL, &a, &b).verdict, THEORY_DIRECT);
	cr_assert_eq(theory_predict(THEORY_UDP, &a, &b).verdict, THEORY_FAILS);
}

Test(theory, techniques_are_found_by_name)
{
	cr_assert_eq(theory_technique_find("udp"), THEORY_UDP);
	cr_assert_eq(theory_technique_find("tcp-parallel"), THEORY_TCP_PARALLEL);
	cr_assert_eq(theory_technique_find("carrier-pigeon"), THEORY_TECHNIQUES);
}
