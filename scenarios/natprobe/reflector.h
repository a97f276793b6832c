/* SPDX-License-Identifier: MIT */
/*
 * Interface between the parts of the reflector. Each table has a fixed size. An
 * entry is named by its slot and generation, so that an event or an answer that
 * comes late meets nobody else.
 */
#ifndef NATPROBE_REFLECTOR_H
#define NATPROBE_REFLECTOR_H

#include "base/addr.h"
#include "scenarios/natprobe/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define CONNS_MAX   8192
#define DIALS_MAX   2048
#define LATERS_MAX  4096
#define BUCKETS_MAX 1024

/** enum watch - what an event is about */
enum watch { WATCH_SIGNAL, WATCH_TCP, WATCH_UDP, WATCH_CONN, WATCH_DIAL };

/** struct handle - an entry of a table, or none when the generations differ */
struct handle {
	uint32_t slot, generation;
};

/**
 * struct bucket - what hosts of one hash value may still ask
 * @conns: how many connections they have
 */
struct bucket {
	uint64_t filled;
	uint32_t tokens;
	uint32_t conns;
};

/**
 * struct conn - one who asks over TCP
 * @fd: -1 when the slot is free
 * @host: where @peer is counted
 * @n_dials: under way for it
 * @active: when it was last heard
 * @deadline: when it is closed
 * @later: when the answer that it waits for is due; 0 for none
 */
struct conn {
	int fd;
	uint32_t generation;
	enum spot spot;
	struct addr peer;
	struct bucket *host;
	unsigned n_dials;
	uint64_t active, deadline, later;
	uint32_t later_token;
	uint8_t buf[WIRE_LEN];
	size_t fill;
};

/**
 * struct dial - a connection that somebody asked for
 * @conn: who asked
 * @told: the answer is out, and the connection only kept until its deadline
 */
struct dial {
	int fd;
	uint32_t generation;
	struct handle conn;
	uint32_t token;
	uint64_t deadline;
	bool told;
};

/** struct later - an answer over UDP that is due @at; 0 when the slot is free */
struct later {
	uint64_t at;
	enum spot spot;
	uint32_t token;
	struct addr peer;
};

/**
 * struct reflector - all of it
 * @conns_max, @dials_max: fewer where the limit of open files is low
 * @wake: no deadline of any table is earlier; it may be too early
 */
struct reflector {
	int epoll, signals;
	int silent, filler; /* see sock_listen_silent() */
	int tcp[SPOT_ANSWERING], udp[SPOT_ANSWERING];
	struct addr spots[SPOT_COUNT];
	unsigned conns_max, dials_max;
	uint64_t now, wake;
	struct conn conns[CONNS_MAX];
	struct dial dials[DIALS_MAX];
	struct later laters[LATERS_MAX];
	struct bucket buckets[BUCKETS_MAX];
};

/** reflector_watch() - have events of @fd. Return: 0, or -errno. */
int reflector_watch(struct reflector *r, int fd, uint32_t events, enum watch what,
		    struct handle handle);
/** reflector_wake_at() - something is due at @when. */
void reflector_wake_at(struct reflector *r, uint64_t when);
/** reflector_bucket() - that of @host. */
struct bucket *reflector_bucket(struct reflector *r, const struct addr *host);
/** reflector_may() - may @host ask once more? */
bool reflector_may(struct reflector *r, const struct addr *host);

/** conn_accept() - take who waits at an answering spot. */
void conn_accept(struct reflector *r, enum spot spot);
/** conn_event() - somebody says something, or goes. */
void conn_event(struct reflector *r, struct handle handle);
/** conn_answer() - send an answer, if the asker is still there. */
void conn_answer(struct reflector *r, struct handle handle, const struct wire_msg *msg);
/** conn_dialled() - an answer to DIAL, which ends one of its dials. */
void conn_dialled(struct reflector *r, struct handle handle, uint32_t token,
		  enum wire_outcome outcome);
/** conn_expire() - do what is due, close what is overdue. */
void conn_expire(struct reflector *r);

/** dial_start() - connect from @spot to @to, and tell @conn how that went. */
enum wire_outcome dial_start(struct reflector *r, struct handle conn, const struct wire_msg *ask,
			     const struct addr *to);
/** dial_event() - something came of it. */
void dial_event(struct reflector *r, struct handle handle);
/** dial_expire() - nothing came of some. */
void dial_expire(struct reflector *r);

#endif
