/* SPDX-License-Identifier: MIT */
/*
 * Interface for doors: an inside endpoint, a local address and port, from which
 * flows to the reflector begin and at which others may knock. What TCP and UDP
 * have in common is here; what differs is in their struct door_ops.
 */
#ifndef NATPROBE_DOOR_H
#define NATPROBE_DOOR_H

#include "scenarios/natprobe/probe.h"

#define DOOR_INBOX_MAX	8
#define DOOR_KNOCKS_MAX 8

struct door_ops;
struct pollfd;

/**
 * struct flow - TCP: a connection of a door to a spot
 * @out: what is to be sent once the connection is there
 * @error: what it ended with: 0, or -errno
 */
struct flow {
	int fd;
	int error;
	bool connecting;
	uint8_t out[WIRE_LEN];
	uint8_t in[WIRE_LEN];
	size_t fill;
};

/**
 * struct door - an inside endpoint
 * @fd: the UDP socket, or the TCP listener
 * @inbox: answers that nobody has taken yet
 * @knocks: from whom knocks came
 * @visitors: TCP: their connections, kept until the door closes
 */
struct door {
	struct probe *probe;
	const struct door_ops *ops;
	struct addr at;
	int fd;
	struct flow flows[SPOT_ANSWERING];
	unsigned n_inbox, n_knocks;
	struct wire_msg inbox[DOOR_INBOX_MAX];
	struct addr knocks[DOOR_KNOCKS_MAX];
	int visitors[DOOR_KNOCKS_MAX];
};

/**
 * struct door_ops - how a protocol does it
 * @open: make the socket at @d->at
 * @post: send @msg to a spot, or begin to
 * @repost: send it once more; NULL where nothing gets lost
 * @collect: wait until @deadline for anything; put it into the inbox or the
 *	knocks. Return: 0 something may have come, -ETIMEDOUT, or another -errno;
 *	what befalls a flow is only noted there
 * @knock: go to @to, from this door
 * @close: of the flows; the door's own socket is closed for it
 */
struct door_ops {
	int (*open)(struct door *d);
	int (*post)(struct door *d, enum spot spot, const struct wire_msg *msg);
	int (*repost)(struct door *d, enum spot spot, const struct wire_msg *msg);
	int (*collect)(struct door *d, uint64_t deadline);
	int (*knock)(struct door *d, const struct addr *to);
	void (*close)(struct door *d);
};
extern const struct door_ops door_tcp, door_udp;

/** cleanup_door - the door is closed at the end of its scope. */
#define cleanup_door cleanup_with(door_close)

/** door_open() - on a fresh port of @host; @port for a certain one. Return: 0, or -errno. */
int door_open(struct door *d, struct probe *p, enum proto proto, const struct addr *host,
	      uint16_t port);
/** door_close() - a door that never opened has a NULL probe, and may be closed, too. */
void door_close(struct door *d);

/** door_post() - ask; door_wait() gets the answer. Sets the token. Return: 0, or -errno. */
int door_post(struct door *d, enum spot spot, struct wire_msg *msg);
/** door_answer_end() - until when to wait for an answer that must come. */
uint64_t door_answer_end(const struct probe *p);
/**
 * door_wait() - wait until @end for the answer to @msg, and ask again what got lost
 *
 * Return: 0, -ETIMEDOUT, or another -errno.
 */
int door_wait(struct door *d, enum spot spot, const struct wire_msg *msg, uint64_t end,
	      struct wire_msg *ret_answer);
/** door_wait_once() - as door_wait(), but what got lost is not asked again. */
int door_wait_once(struct door *d, enum spot spot, const struct wire_msg *msg, uint64_t end,
		   struct wire_msg *ret_answer);
/** door_reflect() - how does @spot see this door? Return: 0, or -errno. */
int door_reflect(struct door *d, enum spot spot, struct addr *ret_seen);
/** door_heard() - has a knock come from @from by @deadline? @from may be NULL: anybody. */
bool door_heard(struct door *d, uint64_t deadline, const struct addr *from, struct addr *ret_from);

/* For the protocols. */

/** door_got() - an answer came; one too many is forgotten. */
void door_got(struct door *d, const struct wire_msg *msg);
/** door_knocked() - somebody came. @visitor: his connection, or -1; the door owns it. */
void door_knocked(struct door *d, const struct addr *from, int visitor);
/** door_poll() - poll() until @deadline. Return: 0, -ETIMEDOUT, or another -errno. */
int door_poll(struct pollfd *pfds, unsigned n, uint64_t deadline);

#endif
