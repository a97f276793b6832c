/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A prober sees ports and answers, not rules. What looks the same from outside is
 * the same here:
 *  - a hash of what a mapping is for is random to everybody who lacks the seed;
 *  - random ports out of a small range look like a block, and a block that is large
 *    enough looks like a range;
 *  - a conflict is only to be seen where ports are kept;
 *  - of a pool, a prober sees those addresses that it was given, and that mappings
 *    are spread only when it was given several;
 *  - where no SYN comes in against one that went out, nobody sees what the tracker
 *    would have made of its answer;
 *  - a NAT that is none lets everybody in, and has no other behaviour.
 */
#include "lab/nat_compare.h"

#include "base/cleanup.h"

#include <stdarg.h>
#include <stdio.h>

/* A prober takes what is spread over no more than that for a block. */
#define LOOKS_LIKE_BLOCK 2048

static void __attribute__((format(printf, 2, 3)))
add(struct nat_differences *differences, const char *fmt, ...)
{
	va_list ap;

	if (differences->n == NAT_DIFFERENCES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(differences->text[differences->n++], NAT_DIFFERENCE_MAX, fmt, ap);
	va_end(ap);
}

/** struct word - one behaviour with words: of both sides, and is it known? */
struct word {
	const char *key, *proto;
	const char *const *names;
	unsigned declared, measured, known;
};

static void compare_word(const struct word *w, struct nat_differences *differences)
{
	if (!w->known || w->declared == w->measured)
		return;
	add(differences, "%s%s%s%s: declared %s, measured %s", w->key, w->proto ? " (" : "",
	    w->proto ? w->proto : "", w->proto ? ")" : "", w->names[w->declared],
	    w->names[w->measured]);
}

/* How many ports a random choice has. */
static unsigned choices(const struct nat *nat, enum nat_allocation allocation)
{
	unsigned range = nat->port_max - nat->port_min + 1u;

	if (allocation == NAT_ALLOCATION_BLOCK && nat->block_size < range)
		return nat->block_size;
	return range;
}

static bool looks_random(enum nat_allocation allocation)
{
	return allocation == NAT_ALLOCATION_RANDOM || allocation == NAT_ALLOCATION_SEEDED ||
	       allocation == NAT_ALLOCATION_BLOCK;
}

/* Random ports have a spread, and that is all that tells these apart. */
static bool may_look_like(const struct nat *declared, enum nat_allocation allocation,
			  enum nat_allocation measured)
{
	unsigned n = choices(declared, allocation);

	if (allocation == measured)
		return true;
	if (!looks_random(allocation))
		return false;
	if (measured == NAT_ALLOCATION_RANDOM)
		return allocation != NAT_ALLOCATION_BLOCK || n > LOOKS_LIKE_BLOCK;
	/* Some of many may happen to be near each other, but not all of a prober's. */
	return measured == NAT_ALLOCATION_BLOCK && n <= 2 * LOOKS_LIKE_BLOCK;
}

static void compare_behaviour(const struct nat *nat, const char *proto,
			      const struct nat_behaviour *declared,
			      const struct nat_behaviour *measured,
			      const struct nat_behaviour *known,
			      struct nat_differences *differences)
{
	bool kept = declared->allocation == NAT_ALLOCATION_PRESERVE;
	bool alike = may_look_like(nat, declared->allocation, measured->allocation);
	bool none = declared->mapping == NAT_MAPPING_NONE;
	const struct word words[] = {
		{"mapping", proto, nat_mapping_names, declared->mapping, measured->mapping,
		 known->mapping},
		{"filtering", proto, nat_filtering_names,
		 none ? NAT_FILTERING_EIF : declared->filtering, measured->filtering,
		 known->filtering && (!none || measured->mapping == NAT_MAPPING_NONE)},
		{"allocation", proto, nat_allocation_names, declared->allocation,
		 measured->allocation, known->allocation && !alike},
		{"conflict", proto, nat_conflict_names, declared->conflict, measured->conflict,
		 known->conflict && kept},
		{"hairpin", proto, nat_hairpin_names, declared->hairpin, measured->hairpin,
		 known->hairpin},
	};
	size_t n = none ? 2 : ARRAY_SIZE(words);

	for (size_t i = 0; i < n; i++)
		compare_word(&words[i], differences);
}

static void compare_pool(const struct nat *declared, const struct nat_part *measured,
			 struct nat_differences *differences)
{
	const struct nat *seen = &measured->nat;
	/* One address, again and again, is what a pair looks like from one machine. */
	bool spread = measured->known.pooling && seen->pooling == NAT_POOLING_ARBITRARY;

	if (measured->known.addresses && seen->addresses > declared->addresses)
		add(differences, "addresses: declared %u, measured %u", declared->addresses,
		    seen->addresses);
	else if (declared->addresses > 1)
		compare_word(&(struct word){"pooling", NULL, nat_pooling_names, declared->pooling,
					    spread ? NAT_POOLING_ARBITRARY : NAT_POOLING_PAIRED,
					    true},
			     differences);
}

static void compare_switch(const char *key, bool declared, bool measured, bool known,
			   struct nat_differences *differences)
{
	if (known && declared != measured)
		add(differences, "%s: declared %s, measured %s", key, declared ? "on" : "off",
		    measured ? "on" : "off");
}

static void compare_timeout(const char *key, uint32_t declared, uint32_t measured, uint32_t known,
			    uint32_t grain_s, struct nat_differences *differences)
{
	uint32_t apart = declared > measured ? declared - measured : measured - declared;

	if (known && apart > grain_s)
		add(differences, "timeouts.%s: declared %us, measured %us", key, declared,
		    measured);
}

static void compare_timeouts(const struct nat *declared, const struct nat_part *measured,
			     uint32_t grain_s, struct nat_differences *differences)
{
	const struct nat_timeouts *d = &declared->timeouts, *m = &measured->nat.timeouts;
	const struct nat_timeouts *k = &measured->known.timeouts;

	compare_timeout("udp", d->udp, m->udp, k->udp, grain_s, differences);
	compare_timeout("udp_stream", d->udp_stream, m->udp_stream, k->udp_stream, grain_s,
			differences);
	compare_timeout("tcp_established", d->tcp_established, m->tcp_established,
			k->tcp_established, grain_s, differences);
}

void nat_compare(const struct nat *declared, const struct nat_part *measured, uint32_t grain_s,
		 struct nat_differences *ret_differences)
{
	const struct nat *seen = &measured->nat, *known = &measured->known;

	ret_differences->n = 0;
	compare_behaviour(declared, "tcp", &declared->tcp, &seen->tcp, &known->tcp,
			  ret_differences);
	compare_behaviour(declared, "udp", &declared->udp, &seen->udp, &known->udp,
			  ret_differences);
	if (!nat_translates(declared))
		return;
	compare_word(&(struct word){"unsolicited", NULL, nat_unsolicited_names,
				    declared->unsolicited, seen->unsolicited, known->unsolicited},
		     ret_differences);
	if (declared->simultaneous_open)
		compare_word(&(struct word){"tcp_tracking", NULL, nat_tcp_tracking_names,
					    declared->tcp_tracking, seen->tcp_tracking,
					    known->tcp_tracking},
			     ret_differences);
	compare_switch("simultaneous_open", declared->simultaneous_open, seen->simultaneous_open,
		       known->simultaneous_open, ret_differences);
	compare_pool(declared, measured, ret_differences);
	compare_timeouts(declared, measured, grain_s, ret_differences);
}

static void need(bool needed, unsigned known, const char *name, struct nat_missing *missing)
{
	if (needed && !known)
		missing->text[missing->n++] = name;
}

/* Of a pool each address is seen too seldom, and two machines may not meet on one. */
static void need_proto(const struct nat *nat, bool quick, const struct nat_behaviour *declared,
		       const struct nat_behaviour *known, const char *const names[static 5],
		       struct nat_missing *missing)
{
	bool translates = declared->mapping != NAT_MAPPING_NONE;
	bool single = translates && nat->addresses == 1;
	bool kept = declared->allocation == NAT_ALLOCATION_PRESERVE;

	need(true, known->mapping, names[0], missing);
	need(true, known->filtering, names[1], missing);
	need(single, known->allocation, names[2], missing);
	need(single && kept && !quick, known->conflict, names[3], missing);
	need(translates, known->hairpin, names[4], missing);
}

void nat_missing(const struct nat *declared, const struct nat_part *measured, bool quick,
		 struct nat_missing *ret_missing)
{
	static const char *const tcp[] = {"mapping (tcp)", "filtering (tcp)", "allocation (tcp)",
					  "conflict (tcp)", "hairpin (tcp)"};
	static const char *const udp[] = {"mapping (udp)", "filtering (udp)", "allocation (udp)",
					  "conflict (udp)", "hairpin (udp)"};
	const struct nat *known = &measured->known;
	/* Elsewhere nobody can tell where a SYN would have to be sent. */
	bool stable = declared->tcp.mapping <= NAT_MAPPING_ADM && declared->addresses == 1;

	ret_missing->n = 0;
	need_proto(declared, quick, &declared->tcp, &known->tcp, tcp, ret_missing);
	need_proto(declared, quick, &declared->udp, &known->udp, udp, ret_missing);
	need(nat_translates(declared), known->unsolicited, "unsolicited", ret_missing);
	need(stable && !quick, known->simultaneous_open, "simultaneous_open", ret_missing);
	need(stable && !quick && declared->simultaneous_open, known->tcp_tracking, "tcp_tracking",
	     ret_missing);
}
