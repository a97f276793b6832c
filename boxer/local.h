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
#include "boxer/profile.h"

#include <stdatomic.h>
#include <stdint.h>

#define LOCAL_VERSION	   2
#define LOCAL_NAME_FMT	   "boxer/%u" /* after the leading NUL of an abstract name */
#define LOCAL_NAME_MAX	   64
#define LOCAL_TEXT_MAX	   8192	       /* it holds two paths */
#define LOCAL_SIGNAL_NET   0x7f4d0000u /* 127.77.0.0/16: where signal connections come from */
#define LOCAL_SIGNAL_MASK  0xffff0000u
#define LOCAL_OVERLAY_NET  0xc6120000u /* 198.18.0.0/15: member ID has the host part ID + 1 */
#define LOCAL_OVERLAY_MASK 0xfffe0000u

/**
 * enum local_op - requests
 * @LOCAL_TABLE: the two shared pages. Reply with two descriptors: the member
 *	table (read-only) and the port cursor (read-write)
 * @LOCAL_PUNCH: connect() is about to be made on the attached descriptor, whose
 *	SO_COOKIE is .cookie, to .target (as the program gave it); the node binds
 *	it if it is not bound. The reply comes when it is known how: .error 0 and
 *	no descriptor: connect to .addr now; .error 0 and a descriptor: that is
 *	the connection, put it in the place of the program's socket; else .error.
 *	Closing the connection before the reply cancels. Where connect() to .addr
 *	fails, another LOCAL_PUNCH for the same socket goes on with the next way
 * @LOCAL_CONNECTING: as LOCAL_PUNCH, but the descriptor is bound, and connect() to the
 *	member's external address is made at the same time (TABLE_EARLY). No reply. On
 *	failure the node shuts the socket down and keeps the reason for LOCAL_RESULT;
 *	a program that waits may go on with LOCAL_PUNCH
 * @LOCAL_RESULT: why did the socket .cookie fail? .reason, and in .error the errno that
 *	connect() should have given; both 0 when the node knows nothing of it
 * @LOCAL_FETCH: a signal connection from .target was accepted on the listening
 *	port .local.port. Reply with one descriptor, the connected socket, and its
 *	peer in .addr; .error ENOENT: not a signal of the node's, an ordinary
 *	connection
 * @LOCAL_ENV: reply followed by text: the guest's environment, NAME=VALUE lines
 * @LOCAL_WATCH: reply, then struct local_change messages, one packet each: all members,
 *	and from then on every change. Who reads too slowly is cut off
 * @LOCAL_STATUS: reply with one descriptor, a struct local_status to be mapped
 * @LOCAL_BARRIER: come to the barrier .name, for .count arrivals. The reply comes when
 *	they have all come. Closing the connection takes the arrival back
 */
enum local_op {
	LOCAL_TABLE = 1,
	LOCAL_PUNCH,
	LOCAL_CONNECTING,
	LOCAL_RESULT,
	LOCAL_FETCH,
	LOCAL_ENV,
	LOCAL_WATCH,
	LOCAL_STATUS,
	LOCAL_BARRIER,
};

/** struct local_request - one request; unused fields are zero */
struct local_request {
	uint32_t version;
	uint32_t op;
	uint64_t cookie;
	struct addr target;
	struct addr local;
	uint32_t count;
	uint32_t pad;
	char name[LOCAL_NAME_MAX];
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
#define TABLE_NAME_MAX LOCAL_NAME_MAX

/** Flags of a row. */
#define TABLE_SELF  0x1u /* this node */
#define TABLE_EARLY 0x2u /* connect() may begin before the node is asked (LOCAL_CONNECTING) */

/**
 * struct table_row - one member
 * @overlay: its stable address (port 0)
 * @external: the address that the seed observed (port 0)
 * @inside: its own address behind its NAT (port 0)
 * @role: may be empty
 */
struct table_row {
	uint32_t id;
	uint32_t flags;
	struct addr overlay;
	struct addr external;
	struct addr inside;
	char name[TABLE_NAME_MAX];
	char role[TABLE_NAME_MAX];
	struct profile profile;
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

/** enum local_change_kind - what a watcher is told */
enum local_change_kind {
	LOCAL_CHANGE_HERE = 1, /* of those that were there when the watching began */
	LOCAL_CHANGE_SYNCED,   /* that was all of them; what follows happens now; no member */
	LOCAL_CHANGE_JOINED,
	LOCAL_CHANGE_UPDATED, /* the record of a member that is known already */
	LOCAL_CHANGE_LEFT,    /* by itself */
	LOCAL_CHANGE_LOST,    /* .reason says how */
};

/**
 * struct local_change - one message to a watcher
 * @kind: enum local_change_kind
 * @membership: the version of the membership after this change
 * @reason: enum reason, of a member that has gone
 * @member: as in the member table; one that has gone, as it was
 */
struct local_change {
	uint32_t version;
	uint32_t kind;
	uint64_t membership;
	uint32_t reason;
	uint32_t pad;
	struct table_row member;
};

/** enum local_seed - the seed, as the node sees it */
enum local_seed { LOCAL_SEED_JOINING = 1, LOCAL_SEED_JOINED, LOCAL_SEED_LOST };

/** enum local_control - how control links come about */
enum local_control { LOCAL_CONTROL_FULL = 1, LOCAL_CONTROL_LAZY };

/** enum local_link - the control link to a member */
enum local_link {
	LOCAL_LINK_DOWN,
	LOCAL_LINK_UP,
	LOCAL_LINK_VIA, /* none: frames go through the seed */
};

/**
 * struct local_counters - since the node was started
 * @connections: that programs of this function have asked for
 * @links: control links that came up
 */
struct local_counters {
	uint64_t connections;
	uint64_t connections_failed;
	uint64_t links;
	uint64_t links_lost;
	uint64_t seed_losses;
};

#define LOCAL_STRATEGY_MAX 24

/**
 * struct local_peer - one other member, in the status
 * @link: enum local_link
 * @link_reason: enum reason: why it is down
 * @local, @remote: the link's addresses, when it is up
 * @link_ns: how long it took to bring it up
 * @strategy: of the last data connection towards it; empty: there was none
 * @reason: enum reason, of that connection
 * @took_ns, @ended_at: how long it took, and when it ended, on CLOCK_MONOTONIC
 */
struct local_peer {
	uint32_t id;
	uint32_t link;
	uint32_t link_reason;
	uint32_t reason;
	struct addr local, remote;
	uint64_t link_ns;
	uint64_t took_ns;
	uint64_t ended_at;
	char name[TABLE_NAME_MAX];
	char strategy[LOCAL_STRATEGY_MAX];
};

/**
 * struct local_status - what LOCAL_STATUS's descriptor holds
 * @seed_state: enum local_seed
 * @control: enum local_control
 * @open: the start gate has opened
 * @membership: its version
 * @started_at: on CLOCK_MONOTONIC
 * @external, @inside: with the control port
 * @peers: @n_peers of them, sorted by id
 */
struct local_status {
	uint32_t version;
	uint32_t id;
	uint32_t seed_state;
	uint32_t control;
	uint32_t open;
	uint32_t n_peers;
	uint64_t membership;
	uint64_t started_at;
	struct addr seed, overlay, external, inside;
	struct profile profile;
	char name[TABLE_NAME_MAX];
	char role[TABLE_NAME_MAX];
	struct local_counters counters;
	struct local_peer peers[];
};

#endif
