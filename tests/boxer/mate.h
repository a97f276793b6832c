/* SPDX-License-Identifier: MIT */
/*
 * Interface for a mate: a member that is the test itself. It joins the seed of a
 * cluster from a control port on loopback, listens on that port, takes the link
 * that another member's node makes to it, and then says and answers as the test
 * wants. For use in the helper of tests/support/userns.
 */
#ifndef TESTS_BOXER_MATE_H
#define TESTS_BOXER_MATE_H

#include "tests/boxer/cluster.h"

/**
 * struct mate - the member
 * @at: its control port's address
 * @uplink, @link: to the seed, and to the one other member
 * @asker: who asked last by the seed
 */
struct mate {
	uint32_t id;
	struct addr at;
	int listener;
	struct speaker uplink, link;
	uint32_t asker;
};

/** mate_join() - join as @name, 127.0.0.1 and a port of the kernel's choice. */
void mate_join(struct mate *m, const struct cluster *c, const char *name);
/** mate_accept() - take the next connection to the control port, without a word. */
int mate_accept(const struct mate *m);
/** mate_link() - take the link; the side with the lower id selects it. */
void mate_link(struct mate *m);
/** mate_leave() - end everything. */
void mate_leave(struct mate *m);

/** mate_ask() - send PUNCH. */
void mate_ask(struct mate *m, const struct frame_punch *punch);
/** mate_hear_answer() - wait for PUNCHED. */
struct frame_punched mate_hear_answer(struct mate *m);
/** mate_hear_question() - wait for PUNCH. */
struct frame_punch mate_hear_question(struct mate *m);
/** mate_answer() - send PUNCHED; @target may be NULL. */
void mate_answer(struct mate *m, uint32_t request, uint16_t reason, const struct addr *target);
/** mate_send_via() - a frame to the other member, by the seed. */
void mate_send_via(struct mate *m, uint32_t id, uint8_t type, const uint8_t *body, size_t len);
/** mate_hear_via() - wait for one of @type that the seed passes on. Return: whose. */
uint32_t mate_hear_via(struct mate *m, uint8_t type, struct speaker_frame *ret_frame);
/** mate_hear_question_via(), mate_answer_via() - the same two, by the seed. */
struct frame_punch mate_hear_question_via(struct mate *m);
void mate_answer_via(struct mate *m, uint32_t request, uint16_t reason);
/** mate_check_alive() - the node answers a PING on the link. */
void mate_check_alive(struct mate *m);

#endif
