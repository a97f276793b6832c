/* SPDX-License-Identifier: MIT */
/*
 * Interface for the history: what became of the data connections towards each
 * member. It remembers the last one, for `boxer status`, and for a while which
 * strategies have failed, so that the next connection begins with another. Pure:
 * nothing here reads a clock. The table is bounded; the member that has not been
 * dialled for the longest time gives way.
 */
#ifndef BOXER_HISTORY_H
#define BOXER_HISTORY_H

#include "base/clock.h"
#include "boxer/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_MAX	     1024 /* members */
#define HISTORY_FAILURES_MAX 12	  /* strategies of one member; the oldest failure gives way */
#define HISTORY_FAILURE_NS   (20 * NS_PER_S) /* then a strategy is tried again */
#define HISTORY_SLOW_NS	     (1 * NS_PER_S)

/**
 * struct history_event - one connection, or one strategy's attempt at it
 * @strategy: its name; lives for ever, as the names of boxer/strategy.h do
 * @reason: REASON_NONE when the connection was there
 * @took_ns: from the program's request
 * @at: when it ended, ns of CLOCK_MONOTONIC
 */
struct history_event {
	const char *strategy;
	enum reason reason;
	uint64_t took_ns;
	uint64_t at;
};

/**
 * enum history_verdict - on a strategy
 * @HISTORY_FAILED_SLOWLY: it failed, and took HISTORY_SLOW_NS or more for it
 */
enum history_verdict { HISTORY_FINE = 0, HISTORY_FAILED, HISTORY_FAILED_SLOWLY };

/** struct history_failure - of one strategy; @strategy NULL: none */
struct history_failure {
	const char *strategy;
	uint64_t at;
	enum history_verdict verdict;
};

/** struct history_member - one member's; internal */
struct history_member {
	uint32_t id;
	struct history_event last;
	struct history_failure failures[HISTORY_FAILURES_MAX];
};

/** struct history - embedded by its owner; zero is an empty one */
struct history {
	struct history_member *list; /* sorted by id */
	size_t n, room;
};

/** history_free() - release what it holds, not the struct. */
void history_free(struct history *h);
/**
 * history_note() - an attempt towards @id has ended
 *
 * Only what a strategy can be blamed for counts as its failure: that nobody
 * listens, or that the member has left, says nothing against it. A success ends
 * what was held against the strategy. Without memory nothing is noted.
 */
void history_note(struct history *h, uint32_t id, const struct history_event *event);
/** history_last() - the last event of @id; NULL: none. Valid until the next call. */
const struct history_event *history_last(const struct history *h, uint32_t id);
/** history_lately() - what has become of it towards @id within HISTORY_FAILURE_NS of @now? */
enum history_verdict history_lately(const struct history *h, uint32_t id, const char *strategy,
				    uint64_t now);
/** history_forgive() - no failure towards @id counts: its NAT is another one now. */
void history_forgive(struct history *h, uint32_t id);
/** history_forgive_all() - nor any towards anybody: our NAT is another one now. */
void history_forgive_all(struct history *h);
/** history_forget() - the member has gone. */
void history_forget(struct history *h, uint32_t id);

#endif
