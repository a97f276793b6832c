/* SPDX-License-Identifier: MIT */
/*
 * Interface for a node that is the test itself: it listens where a node would,
 * owns a member table and a port cursor, and answers each question as the test
 * says, when the test says. A node that is stopped is one whose test does not
 * call anything here. All waits have a deadline and fail the test at it.
 */
#ifndef TESTS_SHIM_FAKENODE_H
#define TESTS_SHIM_FAKENODE_H

#include "boxer/local.h"

#include <stdbool.h>

/**
 * struct fakenode - the node
 * @id: its id, unique on this machine
 * @listener: the abstract socket; -1 when the node is dead
 */
struct fakenode {
	uint32_t id;
	int listener;
	struct table *table;
	struct cursor *cursor;
	int table_fd;
	int cursor_fd;
};

/**
 * struct call - a question that waits for its answer
 * @conn: the connection
 * @request: the question
 * @fd: the descriptor that came with it, or -1
 */
struct call {
	int conn;
	struct local_request request;
	int fd;
};

/** fakenode_start() - a node with an empty table; never stopped, for the test's process ends. */
struct fakenode fakenode_start(void);
/** fakenode_kill() - nobody listens any more. */
void fakenode_kill(struct fakenode *node);

/**
 * fakenode_add() - add a member
 * @id: its overlay address is 198.18.0.(@id + 1)
 * @external: as text
 *
 * Its inside address is 127.0.0.1.
 */
void fakenode_add(struct fakenode *node, uint32_t id, const char *name, uint32_t flags,
		  const char *external);

/** fakenode_take() - wait for the next call, whatever it is about. */
struct call fakenode_take(const struct fakenode *node);
/** fakenode_give_table() - answer a LOCAL_TABLE call. */
void fakenode_give_table(const struct fakenode *node, struct call *call);
/** fakenode_next() - wait for a call about @op; calls for the table are answered meanwhile. */
struct call fakenode_next(const struct fakenode *node, enum local_op op);
/** fakenode_is_idle() - no call is waiting to be taken. */
bool fakenode_is_idle(const struct fakenode *node);

/** call_check_socket() - a descriptor came, and the cookie is its own. Return: its own name. */
struct addr call_check_socket(const struct call *call);
/** call_bind() - bind it as a node does, to a port of loopback. Return: which. */
uint16_t call_bind(const struct call *call);
/**
 * call_answer() - reply, hang up and close the descriptor
 * @error: positive errno or 0
 * @to: the reply's address; NULL for none
 * @fd: goes with it, and is closed here; -1 for none
 */
void call_answer(struct call *call, int error, const struct addr *to, int fd);
/** call_answer_raw() - reply with any bytes. */
void call_answer_raw(struct call *call, const void *bytes, size_t len, const int *fds, size_t n);
/** call_hang_up() - no reply; closes the descriptor too. */
void call_hang_up(struct call *call);
/** call_wait_hang_up() - wait until the asker has closed. */
void call_wait_hang_up(const struct call *call);

#endif
