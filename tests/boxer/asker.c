/* SPDX-License-Identifier: MIT */
#include "tests/boxer/asker.h"

#include "boxer/sock.h"

#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

static void await(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "waited in vain");
}

int asker_connect(const struct addr *from, const struct addr *to)
{
	struct addr any = {.family = to->family};
	int fd = sock_shared(from ? from : &any, to->family);
	int r = fd < 0 ? fd : sock_connect(fd, to, to->family);

	USERNS_CHECK(r == 0, "%s", strerror(-r));
	await(fd, POLLOUT);
	r = sock_error(fd);
	USERNS_CHECK(r == 0, "connect: %s", strerror(-r));
	return fd;
}

size_t asker_compose(const uint8_t token[static FRAME_TOKEN_LEN],
		     uint8_t ret_frame[static ASKER_FRAME_MAX])
{
	struct frame_observe m;
	uint8_t said[2 * FRAME_TOKEN_LEN];
	int len;

	(void)memcpy(m.token, token, sizeof(m.token));
	randombytes_buf(m.nonce, sizeof(m.nonce));
	(void)memcpy(said, m.token, sizeof(m.token));
	(void)memcpy(said + sizeof(m.token), m.nonce, sizeof(m.nonce));
	auth_code(cluster_key, AUTH_LABEL_OBSERVE, said, sizeof(said), m.code);
	len = frame_encode_observe(&m, ret_frame + FRAME_HEADER_LEN,
				   ASKER_FRAME_MAX - FRAME_HEADER_LEN);
	frame_put_header(ret_frame, FRAME_OBSERVE, (uint32_t)len);
	return FRAME_HEADER_LEN + (size_t)len;
}

size_t asker_compose_relay(const uint8_t token[static FRAME_TOKEN_LEN], uint32_t from, uint32_t to,
			   uint8_t ret_frame[static ASKER_FRAME_MAX])
{
	struct frame_relay m = {.from = from, .to = to};
	uint8_t *body = ret_frame + FRAME_HEADER_LEN;
	int len;

	(void)memcpy(m.token, token, sizeof(m.token));
	len = frame_encode_relay(&m, body, ASKER_FRAME_MAX - FRAME_HEADER_LEN);
	auth_code(cluster_key, AUTH_LABEL_RELAY, body, (size_t)len - FRAME_CODE_LEN,
		  body + len - FRAME_CODE_LEN);
	frame_put_header(ret_frame, FRAME_RELAY, (uint32_t)len);
	return FRAME_HEADER_LEN + (size_t)len;
}

void asker_say(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n;

		await(fd, POLLOUT);
		n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		USERNS_CHECK(n > 0, "%m");
		bytes += n;
		len -= (size_t)n;
	}
}

struct addr asker_hear(int fd, const uint8_t *question)
{
	uint8_t frame[ASKER_FRAME_MAX], said[FRAME_TOKEN_LEN + 32];
	struct frame_writer w = {.at = said, .end = said + sizeof(said)};
	struct frame_observed m;
	struct frame_header h;
	ssize_t n;

	await(fd, POLLIN);
	n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);
	USERNS_CHECK(n > FRAME_HEADER_LEN, "%zd bytes", n);
	USERNS_CHECK(frame_get_header(frame, &h) == 0 && h.type == FRAME_OBSERVED &&
			     n == (ssize_t)(FRAME_HEADER_LEN + h.length) &&
			     frame_decode_observed(frame + FRAME_HEADER_LEN, h.length, &m) == 0,
		     "no OBSERVED");
	/* The nonce lies behind the token. */
	frame_put_bytes(&w, question + FRAME_HEADER_LEN + FRAME_TOKEN_LEN, FRAME_TOKEN_LEN);
	frame_put_addr(&w, &m.seen);
	USERNS_CHECK(auth_code_check(cluster_key, AUTH_LABEL_OBSERVED, said, (size_t)(w.at - said),
				     m.code) == 0,
		     "a wrong code");
	return m.seen;
}

struct addr asker_observe(int fd, const uint8_t token[static FRAME_TOKEN_LEN])
{
	uint8_t frame[ASKER_FRAME_MAX];

	asker_say(fd, frame, asker_compose(token, frame));
	return asker_hear(fd, frame);
}

enum reason asker_hear_relayed(int fd)
{
	uint8_t frame[FRAME_HEADER_LEN + 2];
	struct frame_header h;
	uint16_t reason;
	ssize_t n;

	await(fd, POLLIN);
	n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);
	USERNS_CHECK(n == sizeof(frame) && frame_get_header(frame, &h) == 0 &&
			     h.type == FRAME_RELAYED &&
			     frame_decode_reason(frame + FRAME_HEADER_LEN, h.length, &reason) == 0,
		     "no RELAYED, but %zd bytes", n);
	return (enum reason)reason;
}

void asker_hear_end(int fd)
{
	char byte;
	ssize_t n;

	await(fd, POLLIN);
	n = recv(fd, &byte, 1, MSG_DONTWAIT);
	USERNS_CHECK(n <= 0, "it says something");
}
