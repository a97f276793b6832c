/* SPDX-License-Identifier: MIT */
/*
 * Interface among the parts of libboxer: what a handle is, and how a call ends.
 * The boxer command is made of the same parts, and looks at what programs must not.
 */
#ifndef BOXER_CLIENT_HANDLE_H
#define BOXER_CLIENT_HANDLE_H

#include "boxer/boxer.h"
#include "boxer/reason.h"
#include "boxer/shim/agent.h"

#include <sys/types.h>

#define API __attribute__((visibility("default")))

/**
 * struct boxer - see boxer/boxer.h
 * @pid, @pidfd: the node that boxer_join() has started; 0, -1: it was there before
 * @lifeline: the node ends when nobody holds this any more
 */
struct boxer {
	struct agent agent;
	pid_t pid;
	int pidfd;
	int lifeline;
};

/** client_begin() - the first line of each call: nothing has failed yet. */
void client_begin(void);
/** client_reason() - note why the call fails. Return: -errno for it. */
int client_reason(enum reason reason);
/** client_note() - the same, of a reason that the node has sent, which may be any number. */
void client_note(uint32_t reason);
/** client_unknown() - there is no such member. Return: -ENOENT. */
int client_unknown(void);
/** client_reply() - what the node says. Return: 0, or -errno with its reason noted. */
int client_reply(const struct local_reply *reply);
/** client_deadline() - of a timeout in ms, -1 for none, on CLOCK_MONOTONIC. */
uint64_t client_deadline(int timeout_ms);
/** client_new() - a handle on node @id, its pages mapped. Return: 0, or -errno. */
int client_new(uint32_t id, struct boxer **ret_boxer);
/** client_member() - a row of the member table as programs see it. */
void client_member(const struct table_row *row, struct boxer_member *ret_member);
/** client_end_node() - end the node that was started for us, and wait for its end. */
void client_end_node(struct boxer *boxer);

/** struct client_status - the node's status, mapped */
struct client_status {
	const struct local_status *page;
	size_t size;
};

/** client_status() - client_status_free() it. Return: 0, or -errno. */
int client_status(const struct agent *agent, struct client_status *ret_status);
void client_status_free(struct client_status *status);

#endif
