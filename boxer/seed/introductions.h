/* SPDX-License-Identifier: MIT */
/*
 * Interface for introductions: frames that a member sends to another one through
 * the seed, because the two have no link. Only what a punch is made of is passed
 * on, only between members, and no more than a budget allows; what is beyond it,
 * or meant for a member that does not read, is dropped as a network would.
 */
#ifndef BOXER_SEED_INTRODUCTIONS_H
#define BOXER_SEED_INTRODUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTRODUCTIONS_BURST	8192 /* at once: two for each of as many members as there can be */
#define INTRODUCTIONS_PER_S	2048
#define INTRODUCTIONS_QUEUE_MAX (256UL * 1024) /* bytes that may wait for their receiver */

struct client;

/** struct budget - what a member may still send; zero is a full one */
struct budget {
	uint64_t at;	/* ns */
	uint32_t spent; /* at that time */
};

/** budget_spend() - one more at @now. Return: false when there is nothing left. */
bool budget_spend(struct budget *b, uint64_t now);
/**
 * introductions_pass() - FRAME_VIA has come from @c
 *
 * A PUNCH to nobody is answered by a PUNCHED, REASON_NOT_A_MEMBER.
 *
 * Return: 0, or -EPROTO: nothing that may be sent so.
 */
int introductions_pass(struct client *c, const uint8_t *body, size_t len);

#endif
