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
#define P THEORY_PREDICTED
#define G THEORY_GUESSED

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
 * ports and overloads them, f keeps them while they are free, q gives them in turn,
 * m has many addresses, used at random.
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
	if (strchr(code, 'k') || strchr(code, 'f'))
		nat.tcp.allocation = NAT_ALLOCATION_PRESERVE;
	if (strchr(code, 'f'))
		nat.tcp.conflict = NAT_CONFLICT_RANDOM;
	if (strchr(code, 'q'))
		nat.tcp.allocation = NAT_ALLOCATION_SEQUENTIAL;
	nat.udp = nat.tcp;
	return nat;
}

/** struct expected - verdicts: parallel, sequential, sequential-keep, udp */
struct expected {
	const char *a, *b;
	enum theory_verdict verdicts[4];
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

		for (size_t t = 0; t < ARRAY_SIZE(table[i].verdicts); t++) {
			struct theory got = theory_predict((enum theory_technique)t, &a, &b);

			cr_expect_eq(got.verdict, table[i].verdicts[t], "%s to %s, %s: %s, for %s",
				     table[i].a, table[i].b, theory_technique_names[t],
				     theory_verdict_names[got.verdict], got.why);
		}
	}
}

/* All ways together, and both of a pair may begin. */
static const struct {
	const char *a, *b;
	enum theory_verdict verdict;
} pairs[] = {
	/* One lets the other in, from whatever port: that one's machine listens. */
	{"-e", "-e", D},
	{"-e", "Ep", D},
	{"-e", "Sp", D},
	{"-e", "Spm", D},
	{"Ee", "Sp", D},
	{"Se", "Sp", D},
	{"Se", "Epr", D},
	{"Ea", "Sp", D},
	{"Ea", "Spr", D},
	{"Een", "Epn", D},
	{"Ean", "Eprn", D},
	/* ... which is what a NAT with address-dependent filtering asks for. */
	{"Ea", "Spm", F},
	{"Sa", "Ep", G},
	/* Two known ports: who sends first waits. */
	{"Ep", "Ep", D},
	{"Ep", "Epl", D},
	{"Epm", "Ep", D},
	{"Spk", "Ep", D},
	{"Spk", "Spk", D},
	/* One that refuses is the one to send first. */
	{"Epr", "Ep", D},
	{"Epi", "Ep", D},
	{"Epr", "Epr", T},
	{"Epr", "Epi", T},
	{"Epi", "Epi", T},
	/* After an ICMP error the hole is there yet, for a listener behind a liberal one. */
	{"Epi", "Epil", D},
	{"Eprl", "Epi", D},
	{"Eprl", "Epr", T},
	/* One that knows simultaneous open must be the first, and meet silence. */
	{"Epn", "Ep", D},
	{"Epn", "Epn", F},
	{"Epn", "Epr", D},
	/* ... but where it has met silence, it keeps silent itself. */
	{"Eprn", "Ep", D},
	{"Epin", "Ep", D},
	{"Eprn", "Epr", T},
	{"Eprn", "Eprn", F},
	/* Ports that can be predicted. */
	{"Spq", "Ep", P},
	{"Spf", "Ep", P},
	{"Apq", "Ep", P},
	{"Spq", "Spq", P},
	{"Spq", "Spf", P},
	{"Spf", "Spf", P},
	{"Spq", "Epr", P},
	{"Spqr", "Epr", T},
	{"Spqn", "Epn", F},
	{"Spqm", "Ep", F},
	/* Ports that can't, and the other's mapping, which must be stable. */
	{"Sp", "Ep", G},
	{"Ap", "Ep", G},
	{"Sp", "Spk", G},
	{"Sp", "Epr", G},
	{"Spr", "Ep", G},
	{"Spr", "Epr", F},
	{"Spn", "Epn", F},
	{"Sp", "Epm", G},
	{"Spm", "Ep", F},
	{"Spkm", "Ep", F},
	{"Sp", "Spq", F},
	{"Sp", "Spf", F},
	{"Sp", "Sp", F},
	{"Sa", "Aa", F},
};

Test(theory, of_all_ways_agrees_with_what_was_worked_out_by_hand)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct nat a = nat_of(pairs[i].a), b = nat_of(pairs[i].b);
		struct theory to = theory_predict(THEORY_BOXER, &a, &b);
		struct theory fro = theory_predict(THEORY_BOXER, &b, &a);

		cr_expect_eq(to.verdict, pairs[i].verdict, "%s to %s: %s, for %s", pairs[i].a,
			     pairs[i].b, theory_verdict_names[to.verdict], to.why);
		cr_expect_eq(fro.verdict, pairs[i].verdict, "%s to %s: %s, for %s", pairs[i].b,
			     pairs[i].a, theory_verdict_names[fro.verdict], fro.why);
	}
}

/* Of those that nobody may take for predictable. */
Test(theory, does_not_predict_hashes_and_blocks)
{
	static const enum nat_allocation hidden[] = {NAT_ALLOCATION_SEEDED, NAT_ALLOCATION_BLOCK};
	struct nat a = nat_of("Sp"), b = nat_of("Ep");

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		a.tcp.allocation = hidden[i];
		cr_expect_eq(theory_predict(THEORY_BOXER, &a, &b).verdict, THEORY_GUESSED);
		cr_expect_eq(theory_predict(THEORY_BOXER, &a, &a).verdict, THEORY_FAILS);
	}
}

/* Each of two behind such a carrier. */
static const struct {
	const char *a, *b, *carrier;
	enum theory_verdict verdict;
} chains[] = {
	/* A carrier that is none, or open and stable, changes nothing but ports. */
	{"Ep", "Ep", "-e", D},
	{"Sp", "Ep", "-e", G},
	{"Ee", "Sp", "Ee", D},
	{"Spq", "Ep", "Eek", P},
	{"Spf", "Ep", "Eek", P},
	{"Spq", "Ep", "Ee", G},
	/* ... and its own answer is not that of who is behind it. */
	{"Epr", "Epr", "Ee", T},
	{"Epr", "Epr", "Ep", D},
	{"Ep", "Ep", "Epr", T},
	{"Ee", "Ep", "Epr", T},
	/* A public machine is as the carrier is. */
	{"-e", "-e", "Ep", D},
	{"-e", "Ep", "Spq", P},
	{"-e", "-e", "Sp", F},
	/* The stricter filter, the worse mapping. */
	{"Ee", "Sp", "Ep", G},
	{"Ee", "Sp", "Ea", D},
	{"Ea", "Sp", "Ee", D},
	{"Ep", "Ep", "Spq", P},
	{"Ep", "Ep", "Sp", F},
	{"Sp", "Ep", "Spq", P},
	/* Kept by the inner one, kept by the outer one; what is random stays so. */
	{"Epk", "Epk", "Spf", P},
	{"Ep", "Ep", "Spf", F},
	{"Ep", "Epn", "Epn", F},
};

Test(theory, of_two_nats_in_a_row_is_that_of_the_stricter)
{
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		struct nat a = nat_of(chains[i].a), b = nat_of(chains[i].b);
		struct nat carrier = nat_of(chains[i].carrier);
		struct theory to = theory_predict_behind(THEORY_BOXER, &a, &b, &carrier);
		struct theory fro = theory_predict_behind(THEORY_BOXER, &b, &a, &carrier);

		cr_expect_eq(to.verdict, chains[i].verdict, "%s to %s behind %s: %s, for %s",
			     chains[i].a, chains[i].b, chains[i].carrier,
			     theory_verdict_names[to.verdict], to.why);
		cr_expect_eq(fro.verdict, to.verdict);
	}
}

#define N_NATS (4 * 3 * 3 * 2 * 2 * 3 * 2)

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
	nat.tcp.allocation = (enum nat_allocation)(i % 3);
	i /= 3;
	nat.addresses = 2;
	nat.pooling = i % 2 ? NAT_POOLING_ARBITRARY : NAT_POOLING_PAIRED;
	nat.udp = nat.tcp;
	return nat;
}

/* All ways are no worse than any one of them, and who begins is of no matter. */
static void check_all_ways(const struct theory *to, const struct theory *fro, unsigned i,
			   unsigned j)
{
	enum theory_verdict all = to[THEORY_BOXER].verdict;

	if (all != fro[THEORY_BOXER].verdict)
		cr_assert_fail("%u and %u: all ways are not symmetric", i, j);
	for (int t = 0; t < THEORY_UDP; t++)
		if ((to[t].verdict == D || fro[t].verdict == D) && all != D)
			cr_assert_fail("%u to %u: %s does more than all ways", i, j,
				       theory_technique_names[t]);
	if (to[THEORY_TCP_PARALLEL].verdict == T && all != D && all != T)
		cr_assert_fail("%u to %u: SYNs at once may do more than all ways", i, j);
}

static void check_pair(const struct nat *a, const struct nat *b, unsigned i, unsigned j)
{
	struct theory to[THEORY_TECHNIQUES], fro[THEORY_TECHNIQUES];

	for (int t = 0; t < THEORY_TECHNIQUES; t++) {
		to[t] = theory_predict((enum theory_technique)t, a, b);
		fro[t] = theory_predict((enum theory_technique)t, b, a);
		if (!to[t].why || strlen(to[t].why) < 20 ||
		    to[t].verdict > (t == THEORY_BOXER ? THEORY_GUESSED : THEORY_TIMING))
			cr_assert_fail("%u to %u: no sentence", i, j);
	}
	check_all_ways(to, fro, i, j);
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
