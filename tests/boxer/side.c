/* SPDX-License-Identifier: MIT */
#include "tests/boxer/side.h"

#include "base/cleanup.h"
#include "boxer/sock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

struct ev_loop *side_loop;
const uint8_t side_key[AUTH_KEY_LEN] = {1, 2, 3};

const struct channel_pace side_hurry = {
	.handshake = 300 * NS_PER_MS,
	.ping = 50 * NS_PER_MS,
	.silence = 1500 * NS_PER_MS,
};

static struct ev_timer ticker;

void side_free(struct side *s)
{
	channel_free(s->ch);
	s->ch = NULL;
}

static void on_ready(struct channel *ch, void *arg)
{
	struct side *s = arg;

	(void)ch;
	s->ready++;
	if (s->free_in == FREE_IN_READY)
		side_free(s);
}

static void on_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct side *s = arg;

	(void)ch;
	s->frames++;
	s->type = type;
	s->len = len;
	(void)memcpy(s->body, body, len);
	if (s->free_in == FREE_IN_FRAME)
		side_free(s);
}

static void on_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct side *s = arg;

	(void)ch;
	s->closed++;
	s->reason = reason;
	if (s->free_in == FREE_IN_CLOSED)
		side_free(s);
}

const struct channel_ops side_ops = {on_ready, on_frame, on_closed};

static void on_tick(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
}

void side_set_up(void)
{
	side_loop = ev_loop_new(0);
	cr_assert(side_loop);
	/* The loop must come back now and then to look at what was waited for. */
	ev_timer_init(&ticker, on_tick, 0.005, 0.005);
	ev_timer_start(side_loop, &ticker);
}

void side_tear_down(void)
{
	ev_timer_stop(side_loop, &ticker);
	ev_loop_destroy(side_loop);
}

void side_run_a_while(void)
{
	for (int i = 0; i < 20; i++)
		ev_run(side_loop, EVRUN_NOWAIT);
}

bool side_wait_in_loop(struct speaker *s, short events)
{
	uint64_t deadline = clock_now() + SIDE_PATIENCE_NS;
	struct pollfd p = {.fd = s->fd, .events = events};

	while (poll(&p, 1, 0) != 1) {
		if (clock_now() >= deadline)
			return false;
		ev_run(side_loop, EVRUN_ONCE);
	}
	return true;
}

void side_tcp_pair(int ret_fds[static 2])
{
	struct addr a = addr_v4(INADDR_LOOPBACK, 0);
	cleanup_close int listener = sock_shared(&a, AF_INET);
	struct pollfd p = {.fd = listener, .events = POLLIN};

	cr_assert_eq(sock_listen(listener, 1), 0);
	cr_assert_eq(sock_local(listener, &a), 0);
	ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert_geq(ret_fds[0], 0);
	cr_assert_eq(sock_connect(ret_fds[0], &a, AF_INET), 0);
	cr_assert_eq(poll(&p, 1, 10000), 1);
	ret_fds[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	cr_assert_geq(ret_fds[1], 0);
}

void side_begin(struct side *s, int fd, const uint8_t *key, uint32_t self, uint32_t peer)
{
	s->ch = channel_new(side_loop, fd, key, self, peer, &side_ops, s);
	cr_assert(s->ch);
}

void side_begin_pair(struct side *a, const uint8_t *key_a, struct side *b, const uint8_t *key_b)
{
	int fds[2];

	side_tcp_pair(fds);
	side_begin(a, fds[0], key_a, 1, 2);
	side_begin(b, fds[1], key_b, 2, 1);
}

void side_begin_with_speaker(struct side *a, struct speaker *s)
{
	int fds[2];

	side_tcp_pair(fds);
	side_begin(a, fds[0], side_key, 1, 2);
	speaker_init(s, fds[1], side_key, 2, 1);
	s->wait = side_wait_in_loop;
}

void side_begin_ready(struct side *a, struct speaker *s)
{
	side_begin_with_speaker(a, s);
	cr_assert_eq(speaker_handshake(s), 0);
	RUN_UNTIL(a->ready);
}

void side_assert_closed(struct side *a, enum reason reason)
{
	RUN_UNTIL(a->closed);
	side_run_a_while();
	cr_assert_eq(a->closed, 1, "told %u times", a->closed);
	cr_assert_eq(a->reason, reason, "%s", reason_name(a->reason));
	if (a->ch)
		cr_expect_eq(channel_send(a->ch, FRAME_LEAVE, NULL, 0), -ENOTCONN);
}
