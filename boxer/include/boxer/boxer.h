/* SPDX-License-Identifier: MIT */
/*
 * libboxer: the functions of a cluster, for programs that want to know of them.
 *
 * A program started by `boxer run` or `boxer exec` needs nothing of this to use
 * the network: its connect() and accept() already reach the other members. It
 * needs this to learn who they are, to wait for them, or to take part without
 * having been started by Boxer, for everything here works with the preloaded
 * library and without it. All calls talk to the node of the same function over a
 * local socket; none of them starts a thread, installs a signal handler or ends
 * the process. Functions return 0 or more, or -errno; boxer_reason() then has
 * Boxer's own word for it.
 *
 * Link with -lboxer (pkg-config boxer).
 */
#ifndef BOXER_BOXER_H
#define BOXER_BOXER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BOXER_NAME_MAX 64
#define BOXER_WORD_MAX 32

/** struct boxer - a handle; opaque, used by one thread at a time */
struct boxer;

/** struct boxer_watch - who is told of changes; opaque, used by one thread at a time */
struct boxer_watch;

/**
 * struct boxer_options - how to take part, for boxer_join()
 *
 * Zero all of it, set @size, @seed and @key_file, and what else is wanted.
 *
 * @size: sizeof(struct boxer_options): a later version may add members at the end
 * @seed: where the seed serves, "203.0.113.10:7000"
 * @key_file: the cluster's key
 * @name: this function's name; NULL: the hostname
 * @wait: how many members, this one included, must have been met; 0 and 1: none
 * @timeout_ms: for joining and waiting; 0: 30 seconds
 * @program: the boxer command; NULL: BOXER_BINARY in the environment, or else the
 *	one beside this library, or else the one in PATH
 * @arguments: further arguments of `boxer node`, NULL-terminated; may be NULL
 */
struct boxer_options {
	size_t size;
	const char *seed;
	const char *key_file;
	const char *name;
	unsigned wait;
	unsigned timeout_ms;
	const char *program;
	const char *const *arguments;
};

/**
 * struct boxer_member - one member of the cluster
 * @id: its number, unique in the cluster, 0 and up
 * @self: 1 for the caller's own function
 * @name: its name, NUL-terminated
 * @role: its role; may be empty
 * @overlay: its stable address, an AF_INET or AF_INET6 socket address with port
 *	0; connect() to it under the shim
 * @external: the address under which the seed sees it, port 0
 */
struct boxer_member {
	uint32_t id;
	int self;
	char name[BOXER_NAME_MAX];
	char role[BOXER_NAME_MAX];
	struct sockaddr_storage overlay;
	struct sockaddr_storage external;
};

/** enum boxer_change_kind - what has happened to a member */
enum boxer_change_kind {
	BOXER_HERE = 1, /* it was there when the watch began */
	BOXER_SYNCED,	/* those were all; what follows happens now; no member */
	BOXER_JOINED,
	BOXER_UPDATED, /* more is known of it, or something else */
	BOXER_LEFT,    /* by itself */
	BOXER_LOST,    /* .reason says how */
};

/**
 * struct boxer_change - one change of the membership
 * @kind: enum boxer_change_kind
 * @version: of the membership, after it
 * @reason: of a member that has gone; else "none"
 * @member: one that has gone, as it was
 */
struct boxer_change {
	int kind;
	uint64_t version;
	char reason[BOXER_WORD_MAX];
	struct boxer_member member;
};

/** enum boxer_seed - the seed, as this function's node sees it */
enum boxer_seed { BOXER_SEED_JOINING = 1, BOXER_SEED_JOINED, BOXER_SEED_LOST };

/** enum boxer_link - the control link to a member */
enum boxer_link {
	BOXER_LINK_DOWN,
	BOXER_LINK_UP,
	BOXER_LINK_VIA, /* there is none: the seed passes on what must be said */
};

/**
 * struct boxer_status - this function's node
 * @seed: enum boxer_seed
 * @lazy: 1 when control links are made at first use, 0 when at once
 * @ready: 1 once everybody who was waited for has been met
 * @uptime_ms: since the node was started
 * @version: of the membership
 * @inside: its own address and control port, behind the NAT
 * @outside: the same, as the seed sees it
 * @mapping, @ports, @filtering, @refusal: its NAT in the words of RFC 4787; "unknown"
 *	where nothing is known
 * @step: of sequential ports
 * @connections, @connections_failed: asked for by programs of this function
 * @links, @links_lost: control links that came up, and went
 * @seed_losses: how often the seed went
 */
struct boxer_status {
	struct boxer_member self;
	int seed;
	int lazy;
	int ready;
	uint64_t uptime_ms;
	uint64_t version;
	struct sockaddr_storage inside;
	struct sockaddr_storage outside;
	char mapping[BOXER_WORD_MAX];
	char ports[BOXER_WORD_MAX];
	char filtering[BOXER_WORD_MAX];
	char refusal[BOXER_WORD_MAX];
	int step;
	uint64_t connections, connections_failed;
	uint64_t links, links_lost;
	uint64_t seed_losses;
};

/**
 * struct boxer_peer - another member, as this function's node sees it
 * @link: enum boxer_link
 * @link_reason: why it is down; else "none"
 * @local, @remote: the link's addresses, when it is up; else AF_UNSPEC
 * @link_us: how long it took to bring it up, in microseconds
 * @strategy: of the last connection to it; empty: there was none
 * @reason: how that ended: "none" when it was there
 * @took_us: how long that took, in microseconds
 * @ago_ms: how long ago it was
 */
struct boxer_peer {
	uint32_t id;
	char name[BOXER_NAME_MAX];
	int link;
	char link_reason[BOXER_WORD_MAX];
	struct sockaddr_storage local;
	struct sockaddr_storage remote;
	uint64_t link_us;
	char strategy[BOXER_WORD_MAX];
	char reason[BOXER_WORD_MAX];
	uint64_t took_us;
	uint64_t ago_ms;
};

/**
 * boxer_open() - attach to this function's node
 * @ret_boxer: the handle; boxer_close() it
 *
 * The node is found by the environment's BOXER_ID.
 *
 * Return: 0; -ENXIO when BOXER_ID is not set, -ECONNREFUSED when no node
 * answers, -EPERM when it belongs to another user.
 */
int boxer_open(struct boxer **ret_boxer);

/** boxer_open_id() - the same, for the node that runs here as member @id. */
int boxer_open_id(uint32_t id, struct boxer **ret_boxer);

/**
 * boxer_join() - take part: start a node for this process, and attach to it
 * @options: see there; not needed afterwards
 * @ret_boxer: the handle; boxer_close() leaves the cluster
 *
 * Waits until the node has joined and has met the members that are waited for. The
 * node is a child process; it ends when boxer_close() is called or when this
 * process, with all that were forked off it, has ended, however that came. What it
 * has to complain of goes to standard error. The program must not take its exit
 * status for a child's of its own.
 *
 * Return: 0; -EINVAL for options that make no sense, -ENOENT without the boxer
 * command, -ETIMEDOUT; what the seed rejects us for: -EACCES (wrong key), -EEXIST
 * (the name is taken), -EUSERS (enough members take part).
 */
int boxer_join(const struct boxer_options *options, struct boxer **ret_boxer);

/** boxer_close() - detach; leave, if it was joined. NULL is legal. */
void boxer_close(struct boxer *boxer);

/**
 * boxer_reason() - why the last call of this thread failed, in Boxer's own word
 *
 * "wrong-key", "no-strategy", "refused", ...: the same in logs, events and
 * `boxer status`; "none" when the errno says it all.
 */
const char *boxer_reason(void);

/** boxer_id() - the id of this function. */
uint32_t boxer_id(const struct boxer *boxer);

/**
 * boxer_members() - the members as of now, sorted by id
 * @members: room for @max of them; may be NULL when @max is 0
 *
 * Return: how many there are, which may be more than @max.
 */
int boxer_members(struct boxer *boxer, struct boxer_member *members, size_t max);

/**
 * boxer_resolve() - the member of that name
 *
 * Return: 0, or -ENOENT.
 */
int boxer_resolve(struct boxer *boxer, const char *name, struct boxer_member *ret_member);

/**
 * boxer_watch() - be told of every change of the membership
 * @ret_watch: boxer_unwatch() it; @boxer may be closed before
 *
 * Return: 0, or -errno.
 */
int boxer_watch(struct boxer *boxer, struct boxer_watch **ret_watch);

/** boxer_watch_fd() - a descriptor that polls readable when boxer_next() has something. */
int boxer_watch_fd(const struct boxer_watch *watch);

/**
 * boxer_next() - the next change
 * @timeout_ms: how long to wait for it; 0: not at all, -1: for ever
 *
 * First come those who are there already (BOXER_HERE), then one BOXER_SYNCED, then
 * the changes as they happen.
 *
 * Return: 0; -ETIMEDOUT none has come, -EINTR; -ECONNRESET: the node has ended, or
 * has cut us off because we read too slowly: a new watch begins from the start.
 */
int boxer_next(struct boxer_watch *watch, int timeout_ms, struct boxer_change *ret_change);

/** boxer_unwatch() - NULL is legal. */
void boxer_unwatch(struct boxer_watch *watch);

/**
 * boxer_barrier() - wait until as many as @count have come to the same barrier
 * @name: a DNS label: letters, digits and inner hyphens
 * @count: all must say the same
 * @timeout_ms: -1: for ever
 *
 * Who gives up takes his arrival back.
 *
 * Return: 0; -ETIMEDOUT, -EINTR; -EINVAL for a bad name or count; -ENETUNREACH when
 * the seed is lost, -ECONNRESET when the node is.
 */
int boxer_barrier(struct boxer *boxer, const char *name, unsigned count, int timeout_ms);

/**
 * boxer_connect() - a TCP connection to a port of a member, through all NATs
 * @name: its name
 * @port: where a program listens
 *
 * Blocks until the connection is there or has failed.
 *
 * Return: a connected socket, close-on-exec, or -errno: -ENOENT no such member,
 * -ECONNREFUSED nobody listens, -ETIMEDOUT, -EHOSTUNREACH no way leads there.
 */
int boxer_connect(struct boxer *boxer, const char *name, uint16_t port);

/** boxer_connect_id() - the same, to the member with that id. */
int boxer_connect_id(struct boxer *boxer, uint32_t id, uint16_t port);

/**
 * boxer_listen() - a socket that members can connect to
 * @port: 0 for any; getsockname() tells which
 * @backlog: as for listen()
 *
 * Return: a listening socket, close-on-exec, for boxer_accept() and for whatever
 * waits for connections; or -errno.
 */
int boxer_listen(struct boxer *boxer, uint16_t port, int backlog);

/**
 * boxer_accept() - accept() on such a socket
 * @peer, @len: as of accept(); both may be NULL
 *
 * Without the shim, accept() itself must not be used on it.
 *
 * Return: a connected socket, close-on-exec, or -errno; -EAGAIN when @listener is
 * non-blocking and nobody has come.
 */
int boxer_accept(struct boxer *boxer, int listener, struct sockaddr *peer, socklen_t *len);

/**
 * boxer_status() - what this function's node knows of itself and the others
 * @ret_status: may be NULL
 * @peers: room for @max of them, sorted by id; may be NULL when @max is 0
 *
 * Return: how many other members there are, which may be more than @max; or -errno.
 */
int boxer_status(struct boxer *boxer, struct boxer_status *ret_status, struct boxer_peer *peers,
		 size_t max);

#ifdef __cplusplus
}
#endif

#endif
