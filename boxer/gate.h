/* SPDX-License-Identifier: MIT */
/*
 * Interface for the start gate: whom a node waits for before its guest is started:
 * a number of members, members with certain names, a number of members in a role.
 * The gate counts whom the node has met. Who has left in good order since counts on,
 * for a fast member may have done its work before a slow one has met everybody. Who
 * was lost counts no more, and nobody counts twice: whoever is started again under
 * its name takes the place of its former self. Pure.
 */
#ifndef BOXER_GATE_H
#define BOXER_GATE_H

#include "boxer/frame.h"

#include <stdbool.h>
#include <stddef.h>

#define GATE_NAMES_MAX 256
#define GATE_ROLES_MAX 16

struct members;

/** struct gate_role - so many members in a role */
struct gate_role {
	char role[FRAME_NAME_MAX + 1];
	size_t count;
};

/**
 * struct gate_wants - what is waited for
 * @count: members, this one included; 0 and 1: none
 * @names: @n_names of them
 * @roles: @n_roles of them; this node's own counts
 */
struct gate_wants {
	size_t count;
	char (*names)[FRAME_NAME_MAX + 1];
	size_t n_names;
	struct gate_role roles[GATE_ROLES_MAX];
	size_t n_roles;
};

struct gate;

/** gate_wants_names() - add "A,B,C". Return: 0; -EINVAL: not names; -E2BIG; -ENOMEM. */
int gate_wants_names(struct gate_wants *wants, const char *list);
/** gate_wants_role() - add "ROLE=N". Return: 0; -EINVAL: not that; -E2BIG. */
int gate_wants_role(struct gate_wants *wants, const char *text);
/** gate_wants_free() - release what it holds. */
void gate_wants_free(struct gate_wants *wants);

/** gate_new() - @wants stays the caller's for its life. Return: NULL without memory. */
struct gate *gate_new(const struct gate_wants *wants);
/** gate_free() - NULL is legal. */
void gate_free(struct gate *gate);
/**
 * gate_meet() - @member has been met, or is this node itself; again is legal
 *
 * It replaces whom gate_replace() would.
 *
 * Return: 0, or -ENOMEM.
 */
int gate_meet(struct gate *gate, const struct frame_member *member);
/** gate_forget() - @id was lost; one that has not been met is legal. */
void gate_forget(struct gate *gate, uint32_t id);
/** gate_replace() - @member has joined: another one that had its name before counts no more. */
void gate_replace(struct gate *gate, const struct frame_member *member);
/** gate_is_open() - nobody is missing. */
bool gate_is_open(const struct gate *gate);
/**
 * gate_missing() - who is: "2 of 4 members; waits for fn-2 (has not joined), fn-3 (no
 * link: timeout); 1 of 2 in the role worker"
 * @members: those that are there now
 * @why: of a member that is there and has not been met, in words
 */
void gate_missing(const struct gate *gate, const struct members *members,
		  const char *(*why)(void *arg, uint32_t id), void *arg, char *ret, size_t size);

#endif
