/* SPDX-License-Identifier: MIT */
/*
 * Observations, with an observer that is the test and does as it likes.
 *
 *	node's port ---- OBSERVE ----> observer (the test)
 */
#include "boxer/observation.h"

#include "base/cleanup.h"
#include "boxer/sock.h"
#include "tests/boxer/side.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

TestSuite(observation, .init = side_set_up, .fini = side_tear_down);

static const uint8_t token[FRAME_TOKEN_LEN] = "0123456789abcde";

/** struct told - what the observation has told */
struct told {
	struct observation *o;
	bool free_in_seen;
	unsigned seen, ended;
	struct addr addr;
	enum reason reason;
};

static void on_seen(void *arg, const struct addr *seen)
{
	struct told *t = arg;

	t->seen++;
	t->addr = *seen;
	if (t->free_in_seen)
		observation_free(t->o);
}

static void on_ended(void *arg, enum reason reason)
{
	struct told *t = arg;

	t->ended++;
	t->reason = reason;
}

static const struct observation_ops ops = {on_seen, on_ended};

static int observer_listen(struct addr *ret_at)
{
	int fd;

	*ret_at = addr_v4(INADDR_LOOPBACK, 0);
	fd = sock_shared(ret_at, AF_INET);
	cr_assert(fd >= 0 && sock_listen(fd, 4) == 0 && sock_local(fd, ret_at) == 0);
	return fd;
}

/* A port of ours that is bound, but free to be shared. */
static struct addr own_port(void)
{
	struct addr a = addr_v4(INADDR_LOOPBACK, 0);
	cleanup_close int fd = sock_shared(&a, AF_INET);

	cr_assert(fd >= 0 && sock_local(fd, &a) == 0);
	return a;
}

static void begin(struct told *t, const struct addr *local, const struct addr *observer)
{
	t->o = observation_start(side_loop, local, observer, side_key, token, &ops, t);
	cr_assert(t->o);
	cr_assert_eq(t->seen + t->ended, 0, "told before it has begun");
}

static int accept_from(int listener, const struct addr *from)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct addr remote;
	int fd;

	cr_assert_eq(poll(&p, 1, 10000), 1, "nobody came");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	cr_assert(fd >= 0 && sock_remote(fd, &remote) == 0);
	cr_assert(addr_equal(&remote, from), "from port %u", remote.port);
	return fd;
}

static struct frame_observe hear_question(int fd)
{
	uint8_t in[FRAME_HEADER_LEN + 48], said[2 * FRAME_TOKEN_LEN];
	struct frame_observe q = {0};
	struct frame_header h;
	ssize_t n = -1;

	RUN_UNTIL((n = recv(fd, in, sizeof(in), 0)) > 0);
	cr_assert_eq(n, sizeof(in), "%zd bytes", n);
	cr_assert(frame_get_header(in, &h) == 0 && h.type == FRAME_OBSERVE);
	cr_assert_eq(frame_decode_observe(in + FRAME_HEADER_LEN, h.length, &q), 0);
	cr_assert_eq(memcmp(q.token, token, sizeof(token)), 0, "another token");
	(void)memcpy(said, q.token, FRAME_TOKEN_LEN);
	(void)memcpy(said + FRAME_TOKEN_LEN, q.nonce, FRAME_TOKEN_LEN);
	cr_assert_eq(auth_code_check(side_key, AUTH_LABEL_OBSERVE, said, sizeof(said), q.code), 0);
	return q;
}

static size_t build_answer(const struct frame_observe *q, const struct addr *seen,
			   const uint8_t *key, uint8_t ret[static 64])
{
	struct frame_observed answer = {.seen = *seen};
	uint8_t said[64];
	struct frame_writer w = {.at = said, .end = said + sizeof(said)};
	int len;

	frame_put_bytes(&w, q->nonce, sizeof(q->nonce));
	frame_put_addr(&w, seen);
	auth_code(key, AUTH_LABEL_OBSERVED, said, (size_t)(w.at - said), answer.code);
	len = frame_encode_observed(&answer, ret + FRAME_HEADER_LEN, 64 - FRAME_HEADER_LEN);
	cr_assert_gt(len, 0);
	frame_put_header(ret, FRAME_OBSERVED, (uint32_t)len);
	return FRAME_HEADER_LEN + (size_t)len;
}

static void say(int fd, const uint8_t *bytes, size_t n)
{
	cr_assert_eq(send(fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

/** struct meeting - an observation up to its question */
struct meeting {
	struct told told;
	struct addr local, at;
	int listener, fd;
	struct frame_observe question;
};

static void meet(struct meeting *m)
{
	*m = (struct meeting){.local = own_port()};
	m->listener = observer_listen(&m->at);
	begin(&m->told, &m->local, &m->at);
	m->fd = accept_from(m->listener, &m->local);
	m->question = hear_question(m->fd);
}

static void part(struct meeting *m)
{
	(void)close(m->fd);
	(void)close(m->listener);
}

Test(observation, tells_what_the_observer_has_seen_and_when_it_breaks)
{
	struct addr seen = addr_v4(0xcb007107, 4711);
	struct meeting m;
	uint8_t bytes[64];

	meet(&m);
	say(m.fd, bytes, build_answer(&m.question, &seen, side_key, bytes));
	RUN_UNTIL(m.told.seen);
	cr_assert(addr_equal(&m.told.addr, &seen));
	side_run_a_while();
	cr_assert_eq(m.told.ended, 0, "it stays open");
	(void)close(m.fd);
	RUN_UNTIL(m.told.ended);
	cr_assert_eq(m.told.seen, 1);
	observation_free(m.told.o);
	(void)close(m.listener);
}

Test(observation, takes_an_answer_that_comes_in_pieces)
{
	struct addr seen = addr_v4(0xcb007107, 4711);
	struct meeting m;
	uint8_t bytes[64];
	size_t n;

	meet(&m);
	n = build_answer(&m.question, &seen, side_key, bytes);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(m.told.seen + m.told.ended, 0);
		say(m.fd, &bytes[i], 1);
		side_run_a_while();
	}
	RUN_UNTIL(m.told.seen);
	observation_free(m.told.o);
	part(&m);
}

Test(observation, may_be_freed_when_it_tells)
{
	struct addr seen = addr_v4(0xcb007107, 4711);
	struct meeting m;
	uint8_t bytes[64];

	meet(&m);
	m.told.free_in_seen = true;
	say(m.fd, bytes, build_answer(&m.question, &seen, side_key, bytes));
	RUN_UNTIL(m.told.seen);
	side_run_a_while();
	cr_assert_eq(m.told.ended, 0);
	part(&m);
}

Test(observation, can_be_made_again_from_the_same_port_at_once)
{
	struct addr seen = addr_v4(0xcb007107, 4711);
	uint8_t bytes[64];
	struct meeting m;

	meet(&m);
	for (int i = 0; i < 3; i++) {
		say(m.fd, bytes, build_answer(&m.question, &seen, side_key, bytes));
		RUN_UNTIL(m.told.seen);
		observation_free(m.told.o);
		(void)close(m.fd);
		m.told = (struct told){0};
		begin(&m.told, &m.local, &m.at);
		m.fd = accept_from(m.listener, &m.local);
		m.question = hear_question(m.fd);
	}
	observation_free(m.told.o);
	part(&m);
}

static void assert_disbelieved(struct meeting *m, enum reason reason)
{
	RUN_UNTIL(m->told.ended);
	cr_assert_eq(m->told.seen, 0, "believed");
	cr_assert_eq(m->told.reason, reason, "%s", reason_name(m->told.reason));
	observation_free(m->told.o);
	part(m);
}

Test(observation, does_not_believe_another_key)
{
	static const uint8_t other_key[AUTH_KEY_LEN] = {9};
	struct addr seen = addr_v4(0xcb007107, 4711);
	struct meeting m;
	uint8_t bytes[64];

	meet(&m);
	say(m.fd, bytes, build_answer(&m.question, &seen, other_key, bytes));
	assert_disbelieved(&m, REASON_WRONG_KEY);
}

Test(observation, does_not_believe_an_older_answer)
{
	struct addr seen = addr_v4(0xcb007107, 4711);
	struct meeting m;
	uint8_t bytes[64];

	meet(&m);
	m.question.nonce[0] ^= 1;
	say(m.fd, bytes, build_answer(&m.question, &seen, side_key, bytes));
	assert_disbelieved(&m, REASON_WRONG_KEY);
}

Test(observation, does_not_believe_what_is_no_answer)
{
	uint8_t bytes[FRAME_HEADER_LEN];
	struct meeting m;

	meet(&m);
	frame_put_header(bytes, FRAME_OBSERVED, FRAME_BODY_MAX);
	say(m.fd, bytes, sizeof(bytes));
	assert_disbelieved(&m, REASON_PROTOCOL);
}

Test(observation, ends_when_the_observer_hangs_up)
{
	struct meeting m;

	meet(&m);
	cr_assert_eq(shutdown(m.fd, SHUT_WR), 0);
	assert_disbelieved(&m, REASON_LEFT);
}

Test(observation, ends_when_nobody_listens)
{
	struct addr local = own_port(), nobody = own_port();
	struct told t = {0};

	begin(&t, &local, &nobody);
	RUN_UNTIL(t.ended);
	cr_assert_eq(t.reason, REASON_REFUSED, "%s", reason_name(t.reason));
	observation_free(t.o);
}

Test(observation, says_later_that_the_port_is_not_to_be_had)
{
	struct addr nowhere = addr_v4(0xcb007107, 4000), observer = own_port();
	struct told t = {0};

	begin(&t, &nowhere, &observer);
	RUN_UNTIL(t.ended);
	cr_assert_eq(t.reason, REASON_LOCAL, "%s", reason_name(t.reason));
	observation_free(t.o);
}

Test(observation, gives_up_on_a_silent_observer, .timeout = 60)
{
	struct meeting m;

	meet(&m);
	assert_disbelieved(&m, REASON_TIMEOUT);
}
