/* SPDX-License-Identifier: MIT */
/*
 * Interface for a stage: a node's rooms for making connections (dials, answers,
 * ports) in the test's own process and loop, without seed, links or programs. The
 * test is the peer, whose frames it reads and writes here, and the program too.
 *
 *	node: 127.0.0.1, member 0	peer: 127.0.0.2, member 1
 *
 * For use in the helper of tests/support/userns.
 */
#ifndef TESTS_BOXER_STAGE_H
#define TESTS_BOXER_STAGE_H

#include "base/clock.h"
#include "boxer/answer.h"
#include "boxer/dial.h"
#include "boxer/frame.h"
#include "boxer/node.h"
#include "boxer/ports.h"
#include "boxer/strategy.h"
#include "tests/support/userns.h"

#include <ev.h>

#define STAGE_NODE	  0x7f000001u
#define STAGE_PEER	  0x7f000002u
#define STAGE_PATIENCE_NS (20 * NS_PER_S)
#define STAGE_SENT_MAX	  8192

/** STAGE_TEST() - a Criterion test whose body runs in the helper. */
#define STAGE_TEST(suite, name)                                    \
	static void suite##_##name(void);                          \
	static void enter_##suite##_##name(void *arg)              \
	{                                                          \
		(void)arg;                                         \
		stage_set();                                       \
		suite##_##name();                                  \
		stage_strike();                                    \
	}                                                          \
	Test(suite, name)                                          \
	{                                                          \
		userns_test(enter_##suite##_##name, NULL, 100000); \
	}                                                          \
	static void suite##_##name(void)

/** struct stage_sent - a frame that the node has sent to a member */
struct stage_sent {
	uint32_t to;
	uint8_t type;
	struct frame_punch punch;
	struct frame_punched punched;
	struct frame_done done;
};

/**
 * struct stage_given - a connection that was handed to the program that listens
 */
struct stage_given {
	uint16_t port;
	int fd;
	struct addr remote;
};

/**
 * struct stage - the one and only
 * @cut: there is neither a link nor the seed
 * @near, @may_link, @round_trip_ns: what is known of the link
 * @sent: frames, since stage_forget()
 * @given: connections
 */
struct stage {
	struct node node;
	struct node_options options;
	bool cut, near, may_link;
	uint64_t round_trip_ns;
	struct stage_sent sent[STAGE_SENT_MAX];
	size_t n_sent;
	struct stage_given given[16];
	size_t n_given;
	size_t n_pending;      /* given, as the node believes, and not accepted yet */
	uint16_t pending_port; /* where they wait; 0: on many */
};

extern struct stage stage;

/** stage_set(), stage_strike() - by STAGE_TEST(); both NATs are the plainest, all is settled. */
void stage_set(void);
void stage_strike(void);
/** stage_profiles() - what is known of the NATs from now on. */
void stage_profiles(const struct profile *self, const struct profile *peer);
/** stage_member() - another member, at 127.0.0.@id + 1. */
void stage_member(uint32_t id, uint8_t flags, const struct profile *profile);
/** stage_forget() - the frames so far. */
void stage_forget(void);
/** stage_find() - the @nth frame (from 0) of that type; NULL: not yet. */
const struct stage_sent *stage_find(uint8_t type, size_t nth);
/** stage_await() - wait for it. */
const struct stage_sent *stage_await(uint8_t type, size_t nth);
/** stage_run() - whatever is due now, and what follows at once. */
void stage_run(void);
/** stage_descriptors() - how many are open. */
size_t stage_descriptors(void);
/** stage_listen() - listen on a port of 127.0.0.@host. Return: the listener. */
int stage_listen(uint32_t host, struct addr *ret_at);
/** stage_accept_now() - without letting the loop run. Return: a descriptor, or -errno. */
int stage_accept_now(int listener, struct addr *ret_from);
/** stage_accept() - wait for a connection, in the loop. Return: it; non-blocking. */
int stage_accept(int listener, struct addr *ret_from);
/** stage_read() - wait for exactly @len bytes, in the loop. Return: have they come? */
bool stage_read(int fd, void *ret_bytes, size_t len);
/** stage_is_over() - wait for the other end to hang up. Return: did it? */
bool stage_is_over(int fd);

/** STAGE_UNTIL() - run the loop until it is so. */
#define STAGE_UNTIL(condition)                                                         \
	do {                                                                           \
		uint64_t deadline_ = clock_now() + STAGE_PATIENCE_NS;                  \
		while (!(condition)) {                                                 \
			USERNS_CHECK(clock_now() < deadline_, "in vain: " #condition); \
			ev_run(stage.node.loop, EVRUN_ONCE);                           \
		}                                                                      \
	} while (0)

#endif
