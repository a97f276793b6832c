/* SPDX-License-Identifier: MIT */
/*
 * Interface for one side of a connection in tests of boxer/channel: a channel over
 * a TCP pair on loopback, and what it has told its owner. The other side is
 * another one, or a speaker that does as the test says. There is one loop, in the
 * test's own thread; whoever waits runs it.
 */
#ifndef TESTS_BOXER_SIDE_H
#define TESTS_BOXER_SIDE_H

#include "base/clock.h"
#include "boxer/channel.h"
#include "tests/boxer/speaker.h"

#include <criterion/criterion.h>
#include <ev.h>

#define SIDE_PATIENCE_NS (20 * NS_PER_S)

/**
 * struct side - a channel and what it has told
 * @free_in: free it inside that callback
 * @type, @body, @len: of the last frame
 */
struct side {
	struct channel *ch;
	enum { FREE_NOWHERE, FREE_IN_READY, FREE_IN_FRAME, FREE_IN_CLOSED } free_in;
	unsigned ready, frames, closed;
	enum reason reason;
	uint8_t type;
	uint8_t body[FRAME_BODY_MAX];
	size_t len;
};

extern struct ev_loop *side_loop;
extern const uint8_t side_key[AUTH_KEY_LEN];
extern const struct channel_ops side_ops;    /* for a struct side */
extern const struct channel_pace side_hurry; /* so that a test need not wait long */

/** side_set_up(), side_tear_down() - of a test suite. */
void side_set_up(void);
void side_tear_down(void);

/** side_tcp_pair() - two connected sockets. */
void side_tcp_pair(int ret_fds[static 2]);
/** side_begin() - a channel over @fd. */
void side_begin(struct side *s, int fd, const uint8_t *key, uint32_t self, uint32_t peer);
/** side_begin_pair() - node 1 and node 2, each knowing whom it wants. */
void side_begin_pair(struct side *a, const uint8_t *key_a, struct side *b, const uint8_t *key_b);
/** side_begin_with_speaker() - node 1, and a speaker for node 2. */
void side_begin_with_speaker(struct side *a, struct speaker *s);
/** side_begin_ready() - the same, after the handshake. */
void side_begin_ready(struct side *a, struct speaker *s);
/** side_free() - free the channel. */
void side_free(struct side *s);

/** side_run_a_while() - whatever is due now, and what follows from it. */
void side_run_a_while(void);
/** side_wait_in_loop() - how a speaker waits that talks to a channel. */
bool side_wait_in_loop(struct speaker *s, short events);
/** side_assert_closed() - it ends, for that reason, and says so once. */
void side_assert_closed(struct side *a, enum reason reason);

/** RUN_UNTIL() - run the loop until it is so. */
#define RUN_UNTIL(condition)                                                          \
	do {                                                                          \
		uint64_t deadline_ = clock_now() + SIDE_PATIENCE_NS;                  \
		while (!(condition)) {                                                \
			cr_assert_lt(clock_now(), deadline_, "in vain: " #condition); \
			ev_run(side_loop, EVRUN_ONCE);                                \
		}                                                                     \
	} while (0)

#endif
