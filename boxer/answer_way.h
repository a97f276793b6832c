/* SPDX-License-Identifier: MIT */
/*
 * Interface within answering: an answer under way, what all kinds have in common
 * (boxer/answer.c), and the kinds that don't come from one socket beside the
 * listener (boxer/answer_many.c).
 */
#ifndef BOXER_ANSWER_WAY_H
#define BOXER_ANSWER_WAY_H

#include "boxer/answer.h"
#include "boxer/countersign.h"
#include "boxer/node.h"
#include "boxer/ports.h"
#include "boxer/relaying.h"
#include "boxer/sock.h"
#include "boxer/strategy.h"
#include "boxer/volley.h"

#include <stdbool.h>
#include <sys/queue.h>

/** enum answer_state - see boxer/answer.c */
enum answer_state { ANSWER_BINDING, ANSWER_LEARNING, ANSWER_KEPT, ANSWER_MANY, ANSWER_RELAYED };

/**
 * struct answer - to one PUNCH
 * @from: the id of who asks
 * @listener: who listens on the port that is asked for
 * @target, @step, @spread: for PUNCHED: how the world sees our end
 * @port: a fresh one, for a volley; 0: none
 * @pause: before the next try
 * @io: the one socket that is kept, or parked while its port is learned
 * @haste: what sock_hasten() has changed of that
 * @met: connections of several sockets
 */
struct answer {
	LIST_ENTRY(answer) link;
	struct answers *set;
	enum answer_state state;
	uint32_t from;
	struct frame_punch punch;
	const struct strategy *strategy;
	struct sock_listener listener;
	struct addr target;
	int16_t step;
	uint16_t spread;
	uint16_t port;
	uint64_t pause;
	bool replied;
	bool has_slot; /* it is one of ANSWER_VOLLEYS_MAX */
	uint64_t started_at;
	struct ev_io io;
	struct sock_haste haste;
	struct ev_timer timer;
	struct ports_question *question;
	struct volley *volley;
	struct relaying *relaying;
	struct countersign met;
};

/** struct answers - all of a node's; @volleys of them have many sockets each */
struct answers {
	struct node *node;
	LIST_HEAD(, answer) list;
	size_t n;
	unsigned volleys;
};

/** answer_free() - close what it holds. */
void answer_free(struct answer *a);
/** answer_tell() - the event "accept". */
void answer_tell(const struct answer *a, enum reason reason);
/** answer_reply() - PUNCHED, with .target, .step and .spread. */
void answer_reply(struct answer *a, enum reason reason);
/** answer_refuse() - reply, unless that was done, tell, and free. */
void answer_refuse(struct answer *a, enum reason reason);
/** answer_hand_over() - @fd is the connection, from @remote; taken over. Frees. */
void answer_hand_over(struct answer *a, int fd, const struct addr *remote);
/** answer_arm() - call back in @ns. */
void answer_arm(struct answer *a, uint64_t ns,
		void (*cb)(struct ev_loop *, struct ev_timer *, int));
/** answer_on_deadline() - for answer_arm(): it ends with a timeout. */
void answer_on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents);

/** answer_begin_many() - predict and birthday. */
void answer_begin_many(struct answer *a);
/** answer_begin_relay() - meet the caller at .punch.source. */
void answer_begin_relay(struct answer *a);
/** answer_on_countersigned() - for countersign_init(). */
void answer_on_countersigned(void *arg, int fd, const struct addr *remote);
/** answer_drop_volley() - nothing more is tried. */
void answer_drop_volley(struct answer *a);

#endif
