/* SPDX-License-Identifier: MIT */
/*
 * Ports, as the world sees them, behind a NAT that is told here: its observer is
 * the test, which sees local port p as p + shift.
 */
#include "boxer/ports.h"

#include "base/cleanup.h"
#include "boxer/local.h"
#include "boxer/sock.h"
#include "tests/boxer/stage.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKED_MAX 256
#define QUESTION  (FRAME_HEADER_LEN + 2 * FRAME_TOKEN_LEN + FRAME_CODE_LEN)

static const struct profile changing = {
	.mapping = PROFILE_MAPPING_EIM,
	.ports = PROFILE_PORTS_CHANGED,
	.filtering = PROFILE_FILTERING_APDF,
	.refusal = PROFILE_REFUSAL_NONE,
};
static const struct profile kept = {.mapping = PROFILE_MAPPING_EIM, .ports = PROFILE_PORTS_KEPT};
static const struct profile symmetric = {.mapping = PROFILE_MAPPING_APDM,
					 .ports = PROFILE_PORTS_CHANGED};
static const struct profile counting = {
	.mapping = PROFILE_MAPPING_APDM, .ports = PROFILE_PORTS_SEQUENTIAL, .step = -3};
static const struct profile unknown;

/* ---- the observer ---- */

/** struct observer_conn - one that asked; @from: its port */
struct observer_conn {
	int fd;
	uint16_t from;
	bool answered;
};

/**
 * struct fake - the observer
 * @shift: what its NAT adds
 * @mute: it answers nobody
 */
static struct fake {
	int listener;
	struct addr at;
	struct observer_conn conns[ASKED_MAX];
	size_t n;
	int shift;
	bool mute;
	struct ev_timer timer;
} fake;

static void answer_question(struct observer_conn *c)
{
	uint8_t said[64], frame[64], in[QUESTION];
	struct frame_writer w = {.at = said, .end = said + sizeof(said)};
	struct frame_observed seen = {.seen = addr_v4(STAGE_NODE, 0)};
	struct frame_observe q;
	int len;

	if (recv(c->fd, in, sizeof(in), MSG_DONTWAIT) != sizeof(in))
		return;
	USERNS_CHECK(
		frame_decode_observe(in + FRAME_HEADER_LEN, sizeof(in) - FRAME_HEADER_LEN, &q) == 0,
		"no OBSERVE");
	seen.seen.port = (uint16_t)(c->from + fake.shift);
	frame_put_bytes(&w, q.nonce, sizeof(q.nonce));
	frame_put_addr(&w, &seen.seen);
	auth_code(stage.options.key, AUTH_LABEL_OBSERVED, said, (size_t)(w.at - said), seen.code);
	len = frame_encode_observed(&seen, frame + FRAME_HEADER_LEN, sizeof(frame) - 8);
	frame_put_header(frame, FRAME_OBSERVED, (uint32_t)len);
	USERNS_CHECK(write(c->fd, frame, FRAME_HEADER_LEN + (size_t)len) > 0, "%m");
	c->answered = true;
}

static void on_tick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct addr from;
	int fd;

	(void)loop;
	(void)w;
	(void)revents;
	while ((fd = stage_accept_now(fake.listener, &from)) >= 0) {
		USERNS_CHECK(fake.n < ASKED_MAX, "asked too often");
		fake.conns[fake.n++] = (struct observer_conn){fd, from.port, false};
	}
	for (size_t i = 0; i < fake.n; i++)
		if (!fake.mute && !fake.conns[i].answered)
			answer_question(&fake.conns[i]);
}

static void start_observer(const struct profile *self)
{
	fake = (struct fake){.shift = 1000};
	fake.listener = stage_listen(STAGE_NODE + 8, &fake.at);
	stage.node.observers[0] = fake.at;
	stage.node.n_observers = 1;
	stage_profiles(self, &kept);
	ev_timer_init(&fake.timer, on_tick, 0.001, 0.001);
	ev_timer_start(stage.node.loop, &fake.timer);
}

static void stop_observer(void)
{
	ev_timer_stop(stage.node.loop, &fake.timer);
	for (size_t i = 0; i < fake.n; i++)
		(void)close(fake.conns[i].fd);
	(void)close(fake.listener);
}

/* The NAT was started again, say. */
static void break_all(void)
{
	for (size_t i = 0; i < fake.n; i++)
		sock_reset(fake.conns[i].fd);
	fake.n = 0;
}

static bool is_asked_from(uint16_t port)
{
	for (size_t i = 0; i < fake.n; i++)
		if (fake.conns[i].from == port)
			return true;
	return false;
}

/* ---- who asks ---- */

/** struct asked - a question; @cancel: another one, in its answer */
struct asked {
	struct ports_question *q;
	unsigned calls;
	enum reason reason;
	struct addr external;
	struct asked *cancel;
};

static void on_answer(void *arg, enum reason reason, const struct addr *external)
{
	struct asked *a = arg;

	a->q = NULL;
	a->calls++;
	a->reason = reason;
	a->external = *external;
	if (a->cancel) {
		ports_cancel(a->cancel->q);
		a->cancel->q = NULL;
	}
}

static void ask(struct asked *a, uint16_t port)
{
	*a = (struct asked){.cancel = a->cancel};
	a->q = ports_ask(stage.node.ports, port, on_answer, a);
	USERNS_CHECK(a->q && a->calls == 0, "told before it has begun");
}

static void check_answer(const struct asked *a, enum reason reason, uint16_t port)
{
	STAGE_UNTIL(a->calls);
	USERNS_CHECK(a->calls == 1 && a->reason == reason, "%s", reason_name(a->reason));
	USERNS_CHECK(reason != REASON_NONE || a->external.port == port, "port %u, not %u",
		     a->external.port, port);
}

static int external(uint16_t port, struct addr *ret)
{
	return ports_external(stage.node.ports, port, ret);
}

STAGE_TEST(ports, are_known_where_the_NAT_keeps_them)
{
	struct addr a;
	uint16_t port = 0;

	stage_profiles(&kept, &kept);
	USERNS_CHECK(external(4711, &a) == 0 && a.port == 4711, "port");
	USERNS_CHECK(addr_same_host(&a, &stage.node.external), "host");
	USERNS_CHECK(ports_take(stage.node.ports, &port, &a) == 0 && a.port == port, "taken");
	USERNS_CHECK(port >= CURSOR_PORT_FIRST && port < CURSOR_PORT_FIRST + CURSOR_PORT_COUNT,
		     "port %u", port);
	ports_release(stage.node.ports, port);
}

STAGE_TEST(ports, of_a_symmetric_NAT_are_nothing_to_learn)
{
	struct addr a;
	uint16_t port;

	start_observer(&symmetric);
	USERNS_CHECK(external(4711, &a) == -ENODATA, "known");
	USERNS_CHECK(ports_take(stage.node.ports, &port, &a) == -ENODATA, "known");
	ports_refill(stage.node.ports);
	for (int i = 0; i < 20; i++)
		stage_run();
	USERNS_CHECK(fake.n == 0, "asked");
	stop_observer();
}

STAGE_TEST(ports, without_an_observer_can_not_be_learned)
{
	struct addr a;

	stage_profiles(&changing, &kept);
	USERNS_CHECK(external(4711, &a) == -ENODATA, "known");
	USERNS_CHECK(!ports_ask(stage.node.ports, 4711, on_answer, NULL), "asked");
	stage_profiles(&unknown, &kept);
	USERNS_CHECK(external(4711, &a) == -ENODATA, "known");
}

STAGE_TEST(ports, are_learned_once_from_that_very_port)
{
	struct asked a = {0}, b = {0};
	struct addr seen;

	start_observer(&changing);
	USERNS_CHECK(external(20001, &seen) == -EAGAIN, "known");
	ask(&a, 20001);
	ask(&b, 20001);
	check_answer(&a, REASON_NONE, 21001);
	check_answer(&b, REASON_NONE, 21001);
	USERNS_CHECK(is_asked_from(20001) && fake.n == 1, "%zu were asked", fake.n);
	USERNS_CHECK(external(20001, &seen) == 0 && seen.port == 21001, "forgotten");
	/* The answer to one that is known comes from the loop, too. */
	ask(&a, 20001);
	check_answer(&a, REASON_NONE, 21001);
	ports_release(stage.node.ports, 20001);
	USERNS_CHECK(external(20001, &seen) == -EAGAIN, "remembered");
	stop_observer();
}

STAGE_TEST(ports, some_are_learned_ahead)
{
	struct addr seen;
	uint16_t port = 0, last = 0;

	start_observer(&changing);
	USERNS_CHECK(ports_take(stage.node.ports, &port, &seen) == -EAGAIN, "from nowhere");
	ports_refill(stage.node.ports);
	STAGE_UNTIL(fake.n == PORTS_POOL && fake.conns[PORTS_POOL - 1].answered);
	for (int i = 0; i < 20; i++)
		stage_run();
	for (size_t i = 0; i < PORTS_POOL; i++) {
		USERNS_CHECK(ports_take(stage.node.ports, &port, &seen) == 0, "none left");
		USERNS_CHECK(port != last && seen.port == port + 1000, "port %u", port);
		last = port;
	}
	/* Each was replaced. */
	STAGE_UNTIL(fake.n == 2UL * PORTS_POOL);
	stop_observer();
}

STAGE_TEST(ports, are_asked_for_again_when_the_mapping_may_be_gone)
{
	struct asked a = {0};
	struct addr seen;

	start_observer(&changing);
	ask(&a, 20001);
	check_answer(&a, REASON_NONE, 21001);
	fake.shift = 2000;
	break_all();
	STAGE_UNTIL(external(20001, &seen) == 0 && seen.port == 22001);
	USERNS_CHECK(fake.n == 1 && is_asked_from(20001), "asked from elsewhere");
	ports_release(stage.node.ports, 20001);
	stop_observer();
}

/* Whoever answered has gone, and everybody asks. */
STAGE_TEST(ports, are_asked_for_ever_more_rarely_while_nobody_answers)
{
	struct asked a = {0};
	uint64_t last = 0, gap = 0;

	start_observer(&changing);
	ask(&a, 20001);
	check_answer(&a, REASON_NONE, 21001);
	fake.mute = true;
	for (int i = 0; i < 5; i++) {
		break_all();
		last = clock_now();
		STAGE_UNTIL(fake.n == 1);
		gap = clock_now() - last;
	}
	USERNS_CHECK(gap >= PORTS_RELEARN_MAX_NS / 2, "after %llu ms",
		     (unsigned long long)(gap / NS_PER_MS));
	ports_release(stage.node.ports, 20001);
	stop_observer();
}

/* What is known when the NAT is another one is void, for those who are about to hear it too. */
STAGE_TEST(ports, of_another_NAT_are_forgotten)
{
	struct asked a = {0}, b = {0};
	struct addr seen;

	start_observer(&changing);
	ask(&a, 20001);
	check_answer(&a, REASON_NONE, 21001);
	ask(&b, 20001);
	ports_rebound(stage.node.ports);
	USERNS_CHECK(external(20001, &seen) == -EAGAIN, "remembered");
	check_answer(&b, REASON_PORT_UNKNOWN, 0);
	stop_observer();
}

/* The program wants its port for itself when it starts again. */
STAGE_TEST(ports, of_a_listener_are_given_up_with_it)
{
	struct addr at, seen;
	struct asked a = {0};
	int listener;

	start_observer(&changing);
	listener = stage_listen(INADDR_ANY, &at);
	ask(&a, at.port);
	check_answer(&a, REASON_NONE, (uint16_t)(at.port + 1000));
	/* Not by who only uses it. */
	ports_release(stage.node.ports, at.port);
	USERNS_CHECK(external(at.port, &seen) == 0, "given up");
	(void)close(listener);
	STAGE_UNTIL(external(at.port, &seen) == -EAGAIN);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	at = addr_v4(INADDR_ANY, at.port);
	STAGE_UNTIL(sock_bind_shared(listener, &at) == 0);
	(void)close(listener);
	stop_observer();
}

STAGE_TEST(ports, that_nobody_sees_cost_a_deadline)
{
	struct asked a = {0};
	uint64_t begun = clock_now();

	start_observer(&changing);
	fake.mute = true;
	ask(&a, 20001);
	check_answer(&a, REASON_PORT_UNKNOWN, 0);
	USERNS_CHECK(clock_now() - begun < 3 * PORTS_LEARN_NS, "too late");
	stop_observer();
}

/* Who asked first has waited long enough; but the question goes on, for those who come later. */
STAGE_TEST(ports, that_are_seen_late_are_known_then)
{
	struct asked a = {0};
	struct addr seen;

	start_observer(&changing);
	fake.mute = true;
	ask(&a, 20001);
	check_answer(&a, REASON_PORT_UNKNOWN, 0);
	fake.mute = false;
	STAGE_UNTIL(external(20001, &seen) == 0);
	USERNS_CHECK(seen.port == 21001, "port %u", seen.port);
	ports_release(stage.node.ports, 20001);
	USERNS_CHECK(external(20001, &seen) == -EAGAIN, "remembered");
	stop_observer();
}

STAGE_TEST(ports, that_an_observer_refuses_to_see_are_told_at_once)
{
	struct asked a = {0};

	start_observer(&changing);
	(void)close(fake.listener);
	fake.listener = -1;
	ask(&a, 20001);
	STAGE_UNTIL(a.calls);
	USERNS_CHECK(a.reason == REASON_REFUSED, "%s", reason_name(a.reason));
	ev_timer_stop(stage.node.loop, &fake.timer);
}

STAGE_TEST(ports, may_be_cancelled_by_another_answer)
{
	struct asked a = {0}, b = {0}, c = {0};

	start_observer(&changing);
	a.cancel = &b;
	b.cancel = &a;
	ask(&a, 20001);
	ask(&b, 20001);
	ask(&c, 20001);
	STAGE_UNTIL(c.calls && a.calls + b.calls);
	USERNS_CHECK(a.calls + b.calls == 1, "both were told");
	ask(&c, 20002);
	ports_cancel(c.q);
	for (int i = 0; i < 100; i++)
		stage_run();
	USERNS_CHECK(c.calls == 0, "told after all");
	stop_observer();
}

/* The one that was not asked for the longest time gives way, even if it is in use. */
STAGE_TEST(ports, are_bounded)
{
	size_t before = stage_descriptors();
	struct asked a = {0};
	struct addr seen;

	start_observer(&changing);
	ask(&a, 19999);
	check_answer(&a, REASON_NONE, 20999);
	for (uint16_t i = 0; i < PORTS_MAX + 10; i++) {
		ask(&a, (uint16_t)(20000 + i));
		check_answer(&a, REASON_NONE, (uint16_t)(21000 + i));
	}
	USERNS_CHECK(external(19999, &seen) == -EAGAIN, "kept");
	USERNS_CHECK(external(20000 + PORTS_MAX + 9, &seen) == 0, "the last one is gone");
	stop_observer();
	USERNS_CHECK(stage_descriptors() <= before + PORTS_MAX, "%zu more",
		     stage_descriptors() - before);
}

STAGE_TEST(ports, of_a_NAT_that_keeps_them_are_foretold)
{
	struct profile keeping = symmetric;
	struct addr seen;

	keeping.ports = PROFILE_PORTS_KEPT;
	stage_profiles(&keeping, &kept);
	USERNS_CHECK(ports_foretell(stage.node.ports, 20001, &seen) == 0, "not foretold");
	USERNS_CHECK(addr_same_host(&seen, &stage.node.external) && seen.port == 20001, "port %u",
		     seen.port);
	stage_profiles(&counting, &kept);
	USERNS_CHECK(ports_foretell(stage.node.ports, 20001, &seen) == -EAGAIN, "foretold");
}

/* From a port that nobody uses: the next one is a step from where its counter stands. */
STAGE_TEST(ports, the_next_one_is_asked_for_by_itself)
{
	size_t before;
	struct asked a = {0};

	start_observer(&counting);
	before = stage_descriptors();
	a.q = ports_ask_next(stage.node.ports, on_answer, &a);
	USERNS_CHECK(a.q, "memory");
	STAGE_UNTIL(a.calls);
	USERNS_CHECK(a.reason == REASON_NONE && a.external.port == fake.conns[0].from + 1000 - 3,
		     "port %u", a.external.port);
	/* The observer's own end is left. */
	USERNS_CHECK(stage_descriptors() == before + 1, "left open");
	stop_observer();
}

STAGE_TEST(ports, can_be_left_in_the_middle)
{
	struct asked a = {0};

	start_observer(&changing);
	fake.mute = true;
	ports_refill(stage.node.ports);
	ask(&a, 20001);
	stage_run();
	ports_free(stage.node.ports);
	stage.node.ports = ports_new(&stage.node);
	for (int i = 0; i < 20; i++)
		stage_run();
	USERNS_CHECK(a.calls == 0, "told");
	stop_observer();
}
