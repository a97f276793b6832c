/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for connection tracking, read over ctnetlink: what a router's
 * kernel says of the flows that pass it. A watch follows one namespace by the
 * kernel's events (so that a flow is seen while it is open, however short) and
 * reads byte counters by a dump on demand; the latest state of each flow is kept
 * in a table with a maximum. The kernel's conntrack id ties what the events said
 * to what a dump says later.
 */
#ifndef TOPO_CONNTRACK_H
#define TOPO_CONNTRACK_H

#include "base/addr.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define CONNTRACK_FLOWS_MAX 16384

/** enum conntrack_tcp - the tracker's TCP states that a proof needs to tell apart */
enum conntrack_tcp {
	CONNTRACK_TCP_NONE, /* not TCP, or nothing seen yet */
	CONNTRACK_TCP_OPENING,
	CONNTRACK_TCP_ESTABLISHED,
	CONNTRACK_TCP_CLOSING, /* FIN_WAIT to TIME_WAIT */
	CONNTRACK_TCP_CLOSED,  /* CLOSE: a reset was seen */
};

/**
 * struct conntrack_flow - one entry
 * @id: the kernel's
 * @proto: IPPROTO_*
 * @src, @dst: of the original direction, before translation
 * @reply_src, @reply_dst: what answers carry: the translated tuple, inverted
 * @bytes, @reply_bytes: per direction; need nf_conntrack_acct=1
 * @packets, @reply_packets: likewise
 * @expires_s: until it is forgotten, if nothing passes, as last read; 0: unknown
 * @tcp: state now
 * @was_established: the kernel reported it ESTABLISHED, at @established_at
 * @established_at: CLOCK_MONOTONIC ns at which that report was read
 * @gone: the kernel reported its end; the counters are final
 * @ended_at: CLOCK_MONOTONIC ns at which the report of its end was read
 * @end_missed: it is @gone, but the report of its end was lost in an overrun: the
 *	counters are those last read
 */
struct conntrack_flow {
	uint32_t id;
	uint8_t proto;
	struct addr src, dst;
	struct addr reply_src, reply_dst;
	uint64_t bytes, reply_bytes;
	uint64_t packets, reply_packets;
	uint32_t expires_s;
	enum conntrack_tcp tcp;
	bool was_established;
	uint64_t established_at;
	bool gone;
	uint64_t ended_at;
	bool end_missed;
};

struct conntrack;

/** conntrack_open() - watch the namespace @netns from now on. Return: 0, or -errno. */
int conntrack_open(int netns, struct conntrack **ret_watch, struct error *err);
/** conntrack_close() - NULL is legal. */
void conntrack_close(struct conntrack *watch);
/** conntrack_fd() - readable when events wait; for an event loop. */
int conntrack_fd(const struct conntrack *watch);
/**
 * conntrack_process() - take in all events that wait; never blocks. An overrun
 * of the socket (ENOBUFS) is answered by a dump, so that nothing open is lost.
 *
 * Return: 0, or -errno (-ENOSPC: more than CONNTRACK_FLOWS_MAX flows are open;
 * those in the table were kept up to date, the others are not in it).
 */
int conntrack_process(struct conntrack *watch, struct error *err);
/**
 * conntrack_refresh() - process events, then read every entry with its counters
 *
 * Return: 0, or -errno.
 */
int conntrack_refresh(struct conntrack *watch, struct error *err);
/** conntrack_flows() - the table as last read; valid until the next call on @watch. */
const struct conntrack_flow *conntrack_flows(const struct conntrack *watch, size_t *ret_n);
/**
 * conntrack_forgot_until() - has the table, being full, lost ended flows?
 *
 * Return: the last end of a flow that is in it no more, CLOCK_MONOTONIC ns; 0: none is.
 */
uint64_t conntrack_forgot_until(const struct conntrack *watch);
/** conntrack_flush() - forget all flows in the kernel and in @watch. Return: 0, or -errno. */
int conntrack_flush(struct conntrack *watch, struct error *err);

#endif
