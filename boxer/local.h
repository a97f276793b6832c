/* SPDX-License-Identifier: MIT */
/*
 * Interface for the local API: what a program in a function (through the shim,
 * libboxer or the boxer command) says to the node of that function. The node
 * listens on the abstract Unix socket "@boxer/ID", SOCK_SEQPACKET; a connection
 * carries one request and at most one reply, so neither side keeps state for
 * the other and a fork or an exec between two calls is harmless. Both ends run
 * under one kernel uid (SO_PEERCRED is checked by both) from one build, so the
 * messages are fixed structs in host byte order, rejected unless their size and
 * version are exactly right.
 */
#ifndef BOXER_LOCAL_H
#define BOXER_LOCAL_H

#include "base/addr.h"

#include <stdatomic.h>
#include <stdint.h>

#define LOCAL_VERSION	   1
#define LOCAL_NAME_FMT	   "boxer/%u"  /* after the leading NUL of an abstract name */
#define LOCAL_TEXT_MAX	   8192	       /* it holds two paths */
#define LOCAL_SIGNAL_NET   0x7f4d0000u /* 127.77.0.0/16: where signal connections come from */
#define LOCAL_SIGNAL_MASK  0xffff0000u
#define LOCAL_OVERLAY_NET  0xc6120000u /* 198.18.0.0/15: member ID has the host part ID + 1 */
#define LOCAL_OVERLAY_MASK 0xfffe0000u

/**
 * enum local_op - requests
 * @LOCAL_TABLE: the two shared pages. Reply with two descriptors: the member
 *	table (read-only) and the port cursor (read-write)
 * @LOCAL_PUNCH: a blocking connect() is about to be made from .local (bound) to
 *	.target (as the program gave it). The reply comes when the hole is open
 *	(.error 0, .addr = where to connect to) or when it is known that it will
 *	not be (.error). Closing the connection cancels
 * @LOCAL_CONNECTING: a non-blocking connect() from .local to .target is under
 *	way on the attached descriptor, whose SO_COOKIE is .cookie. No reply. On
 *	failure the node shuts the socket down and keeps the errno for LOCAL_RESULT
 * @LOCAL_RESULT: why did the socket .cookie fail? .error is the errno that
 *	connect() should have given, 0 when the node knows nothing of it
 * @LOCAL_FETCH: a signal connection from .target was accepted on the listening
 *	port .local.port. Reply with one descriptor, the connected socket, and its
 *	peer in .addr; .error ENOENT: not a signal of the node's, an ordinary
 *	connection
 * @LOCAL_ENV: reply followed by text: the guest's environment, NAME=VALUE lines
 */
enum local_op {
	LOCAL_TABLE = 1,
	LOCAL_PUNCH,
	LOCAL_CONNECTING,
	LOCAL_RESULT,
	LOCAL_FETCH,
	LOCAL_ENV,
};

/** struct local_request - one request; unused fields are zero */
struct local_request {
	uint32_t version;
	uint32_t op;
	uint64_t cookie;
	struct addr target;
	struct addr local;
};

/**
 * struct local_reply - one reply
 * @error: positive errno, 0 for success
 * @reason: enum reason (boxer/reason.h): the same thing in Boxer's own words
 */
struct local_reply {
	uint32_t version;
	int32_t error;
	uint32_t reason;
	uint32_t pad;
	struct addr addr;
};

/*
 * The member table: one writer (the node), any number of readers, without a
 * lock. A reader loads .seq until it is even, copies the row it wants, and
 * starts again if .seq has changed. Rows 0 .. .n-1 are in use, sorted by id.
 */
#define TABLE_MAGIC    0x42785462u
#define TABLE_ROWS_MAX 4096
#define TABLE_NAME_MAX 64

/** Flags of a row. */
#define TABLE_SELF 0x1u /* this node */
#define TABLE_WAIT 0x2u /* a non-blocking connect() must ask (LOCAL_PUNCH) all the same */

/**
 * struct table_row - one member
 * @overlay: its stable address (port 0)
 * @external: the address that the seed observed (port 0)
 * @inside: its own address behind its NAT (port 0)
 */
struct table_row {
	uint32_t id;
	uint32_t flags;
	struct addr overlay;
	struct addr external;
	struct addr inside;
	char name[TABLE_NAME_MAX];
};

/** struct table - the shared page; its size is sizeof(struct table) */
struct table {
	uint32_t magic;
	uint32_t version;
	_Atomic uint32_t seq;
	uint32_t n;
	struct table_row rows[TABLE_ROWS_MAX];
};

/**
 * struct cursor - the shared cursor through the local ports of outgoing
 * connections: a port that was used a moment ago must not be used again, for
 * the NATs in between still hold the old flow. Take one with atomic_fetch_add.
 */
struct cursor {
	_Atomic uint32_t next;
};
#define CURSOR_PORT_FIRST 16384u
#define CURSOR_PORT_COUNT 16384u /* ends where Linux's own range begins, 32768 */

#endif
