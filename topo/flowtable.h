/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the table of flows behind a conntrack watch: a bounded array
 * of struct conntrack_flow, found by the kernel's id. Pure: what the kernel said
 * is put in, decoded, as a struct flow_report. An ended flow stays until its place is
 * needed.
 */
#ifndef TOPO_FLOWTABLE_H
#define TOPO_FLOWTABLE_H

#include "topo/conntrack.h"

/** enum flow_source - how a report came */
enum flow_source {
	FLOW_EVENT, /* it began or changed */
	FLOW_END,   /* it is over */
	FLOW_DUMP,
};

/**
 * struct flow_report - one message about one flow
 * @flow: what it said; @flow.was_established, @flow.established_at, @flow.gone
 *	and @flow.ended_at are the table's to fill
 * @has_counters: it carried counters (dumps and ends do)
 * @has_timeout: it carried a timeout (ends do not)
 * @has_tcp: it carried a TCP state
 * @assured: the tracker has seen traffic both ways; TCP has this only after
 *	ESTABLISHED
 */
struct flow_report {
	struct conntrack_flow flow;
	bool has_counters;
	bool has_timeout;
	bool has_tcp;
	bool assured;
};

struct flowtable;

/** flowtable_new() - an empty table, or NULL. */
struct flowtable *flowtable_new(void);
/** flowtable_free() - NULL is legal. */
void flowtable_free(struct flowtable *table);
/** flowtable_clear() - forget all flows. */
void flowtable_clear(struct flowtable *table);

/**
 * flowtable_put() - take in a report
 * @now: when it was read, CLOCK_MONOTONIC ns
 *
 * Return: 0, or -ENOSPC when the flow is new and the table is full of open flows.
 */
int flowtable_put(struct flowtable *table, enum flow_source source,
		  const struct flow_report *report, uint64_t now);

/** flowtable_dump_begin() - the reports to come, until flowtable_dump_end(), are of a dump. */
void flowtable_dump_begin(struct flowtable *table);
/**
 * flowtable_dump_end() - the dump was whole: open flows that it did not show are over
 *
 * Only to be called when events may have been lost; else the end of such a flow
 * is about to be reported, with its counters.
 * @now: CLOCK_MONOTONIC ns
 */
void flowtable_dump_end(struct flowtable *table, uint64_t now);

/** flowtable_forgot_until() - the last end of a flow whose place was needed; 0: of none. */
uint64_t flowtable_forgot_until(const struct flowtable *table);
/** flowtable_flows() - all flows, in no order. */
const struct conntrack_flow *flowtable_flows(const struct flowtable *table, size_t *ret_n);

#endif
