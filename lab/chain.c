/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A router stands between a left side, where the row begins, and a right one. Each
 * connection through it is one pair of endpoints on its left and one on its right:
 * in each pair, first the one that the row begins at. The right pair is the left one
 * of the next router, whoever of the two ends began the connection, and whatever
 * addresses were translated: by a NAT on the way out, on the way in, or by one that
 * turns it around towards another of its own inside.
 *
 * So the tables are joined one after the other. An entry is used once: of several
 * with the same pair, which were there one after the other, the largest comes first.
 */
#include "lab/chain.h"

#include "base/cleanup.h"
#include "lab/view.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/** struct pair - the two endpoints of a connection, on one side of a router */
struct pair {
	struct addr a, b;
};

/** struct hop_entry - one entry of a router, from one of its two sides */
struct hop_entry {
	struct pair left, right;
	struct chain_part part;
	uint64_t bytes;
	bool used;
};

/** struct table - all entries of a router, both ways round, sorted by the left pair */
struct table {
	struct hop_entry *list;
	size_t n;
};

static void free_table(struct table *table)
{
	free(table->list);
}

static int cmp_addr(const struct addr *x, const struct addr *y)
{
	int r = addr_cmp_host(x, y);

	return r ? r : x->port - y->port;
}

static int cmp_pair(const struct pair *x, const struct pair *y)
{
	int r = cmp_addr(&x->a, &y->a);

	return r ? r : cmp_addr(&x->b, &y->b);
}

static int cmp_entry(const void *x, const void *y)
{
	const struct hop_entry *p = x, *q = y;
	int r = cmp_pair(&p->left, &q->left);

	return r ? r : p->bytes < q->bytes ? 1 : p->bytes > q->bytes ? -1 : 0;
}

static struct hop_entry entry_of(const struct conntrack_flow *flow, bool turned)
{
	const struct pair forth[] = {{flow->src, flow->dst}, {flow->reply_dst, flow->reply_src}};
	const struct pair back[] = {{flow->reply_src, flow->reply_dst}, {flow->dst, flow->src}};

	return (struct hop_entry){.left = turned ? back[0] : forth[0],
				  .right = turned ? back[1] : forth[1],
				  .part = {flow, turned},
				  .bytes = flow->bytes + flow->reply_bytes};
}

static int make_table(const struct proof_router *router, uint8_t proto, struct table *ret_table)
{
	struct hop_entry *list = calloc(2 * router->n_flows + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < router->n_flows; i++) {
		if (router->flows[i].proto != proto)
			continue;
		list[n++] = entry_of(&router->flows[i], false);
		list[n++] = entry_of(&router->flows[i], true);
	}
	qsort(list, n, sizeof(*list), cmp_entry);
	*ret_table = (struct table){list, n};
	return 0;
}

/* The largest entry with that left pair that is not used yet, or NULL. */
static struct hop_entry *find(struct table *table, const struct pair *left)
{
	size_t low = 0;
	size_t high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (cmp_pair(&table->list[middle].left, left) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < table->n && !cmp_pair(&table->list[low].left, left); low++)
		if (!table->list[low].used)
			return &table->list[low];
	return NULL;
}

struct chain_part chain_part(const struct chain *chain, const struct conntrack_flow *flow, size_t i)
{
	if (!chain->parts)
		return (struct chain_part){flow, false};
	return chain->parts[(size_t)(flow - chain->flows) * chain->n_way + i];
}

static void least(uint64_t *value, uint64_t other)
{
	if (other < *value)
		*value = other;
}

/* The parts of a connection as one flow that begins on the left. */
static struct conntrack_flow join(const struct chain_part *parts, size_t n, uint32_t id)
{
	const struct hop_entry first = entry_of(parts[0].flow, parts[0].turned);
	const struct hop_entry last = entry_of(parts[n - 1].flow, parts[n - 1].turned);
	struct conntrack_flow flow = {
		.id = id,
		.proto = first.part.flow->proto,
		.src = first.left.a,
		.dst = first.left.b,
		.reply_src = last.right.b,
		.reply_dst = last.right.a,
		.bytes = UINT64_MAX,
		.reply_bytes = UINT64_MAX,
		.packets = UINT64_MAX,
		.reply_packets = UINT64_MAX,
		.was_established = true,
		.established_at = UINT64_MAX,
	};

	for (size_t i = 0; i < n; i++) {
		const struct conntrack_flow *part = parts[i].flow;

		least(&flow.bytes, parts[i].turned ? part->reply_bytes : part->bytes);
		least(&flow.reply_bytes, parts[i].turned ? part->bytes : part->reply_bytes);
		least(&flow.packets, parts[i].turned ? part->reply_packets : part->packets);
		least(&flow.reply_packets, parts[i].turned ? part->packets : part->reply_packets);
		least(&flow.established_at, part->established_at);
		flow.was_established &= part->was_established;
	}
	return flow;
}

static bool is_known(const struct chain *chain, const struct chain_part *parts)
{
	for (size_t i = 0; i < chain->n_way; i++)
		if (view_find_known(chain->way[i], parts[i].flow->id))
			return true;
	return false;
}

/* Follow one entry of the first router through all others; what is found becomes a flow. */
static void follow(struct chain *chain, struct table *tables, struct hop_entry *first)
{
	size_t n = chain->router.n_flows;
	struct chain_part *parts = &chain->parts[n * chain->n_way];
	struct hop_entry *way[PROOF_ROUTERS_MAX] = {first};

	for (size_t i = 1; i < chain->n_way; i++) {
		way[i] = find(&tables[i], &way[i - 1]->right);
		if (!way[i])
			return;
	}
	for (size_t i = 0; i < chain->n_way; i++) {
		way[i]->used = true;
		parts[i] = way[i]->part;
	}
	chain->flows[n] = join(parts, chain->n_way, (uint32_t)n);
	if (is_known(chain, parts))
		chain->known[chain->router.n_known++].id = (uint32_t)n;
	chain->router.n_flows++;
}

static int fill(struct chain *chain, struct table *tables, const struct proof_end *end)
{
	size_t room;
	int r = 0;

	for (size_t i = 0; r == 0 && i < chain->n_way; i++)
		r = make_table(chain->way[i], chain->proto, &tables[i]);
	if (r < 0)
		return r;
	room = tables[0].n + 1;
	chain->flows = calloc(room, sizeof(*chain->flows));
	chain->known = calloc(room, sizeof(*chain->known));
	chain->parts = calloc(room * chain->n_way, sizeof(*chain->parts));
	if (!chain->flows || !chain->known || !chain->parts)
		return -ENOMEM;
	for (size_t i = 0; i < tables[0].n; i++)
		if (addr_same_host(&tables[0].list[i].left.a, &end->inside))
			follow(chain, tables, &tables[0].list[i]);
	chain->router.flows = chain->flows;
	chain->router.known = chain->known;
	return 0;
}

/* "fn0-nat behind isp", or "fn0-nat with isp and fn1-nat". */
static void name_chain(struct chain *chain, bool shared)
{
	size_t len = 0;

	for (size_t i = 0; i < chain->n_way && len < sizeof(chain->name); i++) {
		const char *between = " behind ";

		if (shared)
			between = i == 1 ? " with " : i + 1 == chain->n_way ? " and " : ", ";
		len += (size_t)snprintf(chain->name + len, sizeof(chain->name) - len, "%s%s",
					i ? between : "", chain->way[i]->name);
	}
	chain->router.name = chain->name;
}

/* @end: where the row begins. */
static int make_chain(struct chain *chain, const struct proof_end *end, bool shared)
{
	struct table tables[PROOF_ROUTERS_MAX] = {0};
	int r;

	if (chain->n_way == 1) {
		chain->router = *chain->way[0];
		return 0;
	}
	name_chain(chain, shared);
	for (size_t i = 0; i < chain->n_way; i++)
		chain->router.lost |= chain->way[i]->lost;
	r = fill(chain, tables, end);
	for (size_t i = 0; i < chain->n_way; i++)
		free_table(&tables[i]);
	return r;
}

static void add_way(struct chain *chain, const struct proof_router *router,
		    const struct proof_router *until)
{
	for (; router && router != until && chain->n_way < PROOF_ROUTERS_MAX;
	     router = router->behind)
		chain->way[chain->n_way++] = router;
}

/* The first NAT that both are behind, or NULL. */
static const struct proof_router *meeting(const struct proof_router *from,
					  const struct proof_router *to)
{
	for (; from; from = from->behind)
		for (const struct proof_router *other = to; other; other = other->behind)
			if (other == from)
				return from;
	return NULL;
}

/* Up from @from to where both meet, and down to @to. */
static void add_shared_way(struct chain *chain, const struct proof_router *from,
			   const struct proof_router *to, const struct proof_router *shared)
{
	struct chain down = {0};

	add_way(chain, from, shared);
	chain->way[chain->n_way++] = shared;
	add_way(&down, to, shared);
	while (down.n_way && chain->n_way < PROOF_ROUTERS_MAX)
		chain->way[chain->n_way++] = down.way[--down.n_way];
}

int chains_make(const struct proof_case *c, struct chains *ret_chains)
{
	const struct proof_router *from = view_router_of(c, &c->from);
	const struct proof_router *to = view_router_of(c, &c->to);
	const struct proof_router *shared = meeting(from, to);
	struct chain *chain = ret_chains->chain;
	struct proof_case *seen = &ret_chains->seen;
	int r = 0;

	*ret_chains = (struct chains){.seen = *c};
	seen->n_routers = 0;
	if (shared) {
		add_shared_way(&chain[0], from, to, shared);
	} else {
		add_way(&chain[0], from, NULL);
		add_way(&chain[1], to, NULL);
	}
	for (int i = 0; r == 0 && i < 2; i++) {
		struct proof_end *end = i ? &seen->to : &seen->from;

		chain[i].proto = c->proto ? c->proto : IPPROTO_TCP;

		if (i && shared) {
			end->router = seen->from.router;
			break;
		}
		end->router = PROOF_PUBLIC;
		if (!chain[i].n_way)
			continue;
		r = make_chain(&chain[i], end, shared);
		end->router = (int)seen->n_routers;
		seen->routers[seen->n_routers++] = chain[i].router;
	}
	return r;
}

void chains_free(struct chains *chains)
{
	for (int i = 0; i < 2; i++) {
		free(chains->chain[i].flows);
		free(chains->chain[i].known);
		free(chains->chain[i].parts);
	}
	(void)memset(chains->chain, 0, sizeof(chains->chain));
}
