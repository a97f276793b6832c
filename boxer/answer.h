/* SPDX-License-Identifier: MIT */
/*
 * Interface for answering: the other end of a dial. A member's program wants a
 * connection to a port of this function. The answer opens the NAT in front of us
 * from that very port, to where the connection will come from, and then gives its
 * socket up, for the program's listener to take what comes (sequential), or keeps
 * it, and hands the connection that completes on it over to the listening program.
 */
#ifndef BOXER_ANSWER_H
#define BOXER_ANSWER_H

#include "boxer/frame.h"

#include <ev.h>

#define ANSWERS_MAX	   512 /* under way, or made and waiting to be fetched, at once */
#define ANSWER_VOLLEYS_MAX 2   /* of them, with many sockets each */
#define ANSWER_DEADLINE_NS (10 * 1000000000ULL)

struct node;
struct answers;

/** answers_new() - Return: NULL without memory. */
struct answers *answers_new(struct node *node);
/** answers_free() - NULL is legal. */
void answers_free(struct answers *answers);
/** answer_punch() - member @from asks; it is always answered, at once or within milliseconds. */
void answer_punch(struct answers *answers, uint32_t from, const struct frame_punch *punch);
/** answer_done() - member @from has given up. */
void answer_done(struct answers *answers, uint32_t from, const struct frame_done *done);
/** answer_member_gone() - nobody waits for what was meant for it. */
void answer_member_gone(struct answers *answers, uint32_t from);

#endif
