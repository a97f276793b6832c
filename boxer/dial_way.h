/* SPDX-License-Identifier: MIT */
/*
 * Interface within dialling: a dial, and the ways in which it may go. A way is
 * begun, is told what comes of the questions that it has asked, and ends by one
 * of dial_tell(), dial_take() and dial_fail(). These, and all that may end in
 * them, come last in whatever calls them, for the dial may be gone by then.
 *
 *	dial		the table of dials, and the life of each
 *	dial_plan	which ways, in which order
 *	dial_steps	what ways are made of: learning a port, asking the peer
 *	dial_native	the ways in which the program's own socket connects
 *	dial_ours	those in which the node makes the connection
 *	dial_news	what peers answer, and what befalls members and links
 *	dial_targets	what is known of members' ports
 *	dial_owner	the processes that have asked
 */
#ifndef BOXER_DIAL_WAY_H
#define BOXER_DIAL_WAY_H

#include "boxer/acceptor.h"
#include "boxer/countersign.h"
#include "boxer/dial.h"
#include "boxer/node.h"
#include "boxer/ports.h"
#include "boxer/sock.h"
#include "boxer/strategy.h"
#include "boxer/volley.h"

#include <stdbool.h>
#include <sys/queue.h>

#define DIAL_ATTEMPTS_TEXT 160
#define DIAL_RELAYS_MAX	   3 /* for one connection */

/**
 * enum dial_state - where a dial is
 * @DIAL_WAITING: for a link, or for what is not known yet of a NAT. Then it is planned (anew)
 * @DIAL_WORKING: one of its ways is asking, or making sockets
 * @DIAL_TOLD: the program's own socket connects, and is watched
 * @DIAL_RESTING: that will not do. The socket is watched until it has failed, too; then
 *	the program asks for the next way, or, if it does not wait, learns the reason
 */
enum dial_state { DIAL_WAITING, DIAL_WORKING, DIAL_TOLD, DIAL_RESTING };

/** struct target - how the world sees a listening port of a member */
struct target {
	uint32_t member;
	uint16_t port;
	struct addr external;
};

/** struct dials - all of a node's */
struct dials {
	struct node *node;
	LIST_HEAD(, dial) list;
	LIST_HEAD(, dial) leaving; /* over, but for their descriptor */
	LIST_HEAD(, dial_owner) owners;
	size_t n, n_owners, max_owners;
	unsigned volleys; /* with many sockets each, under way or about to be */
	uint32_t next_request;
	struct {
		uint64_t cookie;
		enum reason reason;
	} results[DIAL_RESULTS_MAX];
	size_t next_result;
	struct target targets[DIAL_TARGETS_MAX];
	size_t n_targets, next_target;
};

/**
 * struct dial - one connection that a program wants
 * @deadline: of the way, or of whatever it waits for
 * @watch: looks at the program's socket; @watch_pause: how long it waits now
 * @pause: before @paused
 * @io: the program's socket, while it is in SYN_SENT
 * @seen_connecting: it has been
 * @early: its SYN left, or is about to leave, before the node was asked
 * @replanned: with what was not known at first
 * @timed_out: one of the ways has, since they were planned
 * @request: our number for it in PUNCH; another one for each way
 * @member: the id that is meant, or FRAME_ID_SEED
 * @plan: @n_plan ways; @next is the one after @strategy
 * @last_reason: why the last way failed
 * @target: as the program gave it
 * @told: where the program was told to connect to
 * @source: how the world sees @local or @port; port 0: that can't be told
 * @local: the port that the program's socket is bound to; 0: none yet
 * @port: a port of ours that this way uses, for sockets of its own; 0: none
 * @started_at, @ends_at: the dial; @way_at: this way; @told_at: being told
 * @asked: PUNCH was sent and the peer has to be told of the end
 * @answered: the peer has; it does so once
 * @busy: so the peer has answered last
 * @done, @arg: the program's question; NULL while it has none
 * @fd: a duplicate of the program's socket; @cookie: its SO_COOKIE
 * @haste: what sock_hasten() has changed of it
 * @owner: the process that asked last; NULL: unknown, or gone
 * @attempts: "strategy:reason:ms", with commas between, for the event
 * @question, @learned: how the world sees a port, and what comes then
 * @has_slot: it is one of DIAL_VOLLEYS_MAX
 * @met: what has connected by chance
 * @relays: @n_relays that have failed, of STRATEGY_RELAY; the last place is for the present one
 * @acceptor, @helper: of STRATEGY_REVERSE
 */
struct dial {
	LIST_ENTRY(dial) link;
	struct dials *set;
	enum dial_state state;
	struct ev_timer deadline, watch, pause;
	void (*paused)(struct dial *d);
	struct ev_io io;
	uint64_t watch_pause;
	bool seen_connecting, early, replanned, timed_out;
	uint32_t request, member;
	const struct strategy *plan[STRATEGY_COUNT], *strategy;
	size_t n_plan, next;
	enum reason last_reason;
	struct addr target, told, source;
	uint16_t local, port;
	uint64_t started_at, way_at, told_at, ends_at;
	bool asked, answered, busy;
	dial_done *done;
	void *arg;
	int fd;
	struct sock_haste haste;
	uint64_t cookie;
	struct dial_owner *owner;
	char attempts[DIAL_ATTEMPTS_TEXT];
	/* of ways that make their own sockets */
	struct ports_question *question;
	void (*learned)(struct dial *d);
	struct volley *volley;
	bool has_slot;
	struct relaying *relaying;
	struct addr relays[DIAL_RELAYS_MAX];
	size_t n_relays;
	struct addr peer_target;
	int16_t step;
	uint16_t spread;
	struct acceptor acceptor;
	int helper;
	struct countersign met;
	uint8_t token[FRAME_TOKEN_LEN];
};

/**
 * struct dial_way - what a strategy does on the side that connects
 * @limit_ns: for this way
 * @begin: the first step
 * @punched: the peer has answered, favourably; NULL: that changes nothing
 */
struct dial_way {
	uint64_t limit_ns;
	void (*begin)(struct dial *d);
	void (*punched)(struct dial *d, const struct frame_punched *punched);
};

/* ---- dial ---- */

/** dial_peer() - the member that is meant; NULL when it has gone. */
const struct frame_member *dial_peer(const struct dial *d);
/** dial_round_trip_ns() - to the peer, by the control link; 0: unknown. */
uint64_t dial_round_trip_ns(const struct dial *d);
/** dial_arm() - the deadline is in @limit_ns; 0, or too far: when the dial ends. */
void dial_arm(struct dial *d, uint64_t limit_ns);
/** dial_next_request() - another number and another token, for the next question to the peer. */
void dial_next_request(struct dial *d);
/** dial_tell_peer() - what has come of the question, if there was one: DONE. */
void dial_tell_peer(struct dial *d, enum reason reason);
/** dial_close_way() - drop what the way holds, but for the port of the program's socket. */
void dial_close_way(struct dial *d);
/** dial_take() - @fd is the connection; taken over. @d is gone. */
void dial_take(struct dial *d, int fd);
/** dial_fail() - this way does not lead there; the next one begins. @d may be gone. */
void dial_fail(struct dial *d, enum reason reason);
/** dial_note() - the way, or the planning of one, has come to @reason. */
void dial_note(struct dial *d, enum reason reason);
/** dial_connected() - the program's own socket is. @d is gone. */
void dial_connected(struct dial *d);
/** dial_end() - all is over: tell the world, and the program if it asks. @d is gone. */
void dial_end(struct dial *d, enum reason reason);

/* ---- dial_plan ---- */

/** dial_way() - how @d's strategy goes. */
const struct dial_way *dial_way(const struct dial *d);
/** dial_limit() - how long its way may take, from now on, ns; 0: until the dial ends. */
uint64_t dial_limit(const struct dial *d);
/** dial_advance() - find the member and the ways to it, and begin; or wait. @d may be gone. */
void dial_advance(struct dial *d);
/** dial_next_way() - begin it; without any left the dial ends. @d may be gone. */
void dial_next_way(struct dial *d);

/* ---- dial_steps ---- */

/**
 * dial_learn() - see to it that .source is known, of the program's port or of one of ours
 * @ours: a port for sockets of our own, in .port; else the program's, which is bound if need be
 * @then: called at once or later, unless the way fails meanwhile
 */
void dial_learn(struct dial *d, bool ours, void (*then)(struct dial *d));
/** dial_foretell() - the same, where the NAT will map .port anew for the peer. */
void dial_foretell(struct dial *d, void (*then)(struct dial *d));
/**
 * dial_punch() - ask the peer, with .source, .step, .spread and .token
 *
 * Return: false when the way has failed over it, or waits for a link; @d may be gone.
 */
bool dial_punch(struct dial *d);
/** dial_pause() - go on with @then after a while, unless the way ends before. */
void dial_pause(struct dial *d, uint64_t ns, void (*then)(struct dial *d));
/** dial_program_waits() - its socket blocks. */
bool dial_program_waits(const struct dial *d);
/** dial_again() - this way once more, from its beginning, while its time lasts. */
void dial_again(struct dial *d, enum reason reason);
/** dial_steps_init() - for a new dial. */
void dial_steps_init(struct dial *d);

/* ---- dial_native ---- */

/** The ways in which the program's socket connects, by enum strategy_id; others are zero. */
extern const struct dial_way dial_ways_native[STRATEGY_COUNT + 1];
/** dial_tell() - the program shall connect to @target, by its own socket. */
void dial_tell(struct dial *d, const struct addr *target);
/** dial_rest() - what the program was told, or has begun, will not do. @d may be gone. */
void dial_rest(struct dial *d);
/** dial_native_failure() - what it means that the program's socket has failed. */
enum reason dial_native_failure(const struct dial *d);
/** dial_stop_watching() - the program's socket is no concern any more. */
void dial_stop_watching(struct dial *d);
/** dial_watch_init() - for a new dial. */
void dial_watch_init(struct dial *d);

/* ---- dial_ours ---- */

/** The ways that make their own sockets, by enum strategy_id; others are zero. */
extern const struct dial_way dial_ways_ours[STRATEGY_COUNT + 1];
/** dial_ours_init() - for a new dial. */
void dial_ours_init(struct dial *d);
/** dial_other_relay() - the way has failed. Return: was it a relay, and is there another one? */
bool dial_other_relay(struct dial *d, enum reason reason);
/** dial_ours_close() - drop these sockets. */
void dial_ours_close(struct dial *d);

/* ---- dial_targets ---- */

/** dial_target_learn() - the peer has said how the world sees the port that @d wants. */
void dial_target_learn(struct dial *d, const struct addr *external);
/** dial_target_known() - how the world sees it. Return: false when only the peer can tell. */
bool dial_target_known(const struct dial *d, struct addr *ret);
/** dial_targets_forget() - the member's NAT is another one, perhaps. */
void dial_targets_forget(struct dials *dials, uint32_t member);

/* ---- dial_owner ---- */

/** dial_disown() - @d is over. */
void dial_disown(struct dial *d);

#endif
