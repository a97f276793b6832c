/* SPDX-License-Identifier: MIT */
/* What a dial asks of the peer, way by way, and what it makes of the answers. */
#include "base/cleanup.h"
#include "boxer/dial_way.h"
#include "boxer/sock.h"
#include "tests/boxer/stage.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 80

/* ---- NATs ---- */

#define NAT(m, p, f, r)                                                             \
	{                                                                           \
		.mapping = PROFILE_MAPPING_##m, .ports = PROFILE_PORTS_##p,         \
		.filtering = PROFILE_FILTERING_##f, .refusal = PROFILE_REFUSAL_##r, \
	}

static const struct profile plain = NAT(EIM, KEPT, APDF, NONE);
static const struct profile by_address = NAT(EIM, KEPT, ADF, NONE);
static const struct profile refusing = NAT(EIM, KEPT, APDF, REFUSES);
static const struct profile public = NAT(NONE, KEPT, EIF, REFUSES);
static const struct profile symmetric = NAT(APDM, CHANGED, APDF, NONE);
static const struct profile counting = {
	.mapping = PROFILE_MAPPING_APDM,
	.ports = PROFILE_PORTS_SEQUENTIAL,
	.filtering = PROFILE_FILTERING_APDF,
	.refusal = PROFILE_REFUSAL_NONE,
	.step = 1,
};

/* ---- the program ---- */

/** struct program - that connects to the peer's port; @calls: of dial_done */
struct program {
	int fd, given;
	uint64_t cookie;
	unsigned calls;
	enum reason reason;
	struct addr target;
	struct dial *dial;
};

static void on_done(void *arg, enum reason reason, const struct addr *target, int fd)
{
	struct program *p = arg;

	p->calls++;
	p->reason = reason;
	p->target = *target;
	p->given = fd;
	p->dial = NULL;
}

static struct addr member_port(uint32_t id)
{
	struct addr a = overlay_addr(id);

	a.port = PORT;
	return a;
}

static struct program program_new(int family)
{
	struct program p = {.given = -1};

	p.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(p.fd >= 0 && getsockopt(p.fd, SOL_SOCKET, SO_COOKIE, &p.cookie,
					     &(socklen_t){sizeof(p.cookie)}) == 0,
		     "%m");
	return p;
}

static void ask(struct program *p)
{
	const struct addr to = member_port(1);

	p->calls = 0;
	p->dial = dial_ask(stage.node.dials, &to, dup(p->fd), p->cookie, on_done, p);
	USERNS_CHECK(p->dial && p->calls == 0, "it comes from the loop");
}

static struct program start(void)
{
	struct program p = program_new(AF_INET);

	return p;
}

static void end(struct program *p)
{
	if (p->given >= 0)
		(void)close(p->given);
	(void)close(p->fd);
	stage_run();
}

/* connect(), but the loop goes on: the flag that says whether it waits is as it was. */
static void connect_to(struct program *p, const struct addr *to)
{
	int flags = fcntl(p->fd, F_GETFL);

	(void)fcntl(p->fd, F_SETFL, flags | O_NONBLOCK);
	(void)sock_connect(p->fd, to, sock_family(p->fd));
	(void)fcntl(p->fd, F_SETFL, flags);
}

static void answer(const struct stage_sent *s, enum reason reason, const struct addr *target)
{
	struct frame_punched punched = {.request = s->punch.request, .reason = (uint16_t)reason};

	if (target)
		punched.target = *target;
	dial_answered(stage.node.dials, 1, &punched);
}

static const struct frame_punch *hear(size_t nth, enum strategy_id strategy)
{
	const struct stage_sent *s = stage_await(FRAME_PUNCH, nth);

	USERNS_CHECK(s->to == 1 && s->punch.strategy == strategy, "strategy %u", s->punch.strategy);
	USERNS_CHECK(s->punch.port == PORT, "port %u", s->punch.port);
	return &s->punch;
}

/* A port that answers no SYN: a listener whose queue is full drops them. */
static struct addr silent_port(int fds[static 2])
{
	struct addr at;

	fds[0] = stage_listen(STAGE_PEER, &at);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(listen(fds[0], 0) == 0 && sock_connect(fds[1], &at, AF_INET) == 0, "%m");
	return at;
}

static void check_told(const struct program *p, enum reason reason)
{
	USERNS_CHECK(p->calls == 1, "%u answers", p->calls);
	USERNS_CHECK(p->reason == reason, "%s", reason_name(p->reason));
}

/* The dial of a program that was told is over once the program is connected. */
static void check_over(void)
{
	STAGE_UNTIL(LIST_EMPTY(&stage.node.dials->list));
	USERNS_CHECK(stage.node.dials->n == 0 && stage.node.dials->volleys == 0, "counted wrong");
}

/* ---- the ways in which the program's own socket connects ---- */

STAGE_TEST(dialling, a_public_member_is_connected_to_without_a_word)
{
	struct program p = start();
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at);

	stage_profiles(&plain, &public);
	ask(&p);
	STAGE_UNTIL(p.calls);
	check_told(&p, REASON_NONE);
	USERNS_CHECK(addr_v4_value(&p.target) == STAGE_PEER && p.target.port == PORT, "target");
	connect_to(&p, &at);
	check_over();
	USERNS_CHECK(stage.n_sent == 0, "something was sent");
	(void)close(listener);
	end(&p);
}

STAGE_TEST(dialling, oneself_is_inside)
{
	struct program p = start();
	const struct addr to = member_port(0);

	p.dial = dial_ask(stage.node.dials, &to, dup(p.fd), p.cookie, on_done, &p);
	STAGE_UNTIL(p.calls);
	check_told(&p, REASON_NONE);
	USERNS_CHECK(addr_v4_value(&p.target) == STAGE_NODE && p.target.port == PORT, "target");
	end(&p);
}

static void check_native(enum strategy_id id, int family)
{
	struct program p = program_new(family);
	struct addr at, from, local;
	int listener = stage_listen(STAGE_PEER, &at), fd;
	const struct frame_punch *q;

	/* Where the peer might refuse, nothing leaves before it has answered. */
	stage_profiles(&plain, &refusing);
	stage.options.strategies = STRATEGY_BIT(id);
	ask(&p);
	q = hear(0, id);
	USERNS_CHECK(p.calls == 0, "told before the peer has answered");
	USERNS_CHECK(sock_local(p.fd, &local) == 0 && local.port == q->source.port, "source");
	USERNS_CHECK(addr_v4_value(&q->source) == STAGE_NODE, "source");
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	check_told(&p, REASON_NONE);
	USERNS_CHECK(addr_equal(&p.target, &at), "target");
	connect_to(&p, &p.target);
	fd = stage_accept(listener, &from);
	USERNS_CHECK(from.port == local.port, "from another port");
	check_over();
	(void)close(fd);
	(void)close(listener);
	end(&p);
}

STAGE_TEST(dialling, simultaneous_opens_the_peers_hole_first)
{
	check_native(STRATEGY_SIMULTANEOUS, AF_INET);
}

STAGE_TEST(dialling, sequential_opens_the_peers_hole_first)
{
	check_native(STRATEGY_SEQUENTIAL, AF_INET);
}

STAGE_TEST(dialling, a_v6_socket_is_dialled_for_too)
{
	check_native(STRATEGY_SIMULTANEOUS, AF_INET6);
}

STAGE_TEST(dialling, a_port_that_the_program_has_bound_stays)
{
	struct program p = start();
	struct addr any = addr_v4(INADDR_ANY, 0), local;

	stage_profiles(&plain, &refusing);
	USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0 && sock_local(p.fd, &local) == 0, "%m");
	ask(&p);
	USERNS_CHECK(hear(0, STRATEGY_SIMULTANEOUS)->source.port == local.port, "source");
	dial_cancel(p.dial);
	end(&p);
}

/* Nothing refuses there, and its port is known: one round trip is saved. */
STAGE_TEST(dialling, a_simultaneous_SYN_leaves_beside_the_question)
{
	struct program p = start();
	struct addr wanted = addr_v4(STAGE_PEER, PORT);

	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	STAGE_UNTIL(p.calls);
	USERNS_CHECK(addr_equal(&p.target, &wanted), "target");
	/* The answer that follows says the same. */
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &wanted);
	check_told(&p, REASON_NONE);
	USERNS_CHECK(!LIST_EMPTY(&stage.node.dials->list), "it goes on");
	end(&p);
}

/* The peer's NAT changes ports: the first dial learns one, the second need not wait. */
STAGE_TEST(dialling, a_port_of_the_peer_is_remembered)
{
	struct profile changing = plain;
	struct program a = start(), b = start();
	struct addr seen = addr_v4(STAGE_PEER, 4711);

	changing.ports = PROFILE_PORTS_CHANGED;
	stage_profiles(&plain, &changing);
	ask(&a);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	stage_run();
	USERNS_CHECK(a.calls == 0, "it can't know");
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &seen);
	ask(&b);
	(void)hear(1, STRATEGY_SIMULTANEOUS);
	STAGE_UNTIL(b.calls);
	USERNS_CHECK(addr_equal(&b.target, &seen), "target");
	/* Its record may mean another NAT. */
	dial_member_changed(stage.node.dials, 1);
	USERNS_CHECK(!dial_target_known(LIST_FIRST(&stage.node.dials->list), &seen), "known");
	end(&a);
	end(&b);
}

/* ---- the ways in which the node makes the connection ---- */

static void check_given(struct program *p, int peer_end)
{
	char text[4] = "";

	STAGE_UNTIL(p->calls);
	check_told(p, REASON_NONE);
	USERNS_CHECK(p->given >= 0, "no connection");
	/* Not one byte of the countersigning is left over. */
	USERNS_CHECK(write(peer_end, "hey", 3) == 3 && stage_read(p->given, text, 3) &&
			     memcmp(text, "hey", 3) == 0,
		     "'%s'", text);
	check_over();
}

/* As the other node does. */
static void countersign(int fd, const struct frame_punch *q)
{
	uint8_t token[FRAME_TOKEN_LEN];

	USERNS_CHECK(stage_read(fd, token, sizeof(token)), "no token");
	USERNS_CHECK(memcmp(token, q->token, sizeof(token)) == 0, "another token");
	USERNS_CHECK(write(fd, token, sizeof(token)) == sizeof(token), "%m");
}

static int connect_from(uint32_t host, const struct addr *to)
{
	struct addr local = addr_v4(host, 0);
	int fd = sock_shared(&local, AF_INET);

	USERNS_CHECK(fd >= 0 && sock_connect(fd, to, AF_INET) == 0, "%m");
	return fd;
}

STAGE_TEST(dialling, reverse_listens_for_the_peer_alone)
{
	struct program p = start();
	const struct frame_punch *q;
	struct addr to;
	int stranger, fd;

	stage_profiles(&by_address, &plain);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_REVERSE);
	ask(&p);
	q = hear(0, STRATEGY_REVERSE);
	to = q->source;
	stranger = connect_from(STAGE_NODE + 2, &to);
	USERNS_CHECK(stage_is_over(stranger), "a stranger is let in");
	fd = connect_from(STAGE_PEER, &to);
	countersign(fd, q);
	check_given(&p, fd);
	(void)close(stranger);
	(void)close(fd);
	end(&p);
}

STAGE_TEST(dialling, synchronised_crosses_with_the_peers_SYN)
{
	struct program p = start();
	const struct frame_punch *q;
	struct addr at, from;
	int listener = stage_listen(STAGE_PEER, &at), fd;

	stage_profiles(&refusing, &refusing);
	ask(&p);
	q = hear(0, STRATEGY_SYNCHRONISED);
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	fd = stage_accept(listener, &from);
	USERNS_CHECK(from.port == q->source.port, "from another port");
	check_given(&p, fd);
	(void)close(fd);
	(void)close(listener);
	end(&p);
}

/* Three ports of the peer, in steps; it answers on the last. */
static void check_predict(struct program *p)
{
	const struct frame_punch *q = hear(0, STRATEGY_PREDICT);
	struct frame_punched punched = {.request = q->request, .step = 2, .spread = 3};
	struct addr at, from;
	int listener = stage_listen(STAGE_PEER, &at), fd;

	punched.target = at;
	punched.target.port = (uint16_t)(at.port - 4);
	dial_answered(stage.node.dials, 1, &punched);
	fd = stage_accept(listener, &from);
	USERNS_CHECK(from.port == q->source.port, "from another port");
	countersign(fd, q);
	check_given(p, fd);
	(void)close(fd);
	(void)close(listener);
}

STAGE_TEST(dialling, predict_aims_at_the_ports_that_the_peer_foretells)
{
	struct program p = start();

	stage_profiles(&plain, &counting);
	ask(&p);
	check_predict(&p);
	end(&p);
}

STAGE_TEST(dialling, predict_of_a_NAT_that_keeps_ports_asks_nobody)
{
	struct profile keeping = symmetric;
	struct program p = start();

	keeping.ports = PROFILE_PORTS_KEPT;
	stage_profiles(&keeping, &plain);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_PREDICT);
	ask(&p);
	check_predict(&p);
	end(&p);
}

/* A random NAT is ours: many sockets knock at the peer's one port. */
STAGE_TEST(dialling, birthday_from_many_ports_keeps_the_one_that_is_countersigned)
{
	int listener, fds[VOLLEY_SOCKETS_MAX];
	uint8_t token[FRAME_TOKEN_LEN];
	struct program p = start();
	const struct frame_punch *q;
	size_t n = 0;
	struct addr at;

	listener = stage_listen(STAGE_PEER, &at);
	stage_profiles(&symmetric, &plain);
	ask(&p);
	q = hear(0, STRATEGY_BIRTHDAY);
	USERNS_CHECK(q->source.port == 0 && addr_v4_value(&q->source) == STAGE_NODE, "source");
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[n] = stage_accept(listener, NULL);
		/* All but a few are hung up on. */
		if (stage_read(fds[n], token, sizeof(token)))
			n++;
		else
			(void)close(fds[n]);
	}
	USERNS_CHECK(n == COUNTERSIGN_MAX, "%zu are left", n);
	/* Whoever has another token is somebody else. */
	token[0] ^= 1;
	USERNS_CHECK(write(fds[0], token, sizeof(token)) == sizeof(token), "%m");
	USERNS_CHECK(stage_is_over(fds[0]) && p.calls == 0, "trusted");
	USERNS_CHECK(write(fds[1], q->token, sizeof(token)) == sizeof(token), "%m");
	check_given(&p, fds[1]);
	for (size_t i = 2; i < n; i++)
		USERNS_CHECK(stage_is_over(fds[i]), "left open");
	while (n > 0)
		(void)close(fds[--n]);
	(void)close(listener);
	end(&p);
}

/* Each takes hundreds of descriptors. */
STAGE_TEST(dialling, birthdays_that_begin_together_take_turns)
{
	struct program p[DIAL_VOLLEYS_MAX + 1];

	stage_profiles(&symmetric, &plain);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = start();
		ask(&p[i]);
	}
	(void)hear(DIAL_VOLLEYS_MAX - 1, STRATEGY_BIRTHDAY);
	stage_run();
	USERNS_CHECK(!stage_find(FRAME_PUNCH, DIAL_VOLLEYS_MAX), "all at once");
	answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	(void)hear(DIAL_VOLLEYS_MAX, STRATEGY_BIRTHDAY);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		if (p[i].dial)
			dial_cancel(p[i].dial);
		end(&p[i]);
	}
}

STAGE_TEST(dialling, birthday_asks_first_where_the_peer_is_random)
{
	struct program p = start();

	stage_profiles(&plain, &symmetric);
	ask(&p);
	USERNS_CHECK(hear(0, STRATEGY_BIRTHDAY)->source.port != 0, "source");
	USERNS_CHECK(stage.node.dials->volleys == 1, "no volley");
	dial_cancel(p.dial);
	check_over();
	end(&p);
}

/* They are many descriptors each, so a third waits. */
STAGE_TEST(dialling, birthdays_wait_for_each_other)
{
	struct program p[DIAL_VOLLEYS_MAX + 1];

	stage_profiles(&plain, &symmetric);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = start();
		ask(&p[i]);
	}
	(void)stage_await(FRAME_PUNCH, DIAL_VOLLEYS_MAX - 1);
	stage_run();
	USERNS_CHECK(!stage_find(FRAME_PUNCH, DIAL_VOLLEYS_MAX), "it does not wait");
	dial_cancel(p[0].dial);
	(void)stage_await(FRAME_PUNCH, DIAL_VOLLEYS_MAX);
	for (size_t i = 1; i < ARRAY_SIZE(p); i++)
		dial_cancel(p[i].dial);
	check_over();
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		end(&p[i]);
}

/* RELAYED, whatever was said. */
static void relayed(int fd, enum reason reason)
{
	uint8_t hello[FRAME_HEADER_LEN + FRAME_TOKEN_LEN + 8 + FRAME_CODE_LEN];
	uint8_t frame[FRAME_HEADER_LEN + 2];

	USERNS_CHECK(stage_read(fd, hello, sizeof(hello)), "no RELAY");
	frame_put_header(frame, FRAME_RELAYED, 2);
	frame[FRAME_HEADER_LEN] = 0;
	frame[FRAME_HEADER_LEN + 1] = (uint8_t)reason;
	USERNS_CHECK(write(fd, frame, sizeof(frame)) == sizeof(frame), "%m");
}

STAGE_TEST(dialling, relay_is_named_to_the_peer)
{
	struct program p = start();
	const struct frame_punch *q;
	struct addr at;
	int listener = stage_listen(STAGE_NODE + 8, &at), fd;

	stage_profiles(&symmetric, &symmetric);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_RELAY);
	stage.options.seed[0] = at;
	stage.node.seed_relays = true;
	ask(&p);
	q = hear(0, STRATEGY_RELAY);
	USERNS_CHECK(addr_equal(&q->source, &at), "another relay");
	fd = stage_accept(listener, NULL);
	relayed(fd, REASON_NONE);
	check_given(&p, fd);
	(void)close(fd);
	(void)close(listener);
	end(&p);
}

STAGE_TEST(dialling, without_a_way_it_says_so)
{
	struct program p = start();

	stage_profiles(&symmetric, &symmetric);
	ask(&p);
	STAGE_UNTIL(p.calls);
	check_told(&p, REASON_NO_STRATEGY);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_DIRECT);
	stage_profiles(&plain, &plain);
	ask(&p);
	STAGE_UNTIL(p.calls);
	check_told(&p, REASON_NOT_ALLOWED);
	USERNS_CHECK(stage.n_sent == 0, "something was sent");
	end(&p);
}

/* ---- from way to way ---- */

STAGE_TEST(dialling, goes_on_until_no_way_is_left)
{
	struct program p = start();

	stage_profiles(&plain, &by_address);
	stage.options.strategies =
		STRATEGY_BIT(STRATEGY_SEQUENTIAL) | STRATEGY_BIT(STRATEGY_REVERSE);
	ask(&p);
	(void)hear(0, STRATEGY_SEQUENTIAL);
	answer(stage_find(FRAME_PUNCH, 0), REASON_NOT_INTERCEPTED, NULL);
	STAGE_UNTIL(p.calls);
	check_told(&p, REASON_NOT_INTERCEPTED);
	USERNS_CHECK(stage_find(FRAME_DONE, 0)->done.reason == REASON_NOT_INTERCEPTED, "DONE");
	end(&p);
}

STAGE_TEST(dialling, a_refusal_is_final)
{
	struct program p = start();

	stage_profiles(&plain, &refusing);
	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	STAGE_UNTIL(p.calls);
	check_told(&p, REASON_REFUSED);
	end(&p);
}

STAGE_TEST(dialling, remembers_which_way_has_failed)
{
	struct program p = start();

	stage_profiles(&plain, &refusing);
	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	answer(stage_find(FRAME_PUNCH, 0), REASON_UNREACHABLE, NULL);
	(void)hear(1, STRATEGY_SEQUENTIAL);
	dial_cancel(p.dial);
	stage_forget();
	ask(&p);
	(void)hear(0, STRATEGY_SEQUENTIAL);
	answer(stage_find(FRAME_PUNCH, 0), REASON_UNREACHABLE, NULL);
	(void)hear(1, STRATEGY_SIMULTANEOUS);
	dial_cancel(p.dial);
	end(&p);
}

STAGE_TEST(dialling, relay_comes_after_what_has_failed)
{
	static const enum strategy_id order[] = {STRATEGY_SEQUENTIAL, STRATEGY_SIMULTANEOUS};
	struct program p = start();
	struct addr at;
	int listener = stage_listen(STAGE_NODE + 8, &at);

	stage_profiles(&plain, &refusing);
	stage.options.strategies |= STRATEGY_BIT(STRATEGY_RELAY);
	stage.options.seed[0] = at;
	stage.node.seed_relays = true;
	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	answer(stage_find(FRAME_PUNCH, 0), REASON_UNREACHABLE, NULL);
	(void)hear(1, STRATEGY_SEQUENTIAL);
	dial_cancel(p.dial);
	stage_forget();
	ask(&p);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		(void)hear(i, order[i]);
		answer(stage_find(FRAME_PUNCH, i), REASON_UNREACHABLE, NULL);
	}
	(void)hear(ARRAY_SIZE(order), STRATEGY_RELAY);
	dial_cancel(p.dial);
	(void)close(listener);
	end(&p);
}

STAGE_TEST(dialling, a_silent_peer_costs_a_deadline)
{
	struct program p[2] = {start(), start()};
	uint64_t begun = clock_now();

	stage_profiles(&plain, &refusing);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		ask(&p[i]);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		STAGE_UNTIL(p[i].calls);
		check_told(&p[i], REASON_TIMEOUT);
		end(&p[i]);
	}
	USERNS_CHECK(clock_now() - begun < 2 * DIAL_DEADLINE_NS, "too late");
	/* Each question was withdrawn. */
	USERNS_CHECK(stage_find(FRAME_DONE, 1), "DONE");
}

STAGE_TEST(dialling, waits_where_nobody_can_be_asked)
{
	struct program p = start();
	size_t before;

	stage_profiles(&by_address, &plain);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_REVERSE);
	before = stage_descriptors();
	stage.cut = true;
	ask(&p);
	STAGE_UNTIL(p.dial->state == DIAL_WAITING && p.dial->strategy);
	/* Found by reading: the listener of the way that could not begin stayed open. */
	USERNS_CHECK(stage_descriptors() == before + 1, "%zu more", stage_descriptors() - before);
	for (int i = 0; i < 3; i++)
		dial_member_changed(stage.node.dials, 1);
	USERNS_CHECK(stage_descriptors() == before + 1, "%zu more", stage_descriptors() - before);
	stage.cut = false;
	dial_member_changed(stage.node.dials, 1);
	(void)hear(0, STRATEGY_REVERSE);
	dial_cancel(p.dial);
	end(&p);
}

STAGE_TEST(dialling, asks_again_when_the_link_is_lost)
{
	struct program p = start();
	const struct frame_punch *q;
	uint32_t request;

	stage_profiles(&plain, &refusing);
	ask(&p);
	q = hear(0, STRATEGY_SIMULTANEOUS);
	request = q->request;
	dial_link_lost(stage.node.dials, 1);
	q = hear(1, STRATEGY_SIMULTANEOUS);
	USERNS_CHECK(q->request != request, "the same question");
	/* The answer to the first comes late. */
	answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	USERNS_CHECK(p.calls == 0, "taken for the second's");
	dial_cancel(p.dial);
	end(&p);
}

STAGE_TEST(dialling, fails_with_the_member)
{
	struct program p = start();

	stage_profiles(&plain, &refusing);
	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	USERNS_CHECK(members_remove(&stage.node.members, 1) == 0, "member");
	dial_member_gone(stage.node.dials, 1);
	STAGE_UNTIL(p.calls);
	check_told(&p, REASON_LEFT);
	ask(&p);
	STAGE_UNTIL(p.calls);
	check_told(&p, REASON_NOT_A_MEMBER);
	end(&p);
}

/* ---- the program's socket fails ---- */

/* A blocking one: shut down, so that connect() comes back; then the next way. */
STAGE_TEST(dialling, a_program_that_waits_is_woken_for_the_next_way)
{
	struct program p = start();
	int silent[2];
	struct addr at = silent_port(silent);

	stage_profiles(&plain, &refusing);
	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	connect_to(&p, &at);
	USERNS_CHECK(sock_state(p.fd) == TCP_SYN_SENT, "%d", sock_state(p.fd));
	answer(stage_find(FRAME_PUNCH, 0), REASON_UNREACHABLE, NULL);
	STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
	USERNS_CHECK(!stage_find(FRAME_PUNCH, 1), "the next way begins before it is asked for");
	ask(&p);
	(void)hear(1, STRATEGY_SEQUENTIAL);
	dial_cancel(p.dial);
	(void)close(silent[0]);
	(void)close(silent[1]);
	end(&p);
}

/* One that does not: shut down, and the reason is kept. */
STAGE_TEST(dialling, a_program_that_does_not_wait_finds_the_reason)
{
	struct program p = start();
	int silent[2];
	struct addr at = silent_port(silent);

	stage_profiles(&plain, &refusing);
	(void)fcntl(p.fd, F_SETFL, O_NONBLOCK);
	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	connect_to(&p, &at);
	answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
	check_over();
	USERNS_CHECK(sock_error(p.fd) == -ECONNRESET, "the kernel's own");
	USERNS_CHECK(dial_result(stage.node.dials, p.cookie) == ECONNREFUSED, "reason");
	USERNS_CHECK(dial_result(stage.node.dials, p.cookie) == 0, "told twice");
	(void)close(silent[0]);
	(void)close(silent[1]);
	end(&p);
}

/*
 * Found by reading: a shutdown of a socket that was not connecting had no effect on
 * the connect() that followed, but for what could be sent on it.
 */
STAGE_TEST(dialling, an_early_SYN_that_has_not_left_yet_is_waited_for)
{
	struct program p = start();
	const struct addr to = member_port(1);
	int silent[2];
	struct addr at = silent_port(silent), any = addr_v4(INADDR_ANY, 0);

	(void)fcntl(p.fd, F_SETFL, O_NONBLOCK);
	USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0, "%m");
	dial_follow(stage.node.dials, &to, dup(p.fd), p.cookie);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	stage_run();
	USERNS_CHECK(!LIST_EMPTY(&stage.node.dials->list), "given up");
	connect_to(&p, &at);
	STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
	USERNS_CHECK(dial_result(stage.node.dials, p.cookie) == ECONNREFUSED, "reason");
	(void)close(silent[0]);
	(void)close(silent[1]);
	end(&p);
}

/* A connect() that a signal has ended goes on, and who polls for its end asks. */
STAGE_TEST(dialling, a_program_that_waited_and_went_on_finds_the_reason_at_once)
{
	struct program p = start();
	int silent[2];
	struct addr at = silent_port(silent);

	stage_profiles(&plain, &refusing);
	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	connect_to(&p, &at);
	answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
	USERNS_CHECK(dial_result(stage.node.dials, p.cookie) == ECONNREFUSED, "reason");
	check_over();
	(void)close(silent[0]);
	(void)close(silent[1]);
	end(&p);
}

/* What was begun on a guess is thought over when it has failed. */
STAGE_TEST(dialling, an_early_dial_that_failed_goes_on_as_an_ordinary_one)
{
	struct program p = start();
	const struct addr to = member_port(1);
	struct addr closed, any = addr_v4(INADDR_ANY, 0);

	(void)close(stage_listen(STAGE_PEER, &closed));
	USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0, "%m");
	dial_follow(stage.node.dials, &to, dup(p.fd), p.cookie);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	connect_to(&p, &closed);
	ask(&p);
	(void)hear(1, STRATEGY_SEQUENTIAL);
	dial_cancel(p.dial);
	check_over();
	end(&p);
}

/* The peer's listener has taken the SYN: whatever is said now, there is a connection. */
STAGE_TEST(dialling, a_connection_that_is_there_is_not_shut_down)
{
	struct program p = start();
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at), fd;

	stage_profiles(&plain, &refusing);
	ask(&p);
	(void)hear(0, STRATEGY_SIMULTANEOUS);
	answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	connect_to(&p, &at);
	answer(stage_find(FRAME_PUNCH, 0), REASON_TIMEOUT, NULL);
	fd = stage_accept(listener, NULL);
	check_over();
	USERNS_CHECK(write(p.fd, "x", 1) == 1 && stage_read(fd, (char[1]){0}, 1), "%m");
	(void)close(fd);
	(void)close(listener);
	end(&p);
}

/* ---- nothing is left ---- */

static const struct {
	const struct profile *self, *peer;
	enum strategy_id id;
	int times;
} kinds[] = {
	{&plain, &public, STRATEGY_DIRECT, 1000},
	{&plain, &plain, STRATEGY_SIMULTANEOUS, 1000},
	{&plain, &refusing, STRATEGY_SIMULTANEOUS, 1000},
	{&plain, &refusing, STRATEGY_SEQUENTIAL, 1000},
	{&by_address, &plain, STRATEGY_REVERSE, 1000},
	{&refusing, &refusing, STRATEGY_SYNCHRONISED, 1000},
	{&plain, &counting, STRATEGY_PREDICT, 1000},
	{&plain, &symmetric, STRATEGY_BIRTHDAY, 100},
	{&symmetric, &plain, STRATEGY_BIRTHDAY, 100},
	{&symmetric, &symmetric, STRATEGY_RELAY, 1000},
};

/* Cancelled, refused, or answered and then cancelled. */
static void dial_once(int how, const struct addr *at)
{
	struct program p = start();
	const struct stage_sent *s;

	stage_forget();
	ask(&p);
	stage_run();
	s = stage_find(FRAME_PUNCH, 0);
	if (s && p.calls == 0 && how % 3 == 1)
		answer(s, REASON_REFUSED, NULL);
	else if (s && how % 3 == 2)
		answer(s, REASON_NONE, at);
	stage_run();
	if (p.dial)
		dial_cancel(p.dial);
	end(&p);
	/* One that was told, and whose program has gone. */
	dial_member_gone(stage.node.dials, 1);
	while (!LIST_EMPTY(&stage.node.dials->list))
		dial_cancel(LIST_FIRST(&stage.node.dials->list));
}

STAGE_TEST(dialling, leaks_nothing_however_it_ends)
{
	struct addr at, relay;
	int listener = stage_listen(STAGE_PEER, &at);
	int relays = stage_listen(STAGE_NODE + 8, &relay);

	stage.options.seed[0] = relay;
	stage.node.seed_relays = true;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t before;
		int fd;

		stage_profiles(kinds[i].self, kinds[i].peer);
		stage.options.strategies = STRATEGY_BIT(kinds[i].id);
		before = stage_descriptors();
		for (int n = 0; n < kinds[i].times; n++) {
			dial_once(n, &at);
			while ((fd = accept(listener, NULL, NULL)) >= 0 ||
			       (fd = accept(relays, NULL, NULL)) >= 0)
				sock_reset(fd);
		}
		USERNS_CHECK(stage.node.dials->n == 0 && stage.node.dials->volleys == 0,
			     "kind %zu: %zu dials", i, stage.node.dials->n);
		stage_run(); /* the last copies are closed a turn later */
		USERNS_CHECK(stage_descriptors() == before, "kind %zu: %zu, not %zu", i,
			     stage_descriptors(), before);
	}
	(void)close(listener);
	(void)close(relays);
}
