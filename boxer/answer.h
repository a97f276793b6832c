/* SPDX-License-Identifier: MIT */
/*
 * Interface for answering: the other end of a dial. A member's program is about
 * to connect to a port of this function; the answer sends a SYN from that very
 * port to where the connection will come from, which opens the NAT in front of
 * us, and then either gives the socket up (sequential) or keeps it and hands
 * the connection that completes on it over to the listening program
 * (simultaneous).
 */
#ifndef BOXER_ANSWER_H
#define BOXER_ANSWER_H

#include "boxer/frame.h"

#include <ev.h>

#define ANSWERS_MAX	   512 /* kept sockets that wait for their connection */
#define ANSWER_DEADLINE_NS (10 * 1000000000ULL)

struct node;
struct answers;

/** answers_new() - Return: NULL without memory. */
struct answers *answers_new(struct node *node);
/** answers_free() - NULL is legal. */
void answers_free(struct answers *answers);
/** answer_punch() - member @from asks; it is always answered, at once or within milliseconds. */
void answer_punch(struct answers *answers, uint32_t from, const struct frame_punch *punch);

#endif
