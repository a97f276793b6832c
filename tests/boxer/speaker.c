/* SPDX-License-Identifier: MIT */
#include "tests/boxer/speaker.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

static bool wait_by_poll(struct speaker *s, short events)
{
	struct pollfd p = {.fd = s->fd, .events = events};

	return poll(&p, 1, SPEAKER_PATIENCE_MS) == 1;
}

void speaker_init(struct speaker *s, int fd, const uint8_t key[static AUTH_KEY_LEN], uint32_t from,
		  uint32_t to)
{
	*s = (struct speaker){.fd = fd, .wait = wait_by_poll};
	(void)memcpy(s->key, key, AUTH_KEY_LEN);
	s->mine.from = from;
	s->mine.to = to;
	randombytes_buf(s->mine.nonce, sizeof(s->mine.nonce));
}

void speaker_close(struct speaker *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

size_t speaker_build(struct speaker *s, uint8_t type, const uint8_t *body, size_t len,
		     uint8_t ret_bytes[static SPEAKER_FRAME_MAX])
{
	uint8_t *at = ret_bytes + FRAME_HEADER_LEN;

	frame_put_header(ret_bytes, type, (uint32_t)len);
	if (len > 0)
		(void)memcpy(at, body, len);
	if (!s->proven)
		return FRAME_HEADER_LEN + len;
	auth_seal(&s->session, ret_bytes, at, len, at + len);
	return FRAME_HEADER_LEN + len + FRAME_MAC_LEN;
}

size_t speaker_build_hello(struct speaker *s, uint8_t ret_bytes[static SPEAKER_FRAME_MAX])
{
	uint8_t body[64];
	int len = frame_encode_hello(&s->mine, body, sizeof(body));

	return speaker_build(s, FRAME_HELLO, body, (size_t)len, ret_bytes);
}

size_t speaker_build_proof(struct speaker *s, uint8_t ret_bytes[static SPEAKER_FRAME_MAX])
{
	uint8_t proof[FRAME_PROOF_LEN];

	auth_prove(s->key, &s->mine, &s->theirs, s->mine.from, proof);
	return speaker_build(s, FRAME_PROOF, proof, sizeof(proof), ret_bytes);
}

int speaker_write(struct speaker *s, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(s->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN) {
			return -EPIPE;
		} else if (!s->wait(s, POLLOUT)) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

int speaker_send(struct speaker *s, uint8_t type, const uint8_t *body, size_t len)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];

	return speaker_write(s, bytes, speaker_build(s, type, body, len, bytes));
}

static int read_bytes(struct speaker *s, uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n;

		if (!s->wait(s, POLLIN))
			return -ETIMEDOUT;
		n = recv(s->fd, bytes, len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -EPIPE;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int speaker_receive(struct speaker *s, struct speaker_frame *ret_frame)
{
	uint8_t header[FRAME_HEADER_LEN], mac[FRAME_MAC_LEN];
	struct frame_header h;
	int r = read_bytes(s, header, sizeof(header));

	if (r < 0)
		return r;
	if (frame_get_header(header, &h) < 0)
		return -EPROTO;
	ret_frame->type = h.type;
	ret_frame->len = h.length;
	r = read_bytes(s, ret_frame->body, h.length);
	if (r == 0 && s->proven)
		r = read_bytes(s, mac, sizeof(mac));
	if (r == 0 && s->proven)
		r = auth_open(&s->session, header, ret_frame->body, h.length, mac);
	return r;
}

int speaker_receive_type(struct speaker *s, uint8_t type, struct speaker_frame *ret_frame)
{
	int r;

	do
		r = speaker_receive(s, ret_frame);
	while (r == 0 && ret_frame->type != type);
	return r;
}

int speaker_hear_hello(struct speaker *s)
{
	struct speaker_frame f;
	int r = speaker_receive(s, &f);

	if (r < 0)
		return r;
	if (f.type != FRAME_HELLO || frame_decode_hello(f.body, f.len, &s->theirs) < 0)
		return -EPROTO;
	return 0;
}

int speaker_handshake(struct speaker *s)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct speaker_frame f;
	int r = speaker_write(s, bytes, speaker_build_hello(s, bytes));

	if (r == 0)
		r = speaker_hear_hello(s);
	if (r == 0)
		r = speaker_write(s, bytes, speaker_build_proof(s, bytes));
	if (r == 0)
		r = speaker_receive(s, &f);
	if (r < 0)
		return r;
	if (f.type != FRAME_PROOF || f.len != FRAME_PROOF_LEN)
		return -EPROTO;
	if (auth_verify(s->key, &s->mine, &s->theirs, f.body) < 0)
		return -EACCES;
	auth_start(s->key, &s->mine, &s->theirs, &s->session);
	s->proven = true;
	return 0;
}

int speaker_hear_end(struct speaker *s)
{
	uint64_t deadline = clock_now() + SPEAKER_PATIENCE_MS * NS_PER_MS;
	uint8_t byte;
	int r;

	do
		r = read_bytes(s, &byte, 1);
	while (r == 0 && clock_now() < deadline);
	return r == -EPIPE ? 0 : -ETIMEDOUT;
}
