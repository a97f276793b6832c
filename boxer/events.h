/* SPDX-License-Identifier: MIT */
/*
 * Interface for events: what a seed or a node tells the outside, one JSON
 * object per line on the descriptor given by --events. It is the only output
 * that programs should read; logs are for people.
 *
 * Every line has "t" (seconds on CLOCK_MONOTONIC, a number) and "event":
 *
 *	seed	listening	address
 *		join		id, name, external, mapping, ports
 *		rejoin		the same, of a member on another connection than before
 *		visit		name, external (to be measured only)
 *		profile		id, name, mapping, ports, filtering, refusal (changed)
 *		leave		id, name, reason
 *		reject		name, from, reason
 *	node	joined		id, name, overlay, external, local, ms
 *		member		id, name, overlay, external (for the first time)
 *		member-left	id, name, reason
 *		link		id, name, local, remote, strategy, ms
 *		link-lost	id, name, reason
 *		no-link		id, name, reason (no-strategy: the two NATs allow none;
 *				otherwise an attempt has failed, and another one follows)
 *		profile		mapping, ports, filtering, refusal (of our own NAT)
 *		seed-lost	reason (it is joined again, unless it will not have us)
 *		seed-back	external
 *		refused		reason (by a seed that is back: told once, asked again)
 *		surplus		name (others are enough; the process ends)
 *		ready		members, links (the start gate has opened)
 *		guest-start	pid
 *		guest-exit	status (exit code, or 128 + signal)
 *		connect		id, name, port, strategy, reason, local, remote, ms
 *		accept		id, name, port, strategy, reason, local, remote, ms
 *		failed		reason, text (the process is about to end)
 *	both	relayed		from, to, there, back, ms (is over; bytes each way)
 *		lost		count (of events that nobody read in time)
 *
 * Addresses are "1.2.3.4:5" or "1.2.3.4"; ids are numbers; reasons are the names
 * of boxer/reason.h, "none" for success; ms is how long the thing took.
 * "connect" is told by the side that called connect(), "accept" by the other;
 * "local" and "remote" are the addresses of the kernel's socket.
 */
#ifndef BOXER_EVENTS_H
#define BOXER_EVENTS_H

#include "base/addr.h"

#include <stdint.h>

#define EVENTS_PATIENCE_MS 100 /* for a reader that is slow */

/** struct events - where the lines go; embedded, zero means nowhere */
struct events {
	int fd;
};

/** enum event_kind - the type of an event's field */
enum event_kind {
	EVENT_END = 0,
	EVENT_NUMBER, /* uint64_t */
	EVENT_MS,     /* uint64_t nanoseconds, printed as milliseconds */
	EVENT_TEXT,   /* const char * */
	EVENT_ADDR,   /* const struct addr * */
};

/** struct event_field - one field; lists end with EVENT_END */
struct event_field {
	enum event_kind kind;
	const char *key;
	uint64_t number;
	const char *text;
	const struct addr *addr;
};

/** events_init() - @fd: -1 for nowhere; stays the caller's. */
void events_init(struct events *events, int fd);
/**
 * events_emit() - write one line at once; a reader that went away is ignored
 *
 * The process must ignore SIGPIPE, as the seed and the node do.
 */
void events_emit(const struct events *events, const char *event, const struct event_field *fields);

#define EV_NUMBER(k, v)                                         \
	{                                                       \
		.kind = EVENT_NUMBER, .key = (k), .number = (v) \
	}
#define EV_MS(k, v)                                         \
	{                                                   \
		.kind = EVENT_MS, .key = (k), .number = (v) \
	}
#define EV_TEXT(k, v)                                       \
	{                                                   \
		.kind = EVENT_TEXT, .key = (k), .text = (v) \
	}
#define EV_ADDR(k, v)                                       \
	{                                                   \
		.kind = EVENT_ADDR, .key = (k), .addr = (v) \
	}
/** EMIT() - events_emit(e, "joined", EV_NUMBER("id", 1), ...) without the list's ends. */
#define EMIT(events, event, ...)       \
	events_emit((events), (event), \
		    (const struct event_field[]){__VA_ARGS__, {.kind = EVENT_END}})

#endif
