/* SPDX-License-Identifier: MIT */
#include "boxer/relaying.h"

#include "boxer/auth.h"
#include "boxer/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_LEN  (FRAME_HEADER_LEN + FRAME_TOKEN_LEN + 8 + FRAME_CODE_LEN)
#define ANSWER_LEN (FRAME_HEADER_LEN + 2)

struct relaying {
	struct ev_loop *loop;
	struct ev_io io;
	uint8_t hello[HELLO_LEN];
	uint8_t answer[ANSWER_LEN];
	size_t n_answer;
	relaying_done *done;
	void *arg;
};

static void end(struct relaying *r, enum reason reason)
{
	relaying_done *done = r->done;
	void *arg = r->arg;
	int fd = -1;

	if (reason == REASON_NONE) {
		ev_io_stop(r->loop, &r->io);
		fd = r->io.fd;
		free(r);
	} else {
		relaying_free(r);
	}
	done(arg, reason, fd);
}

static enum reason judge(const struct relaying *r)
{
	struct frame_header h;
	uint16_t reason;

	if (frame_get_header(r->answer, &h) < 0 || h.type != FRAME_RELAYED || h.length != 2 ||
	    frame_decode_reason(r->answer + FRAME_HEADER_LEN, 2, &reason) < 0)
		return REASON_PROTOCOL;
	return reason == REASON_NONE ? REASON_NONE : REASON_RELAY_FAILED;
}

/* Not one byte more than the answer: what follows is the other end's. */
static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct relaying *r = w->data;
	ssize_t n = recv(w->fd, r->answer + r->n_answer, ANSWER_LEN - r->n_answer, MSG_DONTWAIT);

	(void)loop;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(r, REASON_RELAY_FAILED);
		return;
	}
	r->n_answer += (size_t)n;
	if (r->n_answer == ANSWER_LEN)
		end(r, judge(r));
}

static void on_connected(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct relaying *r = w->data;

	(void)revents;
	if (sock_error(w->fd) < 0 ||
	    send(w->fd, r->hello, HELLO_LEN, MSG_NOSIGNAL | MSG_DONTWAIT) != HELLO_LEN) {
		end(r, REASON_UNREACHABLE);
		return;
	}
	ev_io_stop(loop, w);
	ev_io_init(w, on_readable, w->fd, EV_READ);
	ev_io_start(loop, w);
}

static void write_hello(struct relaying *r, const uint8_t *key, const struct frame_relay *hello)
{
	struct frame_relay signed_hello = *hello;
	uint8_t *body = r->hello + FRAME_HEADER_LEN;
	size_t len = HELLO_LEN - FRAME_HEADER_LEN;

	frame_put_header(r->hello, FRAME_RELAY, (uint32_t)len);
	(void)frame_encode_relay(&signed_hello, body, len);
	auth_code(key, AUTH_LABEL_RELAY, body, len - FRAME_CODE_LEN, signed_hello.code);
	(void)frame_encode_relay(&signed_hello, body, len);
}

struct relaying *relaying_start(struct ev_loop *loop, int family, const struct addr *relay,
				const uint8_t *key, const struct frame_relay *hello,
				relaying_done *done, void *arg)
{
	struct relaying *r = calloc(1, sizeof(*r));
	const struct addr any = {.family = relay->family};
	int fd = r ? sock_shared(&any, family) : -1;

	if (fd < 0 || sock_connect(fd, relay, family) < 0) {
		if (fd >= 0)
			(void)close(fd);
		free(r);
		return NULL;
	}
	r->loop = loop;
	r->done = done;
	r->arg = arg;
	write_hello(r, key, hello);
	ev_io_init(&r->io, on_connected, fd, EV_WRITE);
	r->io.data = r;
	ev_io_start(loop, &r->io);
	return r;
}

void relaying_free(struct relaying *r)
{
	if (!r)
		return;
	ev_io_stop(r->loop, &r->io);
	(void)close(r->io.fd);
	free(r);
}
