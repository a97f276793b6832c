/* SPDX-License-Identifier: MIT */
#include "tests/boxer/mate.h"

#include "boxer/sock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void await(int fd, short events, const char *what)
{
	struct pollfd p = {.fd = fd, .events = events};

	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "waited in vain for %s", what);
}

/* A connection to the seed that leaves the control port. */
static int connect_from(const struct addr *at, const struct addr *seed)
{
	int fd = sock_shared(at, AF_INET);

	USERNS_CHECK(fd >= 0, "%s", strerror(-fd));
	USERNS_CHECK(sock_connect(fd, seed, AF_INET) == 0, "%m");
	await(fd, POLLOUT, "the seed");
	USERNS_CHECK(sock_error(fd) == 0, "the seed refuses");
	return fd;
}

void mate_join(struct mate *m, const struct cluster *c, const char *name)
{
	struct frame_join join = {.claim = FRAME_ID_JOINING};
	struct frame_joined joined;
	struct frame_member member;
	struct speaker_frame f;

	*m = (struct mate){.at = addr_v4(INADDR_LOOPBACK, 0), .link.fd = -1};
	/* Listens first: the others hear of it as soon as it has joined. */
	m->listener = sock_shared(&m->at, AF_INET);
	USERNS_CHECK(m->listener >= 0 && sock_local(m->listener, &m->at) == 0 &&
			     sock_listen(m->listener, 16) == 0,
		     "%m");
	speaker_init(&m->uplink, connect_from(&m->at, &c->at), cluster_key, FRAME_ID_JOINING,
		     FRAME_ID_SEED);
	USERNS_CHECK(speaker_handshake(&m->uplink) == 0, "no handshake with the seed");
	(void)snprintf(join.name, sizeof(join.name), "%s", name);
	join.inside = m->at;
	cluster_send_join(&m->uplink, &join);
	USERNS_CHECK(speaker_receive_type(&m->uplink, FRAME_JOINED, &f) == 0 &&
			     frame_decode_joined(f.body, f.len, &joined) == 0,
		     "JOINED");
	m->id = joined.id;
	do
		member = cluster_next_member(&m->uplink);
	while (member.id != m->id);
}

int mate_accept(const struct mate *m)
{
	int fd;

	await(m->listener, POLLIN, "a link");
	fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);
	USERNS_CHECK(fd >= 0, "%m");
	return fd;
}

void mate_link(struct mate *m)
{
	struct speaker_frame f;
	int r;

	speaker_init(&m->link, mate_accept(m), cluster_key, m->id, FRAME_ID_JOINING);
	r = speaker_handshake(&m->link);
	USERNS_CHECK(r == 0, "no handshake on the link: %s", strerror(-r));
	if (m->id < m->link.theirs.from)
		r = speaker_send(&m->link, FRAME_SELECT, NULL, 0);
	else
		r = speaker_receive_type(&m->link, FRAME_SELECT, &f);
	USERNS_CHECK(r == 0, "SELECT: %s", strerror(-r));
}

void mate_leave(struct mate *m)
{
	cluster_leave(&m->uplink);
	speaker_close(&m->link);
	(void)close(m->listener);
}

void mate_ask(struct mate *m, const struct frame_punch *punch)
{
	uint8_t body[64];
	int len = frame_encode_punch(punch, body, sizeof(body));

	USERNS_CHECK(speaker_send(&m->link, FRAME_PUNCH, body, (size_t)len) == 0, "PUNCH");
}

struct frame_punched mate_hear_answer(struct mate *m)
{
	struct frame_punched punched;
	struct speaker_frame f;

	USERNS_CHECK(speaker_receive_type(&m->link, FRAME_PUNCHED, &f) == 0 &&
			     frame_decode_punched(f.body, f.len, &punched) == 0,
		     "no PUNCHED");
	return punched;
}

struct frame_punch mate_hear_question(struct mate *m)
{
	struct frame_punch punch;
	struct speaker_frame f;

	USERNS_CHECK(speaker_receive_type(&m->link, FRAME_PUNCH, &f) == 0 &&
			     frame_decode_punch(f.body, f.len, &punch) == 0,
		     "no PUNCH");
	return punch;
}

void mate_answer(struct mate *m, uint32_t request, uint16_t reason, const struct addr *target)
{
	struct frame_punched punched = {.request = request, .reason = reason};
	uint8_t body[64];
	int len;

	if (target)
		punched.target = *target;
	len = frame_encode_punched(&punched, body, sizeof(body));
	USERNS_CHECK(speaker_send(&m->link, FRAME_PUNCHED, body, (size_t)len) == 0, "PUNCHED");
}

void mate_send_via(struct mate *m, uint32_t id, uint8_t type, const uint8_t *body, size_t len)
{
	const struct frame_via via = {.id = id, .type = type, .body = body, .len = len};
	uint8_t out[256];
	int n = frame_encode_via(&via, out, sizeof(out));

	USERNS_CHECK(n > 0 && speaker_send(&m->uplink, FRAME_VIA, out, (size_t)n) == 0, "VIA");
}

uint32_t mate_hear_via(struct mate *m, uint8_t type, struct speaker_frame *ret_frame)
{
	struct speaker_frame f;
	struct frame_via via = {0};

	do
		USERNS_CHECK(speaker_receive_type(&m->uplink, FRAME_VIA, &f) == 0 &&
				     frame_decode_via(f.body, f.len, &via) == 0,
			     "no VIA");
	while (via.type != type);
	ret_frame->type = via.type;
	ret_frame->len = via.len;
	(void)memcpy(ret_frame->body, via.body, via.len);
	return via.id;
}

struct frame_punch mate_hear_question_via(struct mate *m)
{
	struct frame_punch punch;
	struct speaker_frame f;

	m->asker = mate_hear_via(m, FRAME_PUNCH, &f);
	USERNS_CHECK(frame_decode_punch(f.body, f.len, &punch) == 0, "no PUNCH");
	return punch;
}

void mate_answer_via(struct mate *m, uint32_t request, uint16_t reason)
{
	const struct frame_punched punched = {.request = request, .reason = reason};
	uint8_t body[64];
	int len = frame_encode_punched(&punched, body, sizeof(body));

	mate_send_via(m, m->asker, FRAME_PUNCHED, body, (size_t)len);
}

void mate_check_alive(struct mate *m)
{
	struct speaker_frame f;
	int r = speaker_send(&m->link, FRAME_PING, (const uint8_t *)"alive", 5);

	if (r == 0)
		r = speaker_receive_type(&m->link, FRAME_PONG, &f);
	USERNS_CHECK(r == 0, "the link is gone: %s", strerror(-r));
}
