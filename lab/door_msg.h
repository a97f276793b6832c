/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between the two sides of a lab's door: messages on a SOCK_SEQPACKET
 * socket. Both sides are the same user on the same machine, so messages are
 * structs in host byte order; a version keeps two builds apart.
 *
 * A connection carries one request and what follows from it:
 *
 *	DOOR_LIST	DOOR_NODES, and so on with a higher .first; none: the end
 *	DOOR_STATE	DOOR_TEXT
 *	DOOR_END	DOOR_DONE
 *	DOOR_EXEC	DOOR_STARTED, then DOOR_ENDED; meanwhile DOOR_SIGNAL
 *
 * or DOOR_REFUSED. A client that closes the connection gives its program up: it
 * gets SIGHUP and SIGTERM, and SIGKILL two seconds later.
 */
#ifndef LAB_DOOR_MSG_H
#define LAB_DOOR_MSG_H

#include "base/addr.h"
#include "base/error.h"
#include "lab/sandbox.h"

#include <stdint.h>

#define DOOR_VERSION	 2
#define DOOR_NODES_MAX	 16 /* in one reply */
#define DOOR_TERM_MAX	 64
#define DOOR_STRINGS_MAX (SANDBOX_REQUEST_MAX / 2) /* the environment needs room too */
#define DOOR_ROLE_MAX	 16

/** enum door_op - what a client asks */
enum door_op {
	DOOR_LIST = 1,
	DOOR_EXEC,
	DOOR_SIGNAL,
	DOOR_END,
	DOOR_STATE,
};

/**
 * struct door_head - what a request begins with; what it does not use is 0
 * @first: DOOR_LIST: index of the first node that is wanted
 * @signal: DOOR_SIGNAL
 * @tty: DOOR_EXEC: make a terminal, whose far side comes with DOOR_STARTED; else
 *	 three descriptors come with the request
 * @rows, @columns: size of that terminal
 * @argc, @size: how many strings follow, each NUL-terminated, and their bytes
 * @node: the machine's name; DOOR_STATE: a NAT's, or empty for all
 * @term: DOOR_EXEC with @tty: the client's $TERM
 */
struct door_head {
	uint32_t version;
	uint32_t op;
	uint32_t first;
	int32_t signal;
	uint32_t tty;
	uint16_t rows, columns;
	uint32_t argc;
	uint32_t size;
	char node[SANDBOX_NAME_MAX + 1];
	char term[DOOR_TERM_MAX];
};

/** struct door_request - a request; without strings for all but DOOR_EXEC */
struct door_request {
	struct door_head head;
	char strings[DOOR_STRINGS_MAX];
};

/** enum door_answer - what the lab says */
enum door_answer {
	DOOR_NODES = 1,
	DOOR_STARTED,
	DOOR_ENDED,
	DOOR_DONE,
	DOOR_REFUSED,
	DOOR_TEXT, /* with a descriptor of a file that holds it */
};

/**
 * struct door_node - a machine, for people who choose one
 * @role: "function", "seed", "host"
 * @inside: its own address (port 0)
 * @external: what the world sees (port 0)
 */
struct door_node {
	char name[SANDBOX_NAME_MAX + 1];
	char role[DOOR_ROLE_MAX];
	struct addr inside;
	struct addr external;
};

/**
 * struct door_reply - a reply; what it does not use is 0
 * @error: DOOR_REFUSED, and DOOR_ENDED when it could not be executed: positive errno
 * @status: DOOR_ENDED: as from waitpid()
 * @n: DOOR_NODES: how many
 * @text: DOOR_REFUSED: why
 */
struct door_reply {
	uint32_t version;
	uint32_t what;
	int32_t error;
	int32_t status;
	uint32_t n;
	union {
		struct door_node nodes[DOOR_NODES_MAX];
		char text[ERROR_TEXT_MAX];
	};
};

#endif
