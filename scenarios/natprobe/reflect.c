/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * One thread, one epoll. Over TCP a question comes in a connection, so its
 * address is proven; a dial goes to that address alone. Over UDP the source may
 * be a lie: a datagram is answered with no more bytes than it has, headers and all,
 * so there is nothing to gain by it, and knocks go to exactly the endpoint that asked.
 *
 * Nobody can keep others out. Tables are of fixed size; a connection that says
 * nothing is closed soon; when all places are taken, whoever has most of them loses one;
 * of the answers that are due over UDP, whose askers nobody can tell apart, the last
 * one gives way; and whoever asks too much is not answered for the rest of the second.
 */
#include "scenarios/natprobe/reflect.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "scenarios/natprobe/reflector.h"
#include "scenarios/natprobe/sock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#define EVENTS_MAX	  64
#define DATAGRAMS_AT_ONCE 64
#define ASKS_PER_S	  2000U
/* Epoll, signals, listeners, standard streams, and some to spare. */
#define FDS_ELSE 32
#define FDS_MIN	 128

int reflector_watch(struct reflector *r, int fd, uint32_t events, enum watch what,
		    struct handle handle)
{
	struct epoll_event ev = {
		.events = events,
		.data.u64 = (uint64_t)what << 60 | (uint64_t)handle.slot << 32 | handle.generation,
	};

	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void reflector_wake_at(struct reflector *r, uint64_t when)
{
	if (when < r->wake)
		r->wake = when;
}

struct bucket *reflector_bucket(struct reflector *r, const struct addr *host)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < sizeof(host->bytes); i++)
		hash = (hash ^ host->bytes[i]) * 16777619U;
	return &r->buckets[(hash ^ hash >> 16) % BUCKETS_MAX];
}

bool reflector_may(struct reflector *r, const struct addr *host)
{
	struct bucket *b = reflector_bucket(r, host);

	if (r->now - b->filled >= NS_PER_S) {
		b->filled = r->now;
		b->tokens = ASKS_PER_S;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

/* ---- UDP ---- */

static void udp_send(struct reflector *r, enum spot from, const struct addr *to,
		     const struct wire_msg *msg)
{
	uint8_t buf[WIRE_LEN];

	wire_encode(msg, buf);
	/* A datagram may get lost; the asker asks again. */
	(void)sock_send_to(r->udp[from], buf, sizeof(buf), to);
}

/* A free place, or that of whoever wants to wait longest: waiting costs nothing. */
static struct later *find_later(struct reflector *r)
{
	struct later *longest = &r->laters[0];

	for (size_t i = 0; i < LATERS_MAX; i++) {
		struct later *l = &r->laters[i];

		if (!l->at)
			return l;
		if (l->at > longest->at)
			longest = l;
	}
	return longest;
}

static void udp_later(struct reflector *r, enum spot spot, const struct wire_msg *ask,
		      const struct addr *peer)
{
	struct later *l = find_later(r);

	if (ask->wait_ms > WIRE_LATER_MAX_MS)
		return;
	*l = (struct later){r->now + ask->wait_ms * NS_PER_MS, spot, ask->token, *peer};
	reflector_wake_at(r, l->at);
}

static void udp_ask(struct reflector *r, enum spot spot, const struct wire_msg *ask,
		    const struct addr *peer)
{
	struct wire_msg answer = {.token = ask->token, .addr = *peer};

	switch (ask->kind) {
	case WIRE_REFLECT:
		answer.kind = WIRE_SEEN;
		break;
	case WIRE_DIAL:
		if (ask->port || ask->spot >= SPOT_ANSWERING)
			return;
		/* The answer follows what it is about, so it tells how long to wait. */
		answer.kind = WIRE_KNOCK;
		udp_send(r, ask->spot, peer, &answer);
		answer.kind = WIRE_DIALLED;
		answer.outcome = WIRE_SENT;
		break;
	case WIRE_LATER:
		udp_later(r, spot, ask, peer);
		return;
	case WIRE_SEEN:
	case WIRE_DIALLED:
	case WIRE_KNOCK:
	case WIRE_KINDS:
	default:
		return;
	}
	udp_send(r, spot, peer, &answer);
}

static void udp_event(struct reflector *r, enum spot spot)
{
	uint8_t buf[WIRE_ASK_LEN + 1];
	struct wire_msg ask;
	struct addr peer;

	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		int n = sock_receive_from(r->udp[spot], buf, sizeof(buf), &peer);

		if (n < 0)
			return;
		if (n == WIRE_ASK_LEN && wire_decode(buf, (size_t)n, &ask) == 0 &&
		    reflector_may(r, &peer))
			udp_ask(r, spot, &ask, &peer);
	}
}

static void udp_expire(struct reflector *r)
{
	for (size_t i = 0; i < LATERS_MAX; i++) {
		struct later *l = &r->laters[i];
		struct wire_msg answer = {.kind = WIRE_SEEN, .token = l->token, .addr = l->peer};

		if (l->at && l->at <= r->now) {
			udp_send(r, l->spot, &l->peer, &answer);
			l->at = 0;
		} else if (l->at) {
			reflector_wake_at(r, l->at);
		}
	}
}

/* ---- the life of it ---- */

static void expire(struct reflector *r)
{
	r->wake = UINT64_MAX;
	conn_expire(r);
	dial_expire(r);
	udp_expire(r);
}

static int timeout_ms(const struct reflector *r)
{
	uint64_t now = clock_now();

	if (r->wake == UINT64_MAX)
		return -1;
	if (r->wake <= now)
		return 0;
	return (int)((r->wake - now + NS_PER_MS - 1) / NS_PER_MS);
}

/* Return: false when a signal says that it is enough. */
static bool handle_event(struct reflector *r, uint64_t data)
{
	struct handle h = {(uint32_t)(data >> 32) & 0xfffffff, (uint32_t)data};

	switch ((enum watch)(data >> 60)) {
	case WATCH_SIGNAL:
		return false;
	case WATCH_TCP:
		conn_accept(r, h.slot);
		break;
	case WATCH_UDP:
		udp_event(r, h.slot);
		break;
	case WATCH_CONN:
		conn_event(r, h);
		break;
	case WATCH_DIAL:
		dial_event(r, h);
		break;
	}
	return true;
}

static int serve(struct reflector *r, struct error *err)
{
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		int n = epoll_wait(r->epoll, events, EVENTS_MAX, timeout_ms(r));

		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "epoll_wait");
		r->now = clock_now();
		for (int i = 0; i < n; i++)
			if (!handle_event(r, events[i].data.u64))
				return 0;
		if (r->now >= r->wake)
			expire(r);
	}
}

static int open_spot(struct reflector *r, enum spot spot, struct error *err)
{
	const struct addr *at = &r->spots[spot];
	char text[ADDR_TEXT_MAX];
	int res;

	r->tcp[spot] = sock_listen(at);
	if (r->tcp[spot] < 0)
		return error_sys(err, -r->tcp[spot], "TCP %s", addr_format(at, text));
	r->udp[spot] = sock_bind(SOCK_DGRAM, at);
	if (r->udp[spot] < 0)
		return error_sys(err, -r->udp[spot], "UDP %s", addr_format(at, text));
	res = reflector_watch(r, r->tcp[spot], EPOLLIN, WATCH_TCP, (struct handle){spot, 0});
	if (!res)
		res = reflector_watch(r, r->udp[spot], EPOLLIN, WATCH_UDP,
				      (struct handle){spot, 0});
	return res < 0 ? error_sys(err, -res, "epoll") : 0;
}

static int open_all(struct reflector *r, struct error *err)
{
	char text[ADDR_TEXT_MAX];
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->epoll < 0 || r->signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    reflector_watch(r, r->signals, EPOLLIN, WATCH_SIGNAL, (struct handle){0, 0}) < 0)
		return error_sys(err, errno, "epoll, signalfd");
	for (int i = 0; i < SPOT_ANSWERING; i++) {
		int res = open_spot(r, i, err);

		if (res < 0)
			return res;
	}
	r->silent = sock_listen_silent(&r->spots[SPOT_SILENT], &r->filler);
	if (r->silent < 0)
		return error_sys(err, -r->silent, "TCP %s",
				 addr_format(&r->spots[SPOT_SILENT], text));
	return 0;
}

/* As many connections as files may be open, and for every three of them a dial. */
static int count_places(struct reflector *r, struct error *err)
{
	rlim_t want = CONNS_MAX + DIALS_MAX + FDS_ELSE;
	struct rlimit limit;
	unsigned places;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_sys(err, errno, "getrlimit");
	if (limit.rlim_cur < want) {
		limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < FDS_MIN)
		return error_set(err, EMFILE, "needs at least %d open files (ulimit -n)", FDS_MIN);
	places = (unsigned)(limit.rlim_cur < want ? limit.rlim_cur : want) - FDS_ELSE;
	r->dials_max = places / 4 < DIALS_MAX ? places / 4 : DIALS_MAX;
	r->conns_max = places - r->dials_max < CONNS_MAX ? places - r->dials_max : CONNS_MAX;
	return 0;
}

int reflect(const struct addr addrs[static 2], uint16_t port, struct error *err)
{
	static struct reflector r = {.wake = UINT64_MAX};
	char text[2][ADDR_TEXT_MAX];
	int res;

	res = count_places(&r, err);
	if (res < 0)
		return res;
	for (size_t i = 0; i < CONNS_MAX; i++)
		r.conns[i].fd = -1;
	for (size_t i = 0; i < DIALS_MAX; i++)
		r.dials[i].fd = -1;
	spot_fill(&addrs[0], &addrs[1], port, r.spots);
	res = open_all(&r, err);
	if (res < 0)
		return res;
	(void)printf("natprobe: reflecting on %s and %s, ports %u to %u\n",
		     addr_format_host(&addrs[0], text[0]), addr_format_host(&addrs[1], text[1]),
		     port, port + 2);
	(void)fflush(stdout);
	/* The process ends with it: the kernel closes what is open. */
	return serve(&r, err);
}
