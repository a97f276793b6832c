/* SPDX-License-Identifier: MIT */
#include "scenarios/natprobe/verdict.h"

#include <stddef.h>
#include <string.h>

/* Fewer ports than this tell nothing of how they are chosen. */
#define PORTS_MIN 4
/* Between two ports of ours others may have had some. */
#define STEP_MAX 64
/* What is spread over more than this is no block. */
#define BLOCK_MAX 2048

const char *const proto_names[PROTO_COUNT] = {"tcp", "udp"};
const char *const lifetime_names[LIFETIME_COUNT] = {"udp", "udp_stream", "tcp_established"};

static struct finding say(const char *word)
{
	return (struct finding){.word = word};
}

static struct finding because(const char *why)
{
	return (struct finding){.why = why};
}

static bool is(struct finding f, const char *word)
{
	return f.word && strcmp(f.word, word) == 0;
}

static bool known(const struct addr *a)
{
	return a->family != AF_UNSPEC;
}

struct finding verdict_mapping(const struct observed_proto *seen)
{
	const struct addr *m = seen->mapped;
	struct addr inside = seen->inside;
	bool ports_alike[2], addrs_alike;

	for (int i = 0; i < SPOT_ANSWERING; i++)
		if (!known(&m[i]))
			return because("the reflector did not answer at all four endpoints");
	ports_alike[0] = addr_equal(&m[SPOT_MAIN], &m[SPOT_OTHER_PORT]);
	ports_alike[1] = addr_equal(&m[SPOT_OTHER_ADDR], &m[SPOT_OTHER_BOTH]);
	addrs_alike = addr_equal(&m[SPOT_MAIN], &m[SPOT_OTHER_ADDR]);
	inside.port = seen->mapping_port;
	if (ports_alike[0] && ports_alike[1] && addrs_alike)
		return say(addr_equal(&m[SPOT_MAIN], &inside) ? "none" : "eim");
	if (ports_alike[0] && ports_alike[1])
		return say("adm");
	if (!ports_alike[0] && !ports_alike[1])
		return say("apdm");
	return because("the mapping is neither the same nor different for both addresses");
}

struct finding verdict_filtering(const struct observed_proto *seen)
{
	if (seen->other_port == SEEN_UNKNOWN || seen->other_addr == SEEN_UNKNOWN)
		return because("the reflector could not knock");
	if (seen->other_port == SEEN_YES)
		return say(seen->other_addr == SEEN_YES ? "eif" : "adf");
	if (seen->other_addr == SEEN_NO)
		return say("apdf");
	return because("another address came in, but not another port of the same");
}

/* ---- how ports are chosen ---- */

/* The one before @i of the same external address: each address has ports of its own. */
static const struct addr *before(const struct addr *seen, unsigned i)
{
	for (unsigned k = i; k-- > 0;)
		if (addr_same_host(&seen[k], &seen[i]))
			return &seen[k];
	return NULL;
}

static unsigned count_steps(const struct addr *seen, unsigned n)
{
	unsigned steps = 0;

	for (unsigned i = 0; i < n; i++)
		steps += before(seen, i) != NULL;
	return steps;
}

/* Of the address whose ports are spread most. */
static unsigned spread(const struct addr *seen, unsigned n)
{
	unsigned most = 0;

	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < i; k++) {
			int far = seen[i].port - seen[k].port;

			far = far < 0 ? -far : far;
			if (addr_same_host(&seen[i], &seen[k]) && (unsigned)far > most)
				most = (unsigned)far;
		}
	}
	return most + 1;
}

/*
 * One step may be another: the end of the range, or two packets that changed
 * places... of a few steps not even one, for it would prove nothing.
 */
static bool ascends(const struct addr *seen, unsigned n)
{
	unsigned odd = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct addr *last = before(seen, i);
		int step = last ? seen[i].port - last->port : 1;

		odd += step <= 0 || step > STEP_MAX;
	}
	return odd <= (count_steps(seen, n) >= 7);
}

static struct finding choice(const struct addr *seen, unsigned n, bool may_be_block)
{
	if (n < PORTS_MIN)
		return because("too few flows got through");
	if (count_steps(seen, n) < PORTS_MIN - 1)
		return because("too few flows for so many external addresses");
	if (ascends(seen, n))
		return say("sequential");
	if (may_be_block && spread(seen, n) <= BLOCK_MAX)
		return say("block");
	return say("random");
}

struct finding verdict_allocation(const struct observed_proto *seen)
{
	struct addr ports[FLOWS_MAX];
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < seen->n_flows; i++) {
		const struct observed_flow *f = &seen->flows[i];

		if (!known(&f->first))
			continue;
		kept += f->first.port == f->port;
		ports[n++] = f->first;
	}
	if (n < PORTS_MIN)
		return because("too few flows got through");
	/* Somebody else may have had one of the ports already. */
	if (kept * 4 >= n * 3)
		return say("preserve");
	return choice(ports, n, true);
}

/* Of the ports of one host: its further flows from a port that the first one keeps. */
static struct finding conflict_with_oneself(const struct observed_proto *seen)
{
	struct addr ports[FLOWS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < seen->n_flows; i++) {
		const struct observed_flow *f = &seen->flows[i];

		if (known(&f->first) && known(&f->second) && f->first.port == f->port &&
		    f->second.port != f->port)
			ports[n++] = f->second;
	}
	return choice(ports, n, false);
}

static struct finding conflict_of_two(const struct observed_proto *seen)
{
	struct addr ports[CLASHES_MAX];
	unsigned n = 0, shared = 0, total = 0;

	for (unsigned i = 0; i < seen->n_clashes; i++) {
		const struct observed_clash *c = &seen->clashes[i];

		if (!known(&c->first) || !known(&c->elsewhere) || c->first.port != c->port ||
		    !addr_same_host(&c->first, &c->elsewhere))
			continue;
		total++;
		if (c->elsewhere.port == c->port)
			shared++;
		else
			ports[n++] = c->elsewhere;
	}
	if (total < PORTS_MIN)
		return because("the two inside addresses did not meet on one external address");
	if (shared * 4 >= total * 3)
		return say("overload");
	return choice(ports, n, false);
}

struct finding verdict_conflict(const struct observed_proto *seen, bool second)
{
	struct finding allocation = verdict_allocation(seen);
	struct finding mapping = verdict_mapping(seen);
	struct finding alone = conflict_with_oneself(seen);

	if (!is(allocation, "preserve"))
		return because("ports are not kept, so none can clash");
	if (is(mapping, "none"))
		return because("nothing is translated");
	if (alone.word)
		return alone;
	if (!second)
		return because("it takes a second inside address (--second)");
	return conflict_of_two(seen);
}

/* ---- the rest ---- */

struct finding verdict_hairpin(const struct observed_proto *seen)
{
	struct finding mapping = verdict_mapping(seen);

	if (is(mapping, "none"))
		return because("nothing is translated");
	if (seen->hairpin == SEEN_UNKNOWN)
		return because("no external endpoint is known");
	if (seen->hairpin == SEEN_NO)
		return say("off");
	if (addr_same_host(&seen->hairpin_from, &seen->inside))
		return say("internal");
	/* Of several external addresses any will do. */
	return say("external");
}

struct finding verdict_unsolicited(const struct observed *seen)
{
	struct finding mapping = verdict_mapping(&seen->proto[PROTO_TCP]);
	unsigned count[WIRE_OUTCOMES] = {0};

	for (int i = 0; i < KNOCKS_MAX; i++)
		count[seen->knocks[i]]++;
	if (count[WIRE_TIMEOUT] * 2 > KNOCKS_MAX)
		return say("drop");
	if (count[WIRE_RESET] * 2 > KNOCKS_MAX && is(mapping, "none"))
		return because("nothing is translated, and the host itself answers");
	if (count[WIRE_RESET] * 2 > KNOCKS_MAX)
		return say("rst");
	if (count[WIRE_UNREACHABLE] * 2 > KNOCKS_MAX)
		return say("icmp");
	if (count[WIRE_CONNECTED])
		return because("somebody accepts connections there");
	return because("the knocks came to nothing that agrees");
}

struct finding verdict_simultaneous_open(const struct observed *seen)
{
	struct finding mapping = verdict_mapping(&seen->proto[PROTO_TCP]);

	if (!seen->full)
		return because("not part of --quick");
	if (seen->simultaneous != SEEN_UNKNOWN)
		return say(seen->simultaneous == SEEN_YES ? "true" : "false");
	if (is(mapping, "apdm"))
		return because("the external port of a flow is not known beforehand");
	return because("the reflector could not dial");
}

struct finding verdict_tcp_tracking(const struct observed *seen)
{
	struct finding open = verdict_simultaneous_open(seen);

	if (seen->sequential == SEEN_YES)
		return say("liberal");
	if (!open.word || seen->sequential == SEEN_UNKNOWN)
		return because(open.why ? open.why : "the reflector could not dial");
	/* Only if a SYN gets in at all, it is the answer that was refused. */
	if (seen->simultaneous == SEEN_NO)
		return because("no SYN comes in against one that went out");
	return say("strict");
}

/** struct pool - distinct external addresses */
struct pool {
	struct addr addrs[8];
	unsigned n;
};

static void pool_add(struct pool *pool, const struct addr *a)
{
	if (!known(a))
		return;
	for (unsigned i = 0; i < pool->n; i++)
		if (addr_same_host(&pool->addrs[i], a))
			return;
	if (pool->n < sizeof(pool->addrs) / sizeof(pool->addrs[0]))
		pool->addrs[pool->n++] = *a;
}

struct finding verdict_pooling(const struct observed *seen, unsigned *ret_addresses)
{
	struct pool first = {.n = 0}, all;
	unsigned alone;

	for (int p = 0; p < PROTO_COUNT; p++) {
		for (int i = 0; i < SPOT_ANSWERING; i++)
			pool_add(&first, &seen->proto[p].mapped[i]);
		for (unsigned i = 0; i < seen->proto[p].n_flows; i++) {
			pool_add(&first, &seen->proto[p].flows[i].first);
			pool_add(&first, &seen->proto[p].flows[i].second);
		}
		for (unsigned i = 0; i < seen->proto[p].n_clashes; i++)
			pool_add(&first, &seen->proto[p].clashes[i].first);
	}
	*ret_addresses = 0;
	/* Two inside addresses that nothing translates are two outside, too. */
	for (int p = 0; p < PROTO_COUNT; p++)
		if (is(verdict_mapping(&seen->proto[p]), "none"))
			return (struct finding){0};
	alone = first.n;
	all = first;
	for (int p = 0; p < PROTO_COUNT; p++)
		for (unsigned i = 0; i < seen->proto[p].n_clashes; i++)
			pool_add(&all, &seen->proto[p].clashes[i].elsewhere);
	*ret_addresses = all.n;
	if (alone > 1)
		return say("arbitrary");
	if (all.n > 1)
		return say("paired");
	return (struct finding){0};
}

unsigned verdict_timeout(const struct observed_lifetime *seen, struct finding *ret_finding)
{
	unsigned last = 0;

	*ret_finding = (struct finding){0};
	for (unsigned i = 0; i < seen->steps; i++)
		if (seen->alive[i])
			last = i + 1;
	if (!seen->steps)
		*ret_finding = because("not asked for (--lifetime)");
	else if (!last)
		*ret_finding = because("not even the shortest silence was survived");
	else if (last == seen->steps)
		*ret_finding = because("longer than --lifetime");
	return ret_finding->why ? 0 : last * seen->step_s;
}

void verdict_of(const struct observed *seen, struct verdict *ret_verdict)
{
	for (int p = 0; p < PROTO_COUNT; p++) {
		const struct observed_proto *o = &seen->proto[p];
		struct proto_verdict *v = &ret_verdict->proto[p];

		v->mapping = verdict_mapping(o);
		v->filtering = verdict_filtering(o);
		v->allocation = verdict_allocation(o);
		v->hairpin = verdict_hairpin(o);
		v->conflict = verdict_conflict(o, seen->second);
		if (!v->conflict.word && !seen->full && is(v->allocation, "preserve"))
			v->conflict = because("not part of --quick");
	}
	ret_verdict->unsolicited = verdict_unsolicited(seen);
	ret_verdict->tcp_tracking = verdict_tcp_tracking(seen);
	ret_verdict->simultaneous_open = verdict_simultaneous_open(seen);
	ret_verdict->pooling = verdict_pooling(seen, &ret_verdict->addresses);
	for (int i = 0; i < LIFETIME_COUNT; i++)
		ret_verdict->timeouts_s[i] =
			verdict_timeout(&seen->lifetimes[i], &ret_verdict->timeouts[i]);
}
