/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a lab's door, the side of whoever knocks.
 */
#ifndef LAB_DOOR_CLIENT_H
#define LAB_DOOR_CLIENT_H

#include "lab/door_msg.h"
#include "lab/lab.h"

#include <stdbool.h>

/** struct door_lab - a connection to a lab; .sock is the caller's to close */
struct door_lab {
	char id[LAB_ID_MAX + 1];
	int sock;
};

/**
 * door_open() - connect
 * @id: its id, or the beginning of exactly one; NULL or "": the only one there is
 *
 * Return: 0, or -errno with words.
 */
int door_open(const char *id, struct door_lab *ret_lab, struct error *err);

/**
 * door_list() - ask for the nodes from number @first on
 *
 * Return: how many came, 0 after the last, or -errno (-EAGAIN: no answer within
 * two seconds: it is busy).
 */
int door_list(const struct door_lab *lab, size_t first, struct door_node nodes[DOOR_NODES_MAX],
	      struct error *err);

/**
 * door_state() - ask what NATs remember
 * @nat: of this name; NULL: all
 *
 * Return: a descriptor of a file with JSON, see lab/run/state.h, or -errno as door_list().
 */
int door_state(const struct door_lab *lab, const char *nat, struct error *err);
/** door_end() - ask the lab to end. Return: 0 when it will, or -errno. */
int door_end(const struct door_lab *lab, struct error *err);

/**
 * struct door_order - a program to start
 * @tty: in a terminal of its own; else it gets the caller's 0, 1 and 2
 */
struct door_order {
	const char *node;
	char *const *argv;
	bool tty;
};

/**
 * door_exec() - start it and stay with it until it has ended
 *
 * Signals that the caller gets meanwhile go to the program. With a terminal, the
 * caller's one is in raw mode while the program runs, and as before afterwards.
 *
 * Return: 0, or -errno with words when it was not even tried; -ECONNRESET: the
 * lab has ended.
 */
int door_exec(const struct door_lab *lab, const struct door_order *order, int *ret_exec_error,
	      int *ret_status, struct error *err);

#endif
