/* SPDX-License-Identifier: MIT */
/*
 * libboxer: the functions of a cluster, for programs that want to know of them.
 *
 * A program started by `boxer run` or `boxer exec` needs nothing of this to use
 * the network: its connect() and accept() already reach the other members. It
 * needs this to learn who they are. All calls talk to the node of the same
 * function over a local socket; none of them starts a thread, installs a signal
 * handler or ends the process. Functions return 0 or more, or -errno.
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

/** struct boxer - a handle; opaque, used by one thread at a time */
struct boxer;

/**
 * struct boxer_member - one member of the cluster
 * @id: its number, unique in the cluster, 0 and up
 * @name: its name, NUL-terminated
 * @self: 1 for the caller's own function
 * @overlay: its stable address, an AF_INET or AF_INET6 socket address with port
 *	0; connect() to it under the shim
 * @external: the address under which the seed sees it, port 0
 */
struct boxer_member {
	uint32_t id;
	char name[BOXER_NAME_MAX];
	int self;
	struct sockaddr_storage overlay;
	struct sockaddr_storage external;
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

/** boxer_close() - NULL is legal. */
void boxer_close(struct boxer *boxer);

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
 * boxer_connect() - a TCP connection to a port of a member, hole punched
 * @name: its name
 * @port: where a program listens
 *
 * Works without the shim. Blocks until the connection is there or has failed.
 *
 * Return: a connected socket, close-on-exec, or -errno: -ENOENT no such member,
 * -ECONNREFUSED nobody listens, -ETIMEDOUT, -EHOSTUNREACH.
 */
int boxer_connect(struct boxer *boxer, const char *name, uint16_t port);

#ifdef __cplusplus
}
#endif

#endif
