/* SPDX-License-Identifier: MIT */
/*
 * Interface for punching: the state machine of parallel TCP hole punching
 * (Ford, Srisuresh, Kegel 2005) towards one peer. It is pure: it opens no
 * socket, reads no clock and makes no random number; the owner feeds it events
 * with the time and does what it asks. One attempt tries all of the peer's
 * endpoints at once, from one local port; the first connection that is proven
 * to lead to the peer, and that the controlling side selects, wins.
 */
#ifndef BOXER_PUNCH_H
#define BOXER_PUNCH_H

#include "base/addr.h"
#include "boxer/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUNCH_CANDIDATES_MAX 4
#define PUNCH_ACTIONS_MAX    (2 * PUNCH_CANDIDATES_MAX + 2)
#define PUNCH_RETRY_FIRST_NS (20 * 1000000ULL) /* after a hard error; doubles, with jitter */
#define PUNCH_RETRY_MAX_NS   (640 * 1000000ULL)
#define PUNCH_PROOF_NS	     (6 * 1000000000ULL) /* more, once, for who is connected at the deadline */

/**
 * enum punch_state - of the whole attempt
 * @PUNCH_IDLE: before punch_start()
 * @PUNCH_TRYING: sockets are being connected, or wait to be tried again
 * @PUNCH_DONE: .winner leads to the peer. Final
 * @PUNCH_FAILED: .reason says why. Final
 */
enum punch_state { PUNCH_IDLE, PUNCH_TRYING, PUNCH_DONE, PUNCH_FAILED };

/**
 * enum punch_candidate_state - of one endpoint of the peer
 * @PUNCH_CANDIDATE_WAITING: a hard error came; tried again at .retry_at
 * @PUNCH_CANDIDATE_CONNECTING: a socket is in SYN_SENT. It stays there: the
 *	kernel retransmits, and closing it would forget the hole
 * @PUNCH_CANDIDATE_OPEN: connected; who is there is being proven
 * @PUNCH_CANDIDATE_PROVEN: it is the peer; not yet selected
 * @PUNCH_CANDIDATE_DEAD: not the peer, or closed as a loser
 */
enum punch_candidate_state {
	PUNCH_CANDIDATE_WAITING,
	PUNCH_CANDIDATE_CONNECTING,
	PUNCH_CANDIDATE_OPEN,
	PUNCH_CANDIDATE_PROVEN,
	PUNCH_CANDIDATE_DEAD,
};

/** enum punch_event_kind - what the owner reports */
enum punch_event_kind {
	PUNCH_CONNECTED, /* the socket of .candidate is connected */
	PUNCH_REFUSED,	 /* it failed with .error (positive errno) */
	PUNCH_PROVEN,	 /* the peer has proven itself on it */
	PUNCH_DISPROVEN, /* it was somebody else, or it broke before it was selected */
	PUNCH_SELECTED,	 /* the controlling peer selected it */
	PUNCH_ADOPTED,	 /* the peer came in by our listener and has proven itself;
			  * .candidate must be .n_candidates: it becomes the next one */
	PUNCH_NOW,	 /* the peer tries now: so should we */
	PUNCH_TICK,	 /* time has passed */
};

/** struct punch_event - one report; .candidate is unused for PUNCH_NOW and PUNCH_TICK */
struct punch_event {
	enum punch_event_kind kind;
	size_t candidate;
	int error;
};

/** enum punch_action_kind - what the owner must do, in order */
enum punch_action_kind {
	PUNCH_OPEN,   /* connect a fresh socket, from the local port, to .candidate */
	PUNCH_SELECT, /* tell the peer that .candidate is the one */
	PUNCH_CLOSE,  /* close .candidate's socket */
};

/** struct punch_action - one of them */
struct punch_action {
	enum punch_action_kind kind;
	size_t candidate;
};

/** struct punch_actions - what one step asked for */
struct punch_actions {
	struct punch_action list[PUNCH_ACTIONS_MAX];
	size_t n;
};

/** struct punch_candidate - one endpoint of the peer */
struct punch_candidate {
	struct addr addr;
	enum punch_candidate_state state;
	uint64_t retry_at;
	uint64_t backoff;
};

/** struct punch - one attempt; embedded by its owner */
struct punch {
	enum punch_state state;
	bool controlling;
	struct punch_candidate candidates[PUNCH_CANDIDATES_MAX];
	size_t n_candidates;
	size_t winner;
	enum reason reason;
	enum reason last_error;
	uint64_t deadline;
	bool extended;	 /* the deadline has been put off */
	uint64_t random; /* jitter: a state of xorshift */
};

/**
 * punch_start() - begin
 * @candidates: the peer's endpoints, the likeliest first
 * @controlling: this side selects; exactly one of the two must
 * @deadline: CLOCK_MONOTONIC ns; put off by PUNCH_PROOF_NS when there is a
 *	connection by then: where much is lost it is too dear to be given up
 * @seed: of the jitter; any number
 */
void punch_start(struct punch *p, const struct addr *candidates, size_t n, bool controlling,
		 uint64_t deadline, uint64_t seed, struct punch_actions *ret_actions);
/** punch_step() - take in one event; reports that no longer matter are ignored. */
void punch_step(struct punch *p, const struct punch_event *event, uint64_t now,
		struct punch_actions *ret_actions);
/** punch_wake_at() - when PUNCH_TICK is due; UINT64_MAX when never. */
uint64_t punch_wake_at(const struct punch *p);

#endif
