/* SPDX-License-Identifier: MIT */
/*
 * Interface for control frames between members: they go by the control link, or,
 * where there is none (yet, or because the NATs allow none), by the seed, which
 * passes them on. Whoever answers need not care which way the question came.
 */
#ifndef BOXER_CONTROL_H
#define BOXER_CONTROL_H

#include "boxer/frame.h"

struct node;

/**
 * control_send() - a frame to member @id: FRAME_PUNCH, PUNCHED, DONE or INTRODUCE
 *
 * Where a link may yet be made, it is asked for.
 *
 * Return: 0; -ENOTCONN when there is neither a link nor the seed; -ENOBUFS, -EMSGSIZE.
 */
int control_send(struct node *node, uint32_t id, uint8_t type, const uint8_t *body, size_t len);
/** control_received() - one has come from member @from, either way. */
void control_received(struct node *node, uint32_t from, uint8_t type, const uint8_t *body,
		      size_t len);
/**
 * control_introduce() - tell @id by the seed that we punch
 *
 * Return: about how long that takes, in ns; 0: unknown, or there is no seed.
 */
uint64_t control_introduce(struct node *node, uint32_t id);
/** control_via() - what the seed passed on. */
void control_via(struct node *node, const uint8_t *body, size_t len);

#endif
