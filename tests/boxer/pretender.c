/* SPDX-License-Identifier: MIT */
#include "tests/boxer/pretender.h"

#include "boxer/members.h"
#include "boxer/sock.h"

#include <poll.h>
#include <string.h>

static int listen_at(struct addr *at)
{
	int fd = sock_shared(at, AF_INET);

	USERNS_CHECK(fd >= 0 && sock_listen(fd, 16) == 0 && sock_local(fd, at) == 0, "%m");
	return fd;
}

int pretender_listen(struct cluster *c)
{
	int fd;

	cluster_prepare();
	c->at = addr_v4(INADDR_LOOPBACK, 0);
	fd = listen_at(&c->at);
	(void)addr_format(&c->at, c->text);
	return fd;
}

int pretender_replace(const struct cluster *c)
{
	struct addr at = c->at;

	return listen_at(&at);
}

int pretender_accept(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "nobody came");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	USERNS_CHECK(fd >= 0, "%m");
	return fd;
}

void pretender_greet(int listener, struct speaker *s, struct frame_join *ret_join)
{
	struct speaker_frame f;

	speaker_init(s, pretender_accept(listener), cluster_key, FRAME_ID_SEED, FRAME_ID_JOINING);
	USERNS_CHECK(speaker_handshake(s) == 0, "no handshake");
	USERNS_CHECK(speaker_receive_type(s, FRAME_JOIN, &f) == 0 &&
			     frame_decode_join(f.body, f.len, ret_join) == 0,
		     "no JOIN");
}

int pretender_observe(int listener, const struct addr *seen)
{
	uint8_t question[FRAME_HEADER_LEN + 2 * FRAME_TOKEN_LEN + FRAME_CODE_LEN];
	uint8_t said[FRAME_TOKEN_LEN + 32], frame[FRAME_HEADER_LEN + 64];
	struct frame_writer w = {.at = said, .end = said + sizeof(said)};
	struct frame_observed m = {.seen = *seen};
	int fd = pretender_accept(listener), len;

	USERNS_CHECK(recv(fd, question, sizeof(question), MSG_WAITALL) == sizeof(question) &&
			     question[3] == FRAME_OBSERVE,
		     "no OBSERVE");
	/* The nonce lies behind the token. */
	frame_put_bytes(&w, question + FRAME_HEADER_LEN + FRAME_TOKEN_LEN, FRAME_TOKEN_LEN);
	frame_put_addr(&w, &m.seen);
	auth_code(cluster_key, AUTH_LABEL_OBSERVED, said, (size_t)(w.at - said), m.code);
	len = frame_encode_observed(&m, frame + FRAME_HEADER_LEN, sizeof(frame) - FRAME_HEADER_LEN);
	frame_put_header(frame, FRAME_OBSERVED, (uint32_t)len);
	len += FRAME_HEADER_LEN;
	USERNS_CHECK(send(fd, frame, (size_t)len, MSG_NOSIGNAL) == len, "%m");
	return fd;
}

static void tell(struct speaker *s, uint8_t type, const uint8_t *body, int len)
{
	USERNS_CHECK(len > 0 && speaker_send(s, type, body, (size_t)len) == 0, "type %u", type);
}

void pretender_admit(struct speaker *s, uint32_t id, const struct addr *observed)
{
	struct frame_joined m = {.id = id, .overlay = overlay_addr(id), .observed = *observed};
	uint8_t body[192];

	tell(s, FRAME_JOINED, body, frame_encode_joined(&m, body, sizeof(body)));
}

void pretender_announce(struct speaker *s, const struct frame_member *m)
{
	uint8_t body[384];

	tell(s, FRAME_MEMBER, body, frame_encode_member(m, body, sizeof(body)));
}

void pretender_send_gone(struct speaker *s, uint32_t id, enum reason reason)
{
	const struct frame_gone gone = {.version = 99, .id = id, .reason = (uint16_t)reason};
	uint8_t body[32];

	tell(s, FRAME_GONE, body, frame_encode_gone(&gone, body, sizeof(body)));
}

void pretender_reject(struct speaker *s, enum reason reason)
{
	uint8_t body[2];

	tell(s, FRAME_REJECT, body, frame_encode_reason((uint16_t)reason, body, sizeof(body)));
}
