/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Flows lie in an array without holes, which is what callers read. A hash over
 * the kernel's id holds chains of indices into it. The kernel may give an id
 * again once its flow has ended, so the chain is searched for a flow that is
 * open; an ended flow of the same id is another one.
 *
 * When the array is full, a new flow takes the place of one that has ended. A
 * hand goes round the array to find it, which is the oldest as long as flows end
 * in the order in which they began, and never costs more than one round for as
 * many insertions.
 */
#include "topo/flowtable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A power of two. */
#define BUCKETS CONNTRACK_FLOWS_MAX
#define NONE	UINT32_MAX

struct flowtable {
	struct conntrack_flow flows[CONNTRACK_FLOWS_MAX];
	uint32_t next[CONNTRACK_FLOWS_MAX]; /* in the bucket's chain */
	uint32_t seen[CONNTRACK_FLOWS_MAX]; /* the dump that showed it last */
	uint32_t buckets[BUCKETS];
	size_t n;
	size_t hand;
	uint32_t dump;
	uint64_t forgot_until;
};

static uint32_t *bucket_of(struct flowtable *table, uint32_t id)
{
	/* The id is a hash (siphash, since 4.20) already. */
	return &table->buckets[id & (BUCKETS - 1)];
}

void flowtable_clear(struct flowtable *table)
{
	table->n = 0;
	table->hand = 0;
	table->dump = 0;
	table->forgot_until = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		table->buckets[i] = NONE;
}

struct flowtable *flowtable_new(void)
{
	struct flowtable *table = malloc(sizeof(*table));

	if (table)
		flowtable_clear(table);
	return table;
}

void flowtable_free(struct flowtable *table)
{
	free(table);
}

/* The flow that a report is about: an open one, or, if it is of an end, also one
 * that a dump found gone before that report was read. */
static bool is_about(const struct conntrack_flow *flow, enum flow_source source, uint32_t id)
{
	return flow->id == id && (!flow->gone || (flow->end_missed && source == FLOW_END));
}

static uint32_t find(struct flowtable *table, enum flow_source source, uint32_t id)
{
	uint32_t i = *bucket_of(table, id);

	while (i != NONE && !is_about(&table->flows[i], source, id))
		i = table->next[i];
	return i;
}

static void unlink_slot(struct flowtable *table, uint32_t slot)
{
	uint32_t *link = bucket_of(table, table->flows[slot].id);

	while (*link != slot)
		link = &table->next[*link];
	*link = table->next[slot];
}

/* A free slot, or one whose flow has ended; NONE when all flows are open. */
static uint32_t take_slot(struct flowtable *table)
{
	if (table->n < CONNTRACK_FLOWS_MAX)
		return (uint32_t)table->n++;
	for (size_t tried = 0; tried < CONNTRACK_FLOWS_MAX; tried++) {
		uint32_t slot = (uint32_t)table->hand;

		table->hand = (table->hand + 1) % CONNTRACK_FLOWS_MAX;
		if (table->flows[slot].gone) {
			if (table->flows[slot].ended_at > table->forgot_until)
				table->forgot_until = table->flows[slot].ended_at;
			unlink_slot(table, slot);
			return slot;
		}
	}
	return NONE;
}

static uint32_t insert(struct flowtable *table, const struct flow_report *report)
{
	uint32_t *bucket = bucket_of(table, report->flow.id);
	uint32_t slot = take_slot(table);

	if (slot == NONE)
		return NONE;
	table->flows[slot] = report->flow;
	table->flows[slot].was_established = false;
	table->flows[slot].established_at = 0;
	table->flows[slot].gone = false;
	table->flows[slot].ended_at = 0;
	table->flows[slot].end_missed = false;
	table->seen[slot] = table->dump;
	table->next[slot] = *bucket;
	*bucket = slot;
	return slot;
}

static void update(struct conntrack_flow *flow, const struct flow_report *report, uint64_t now)
{
	const struct conntrack_flow *said = &report->flow;

	if (report->has_counters) {
		flow->bytes = said->bytes;
		flow->reply_bytes = said->reply_bytes;
		flow->packets = said->packets;
		flow->reply_packets = said->reply_packets;
	}
	if (report->has_timeout)
		flow->expires_s = said->expires_s;
	if (report->has_tcp)
		flow->tcp = said->tcp;
	if (flow->proto != IPPROTO_TCP || flow->was_established)
		return;
	/* Where an event was lost, the assured bit still tells. */
	if (flow->tcp == CONNTRACK_TCP_ESTABLISHED || report->assured) {
		flow->was_established = true;
		flow->established_at = now;
	}
}

int flowtable_put(struct flowtable *table, enum flow_source source,
		  const struct flow_report *report, uint64_t now)
{
	uint32_t slot = find(table, source, report->flow.id);

	/* An end that comes without its beginning tells of a flow all the same. */
	if (slot == NONE)
		slot = insert(table, report);
	if (slot == NONE)
		return -ENOSPC;
	update(&table->flows[slot], report, now);
	if (source == FLOW_END) {
		table->flows[slot].gone = true;
		table->flows[slot].ended_at = now;
		table->flows[slot].end_missed = false;
	}
	if (source == FLOW_DUMP)
		table->seen[slot] = table->dump;
	return 0;
}

void flowtable_dump_begin(struct flowtable *table)
{
	table->dump++;
}

void flowtable_dump_end(struct flowtable *table, uint64_t now)
{
	for (size_t i = 0; i < table->n; i++) {
		if (table->flows[i].gone || table->seen[i] == table->dump)
			continue;
		table->flows[i].gone = true;
		table->flows[i].ended_at = now;
		table->flows[i].end_missed = true;
	}
}

uint64_t flowtable_forgot_until(const struct flowtable *table)
{
	return table->forgot_until;
}

const struct conntrack_flow *flowtable_flows(const struct flowtable *table, size_t *ret_n)
{
	*ret_n = table->n;
	return table->flows;
}
