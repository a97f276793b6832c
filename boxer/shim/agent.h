/* SPDX-License-Identifier: MIT */
/*
 * Interface for the agent: the guest's side of the local API (boxer/local.h).
 * It is compiled into the shim and into libboxer. A question is one connection
 * ("talk"), opened, used and closed within one call of the program, so nothing
 * survives that a fork or an exec could spoil. Only the two shared pages stay
 * mapped. Any number of threads may use one struct agent.
 */
#ifndef BOXER_SHIM_AGENT_H
#define BOXER_SHIM_AGENT_H

#include "boxer/local.h"

#include <stdbool.h>
#include <stdint.h>

#define AGENT_FDS_MAX 2

/**
 * struct agent - the way to one node
 * @id: which: the member's id
 * @table: the member table; NULL until agent_map()
 * @cursor: the port cursor; NULL until agent_map()
 */
struct agent {
	uint32_t id;
	_Atomic(const struct table *) table;
	_Atomic(struct cursor *) cursor;
};

/**
 * struct agent_talk - one connection to the node; lives on the stack
 * @conn: the Unix socket, non-blocking
 * @cancel_state: the thread's, to be restored: a talk can't be cancelled, but
 *	for the wait in agent_receive(.., AGENT_INTERRUPTIBLE, ..)
 * @outer_conn: the talk that this one interrupts, in a signal handler; -1 if none
 */
struct agent_talk {
	int conn;
	int cancel_state;
	int outer_conn;
};

/**
 * enum agent_wait - what may end a wait before its deadline
 * @AGENT_STEADY: nothing; signals are handled and the wait goes on
 * @AGENT_INTERRUPTIBLE: a signal handler (-EINTR); and it is a cancellation
 *	point, which closes the talk
 */
enum agent_wait { AGENT_STEADY, AGENT_INTERRUPTIBLE };

/**
 * struct agent_answer - what the node said
 * @reply: as it came
 * @fds: the descriptors that came with it, close-on-exec, the caller's to close
 * @n_fds: how many
 */
struct agent_answer {
	struct local_reply reply;
	int fds[AGENT_FDS_MAX];
	unsigned n_fds;
};

/**
 * agent_id_from_env() - the id in BOXER_ID
 *
 * Return: 0, or -ENXIO when it is not set, is no number, or the program runs
 * with more rights than its caller.
 */
int agent_id_from_env(uint32_t *ret_id);

/**
 * agent_map() - map the two pages, unless they are mapped
 *
 * Return: 0; or as agent_call(); -EPROTO when they are not what they should be.
 */
int agent_map(struct agent *agent);
/**
 * agent_take_pages() - map the two pages that an answer to LOCAL_TABLE brings
 * @answer: its descriptors are closed
 *
 * Return: 0; -EPROTO when they are not what they should be.
 */
int agent_take_pages(struct agent *agent, struct agent_answer *answer);
/** agent_unmap() - for an agent that nobody uses any more. */
void agent_unmap(struct agent *agent);

/**
 * agent_open() - connect to the node; never waits
 *
 * Return: 0; -ECONNREFUSED no node is there; -EPERM somebody else's process is;
 * -EAGAIN it does not take calls; -EMFILE etc. On success agent_close() it, in
 * the same thread.
 */
int agent_open(const struct agent *agent, struct agent_talk *ret_talk);
/** agent_close() - end the talk; the node takes back what it had not answered. */
void agent_close(struct agent_talk *talk);
/** agent_keep() - end the talk, but not its connection. Return: that, the caller's. */
int agent_keep(struct agent_talk *talk);

/**
 * agent_send() - send a request; never waits
 * @request: .version is filled in
 * @fd: a descriptor to send a copy of, or -1
 *
 * Return: 0, or -errno.
 */
int agent_send(const struct agent_talk *talk, struct local_request *request, int fd);
/**
 * agent_receive() - wait for the reply
 * @deadline: ns of clock_now()
 *
 * Return: 0 when the node has answered, whatever it said; -ETIMEDOUT; -EINTR;
 * -ECONNRESET it is gone; -EPROTO that was no reply; -EMFILE there was no room
 * for the descriptors.
 */
int agent_receive(struct agent_talk *talk, uint64_t deadline, enum agent_wait wait,
		  struct agent_answer *ret_answer);

/**
 * agent_call() - open, send, receive, close; for what the node can answer at once
 *
 * Return: 0 when the node has answered, whatever it said; else as the three:
 * -ETIMEDOUT after two seconds.
 */
int agent_call(const struct agent *agent, struct local_request *request,
	       struct agent_answer *ret_answer);

/** agent_drop_fds() - close what came with an answer and is not wanted. */
void agent_drop_fds(struct agent_answer *answer);

/** agent_is_busy() - this thread is in the agent, so a hook must not call it again. */
bool agent_is_busy(void);
/** agent_forked() - for pthread_atfork(), in the child: close other threads' talks. */
void agent_forked(void);

#endif
