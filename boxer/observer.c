/* SPDX-License-Identifier: MIT */
#include "boxer/observer.h"

#include "boxer/nonces.h"
#include "boxer/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define QUESTION_LEN (FRAME_HEADER_LEN + 2 * FRAME_TOKEN_LEN + FRAME_CODE_LEN)

struct asker {
	TAILQ_ENTRY(asker) link;
	struct observer *observer;
	struct ev_io io;
	struct arrival arrival;
};

struct observer {
	struct ev_loop *loop;
	const uint8_t *key;
	observer_seen *seen;
	void *arg;
	TAILQ_HEAD(, asker) askers; /* who asked least recently first */
	size_t n, max;
	struct nonces nonces;
};

static void hang_up(struct asker *a)
{
	struct observer *o = a->observer;

	ev_io_stop(o->loop, &a->io);
	(void)close(a->arrival.fd);
	TAILQ_REMOVE(&o->askers, a, link);
	o->n--;
	free(a);
}

/* Return: 0, or -errno: malformed, without the key, or heard before. */
static int judge(struct observer *o, const uint8_t *body, size_t len, struct frame_observe *ret)
{
	uint8_t said[2 * FRAME_TOKEN_LEN];
	int r = frame_decode_observe(body, len, ret);

	if (r < 0)
		return r;
	(void)memcpy(said, ret->token, FRAME_TOKEN_LEN);
	(void)memcpy(said + FRAME_TOKEN_LEN, ret->nonce, FRAME_TOKEN_LEN);
	r = auth_code_check(o->key, AUTH_LABEL_OBSERVE, said, sizeof(said), ret->code);
	if (r < 0)
		return r;
	return nonces_use(&o->nonces, ret->code) ? 0 : -EALREADY;
}

static int answer(const struct observer *o, const struct arrival *a,
		  const struct frame_observe *question)
{
	uint8_t said[FRAME_TOKEN_LEN + 32], frame[FRAME_HEADER_LEN + 64];
	struct frame_writer w = {.at = said, .end = said + sizeof(said)};
	struct frame_observed m = {.seen = a->from};
	ssize_t n;
	int len;

	frame_put_bytes(&w, question->nonce, sizeof(question->nonce));
	frame_put_addr(&w, &m.seen);
	auth_code(o->key, AUTH_LABEL_OBSERVED, said, (size_t)(w.at - said), m.code);
	len = frame_encode_observed(&m, frame + FRAME_HEADER_LEN, sizeof(frame) - FRAME_HEADER_LEN);
	if (len < 0)
		return len;
	frame_put_header(frame, FRAME_OBSERVED, (uint32_t)len);
	n = send(a->fd, frame, FRAME_HEADER_LEN + (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* Who asks without end and never reads has filled its window. */
	return n == FRAME_HEADER_LEN + len ? 0 : -EPIPE;
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct asker *a = w->data;
	struct observer *o = a->observer;
	uint8_t frame[QUESTION_LEN];
	struct frame_observe question;
	struct frame_header h;
	ssize_t n = recv(w->fd, frame, sizeof(frame), MSG_DONTWAIT);

	(void)loop;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(frame) || frame_get_header(frame, &h) < 0 || h.type != FRAME_OBSERVE ||
	    h.length != QUESTION_LEN - FRAME_HEADER_LEN ||
	    judge(o, frame + FRAME_HEADER_LEN, h.length, &question) < 0 ||
	    answer(o, &a->arrival, &question) < 0) {
		hang_up(a);
		return;
	}
	TAILQ_REMOVE(&o->askers, a, link);
	TAILQ_INSERT_TAIL(&o->askers, a, link);
}

static void keep_alive(int fd)
{
	const int on = 1, idle = OBSERVER_IDLE_S, whole = QUESTION_LEN;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
	sock_tune_control(fd, 3 * OBSERVER_IDLE_S * 1000);
	/* The next question is looked at when all of it is there. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &whole, sizeof(whole));
}

static int keep(struct observer *o, const struct arrival *arrival)
{
	struct asker *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	if (o->n == o->max)
		hang_up(TAILQ_FIRST(&o->askers));
	a->observer = o;
	a->arrival = *arrival;
	keep_alive(arrival->fd);
	ev_io_init(&a->io, on_readable, arrival->fd, EV_READ);
	a->io.data = a;
	ev_io_start(o->loop, &a->io);
	TAILQ_INSERT_TAIL(&o->askers, a, link);
	o->n++;
	return 0;
}

void observer_take(struct observer *o, const struct arrival *a, const uint8_t *body, size_t len)
{
	static const uint8_t nobody[FRAME_TOKEN_LEN];
	struct frame_observe question;

	if (len != QUESTION_LEN - FRAME_HEADER_LEN || judge(o, body, len, &question) < 0) {
		(void)close(a->fd);
		return;
	}
	/* Before the answer: what its owner says next may already build on it. */
	if (o->seen && memcmp(question.token, nobody, sizeof(nobody)) != 0)
		o->seen(o->arg, question.token,
			&(struct profile_view){.observer = a->at, .seen = a->from});
	if (answer(o, a, &question) < 0 || keep(o, a) < 0)
		(void)close(a->fd);
}

struct observer *observer_new(struct ev_loop *loop, const uint8_t *key, observer_seen *seen,
			      void *arg)
{
	struct observer *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->loop = loop;
	o->key = key;
	o->seen = seen;
	o->arg = arg;
	o->max = sock_quota(OBSERVER_MAX, OBSERVER_SHARE);
	TAILQ_INIT(&o->askers);
	return o;
}

void observer_free(struct observer *o)
{
	struct asker *a;

	if (!o)
		return;
	while ((a = TAILQ_FIRST(&o->askers)))
		hang_up(a);
	free(o);
}
