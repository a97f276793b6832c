/* SPDX-License-Identifier: MIT */
/*
 * Interface for a duo: one node and one mate of a cluster, and what tests of their
 * link, of questions and of answers have in common.
 *
 *	program -- node 0 ====== link ====== mate 1 (the test)
 *	              \______ seed ______/
 */
#ifndef TESTS_BOXER_DUO_H
#define TESTS_BOXER_DUO_H

#include "tests/boxer/mate.h"
#include "tests/boxer/node.h"

/**
 * struct duo - the two
 * @at: the node's control port
 */
struct duo {
	struct cluster c;
	struct child node;
	struct addr at;
	struct mate mate;
};

/** duo_start_node() - the node alone, beside a cluster that runs. */
void duo_start_node(struct duo *d);
/** duo_start() - cluster, node and mate; the link is the test's business. */
void duo_start(struct duo *d);
/** duo_start_linked() - with the link. */
void duo_start_linked(struct duo *d);
/** duo_start_by() - with the link, and a node that may use @strategies only. */
void duo_start_by(struct duo *d, const char *strategies);
/** duo_stop() - all but the mate, which ends with the test. */
void duo_stop(struct duo *d);
/** duo_own_port() - a port on loopback that nobody else has; listening or not. */
int duo_own_port(struct addr *ret_at, bool listening);
/** duo_accept_from() - take a connection, which must come from @expected. */
int duo_accept_from(int listener, const struct addr *expected);
/** duo_silent_port() - a port of ours whose queue is full: a SYN to it is not answered. */
struct addr duo_silent_port(void);

#endif
