/* SPDX-License-Identifier: MIT */
/*
 * Interface for a pretender: a seed that is the test itself, and says to the one
 * node that joins it whatever the test wants. For use in the helper of
 * tests/support/userns.
 */
#ifndef TESTS_BOXER_PRETENDER_H
#define TESTS_BOXER_PRETENDER_H

#include "tests/boxer/cluster.h"

/** pretender_listen() - cluster_prepare(), and listen where a seed would. Return: the listener. */
int pretender_listen(struct cluster *c);
/** pretender_replace() - listen where the cluster's seed did, which has ended. */
int pretender_replace(const struct cluster *c);
/** pretender_accept() - take a connection, without a word. */
int pretender_accept(int listener);
/** pretender_greet() - take one, prove to be the seed, and hear a JOIN. */
void pretender_greet(int listener, struct speaker *s, struct frame_join *ret_join);
/** pretender_observe() - take one, hear OBSERVE, and answer that it comes from @seen. Return: it. */
int pretender_observe(int listener, const struct addr *seen);
/** pretender_admit() - send JOINED. */
void pretender_admit(struct speaker *s, uint32_t id, const struct addr *observed);
/** pretender_announce() - send MEMBER. */
void pretender_announce(struct speaker *s, const struct frame_member *m);
/** pretender_send_gone() - send GONE. */
void pretender_send_gone(struct speaker *s, uint32_t id, enum reason reason);
/** pretender_reject() - send REJECT. */
void pretender_reject(struct speaker *s, enum reason reason);

#endif
