/* SPDX-License-Identifier: MIT */
/* The seed as a relay: whom it joins, what it passes on, and whom it turns away. */
#include "base/cleanup.h"
#include "boxer/relay.h"
#include "boxer/sock.h"
#include "tests/boxer/asker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

static const uint8_t token[FRAME_TOKEN_LEN] = {9, 8, 7};

/* A seed with two members, 0 and 1. */
struct both {
	struct cluster c;
	struct speaker a, b;
};

static void start(struct both *x, const char *option)
{
	struct frame_joined joined;

	cluster_start(&x->c, option, NULL);
	cluster_join(&x->c, &x->a, "a", &joined);
	USERNS_CHECK(joined.id == 0 && joined.flags == FRAME_FLAG_RELAY, "JOINED");
	USERNS_CHECK(cluster_joins(&x->c, &x->b, "b") == 1, "id");
}

static int ask(const struct both *x, const uint8_t *of, uint32_t from, uint32_t to)
{
	uint8_t frame[ASKER_FRAME_MAX];
	size_t len = asker_compose_relay(of, from, to, frame);
	int fd = asker_connect(NULL, &x->c.at);

	asker_say(fd, frame, len);
	return fd;
}

static void pair(const struct both *x, const uint8_t *of, int ret_fds[static 2])
{
	ret_fds[0] = ask(x, of, 0, 1);
	ret_fds[1] = ask(x, of, 1, 0);
	for (int i = 0; i < 2; i++) {
		enum reason reason = asker_hear_relayed(ret_fds[i]);

		USERNS_CHECK(reason == REASON_NONE, "%s", reason_name(reason));
	}
}

static void hear(int fd, const char *text)
{
	size_t len = strlen(text), got = 0;
	char bytes[64];

	while (got < len) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "waited for '%s'", text);
		n = recv(fd, bytes + got, len - got, MSG_DONTWAIT);
		USERNS_CHECK(n > 0, "%zd instead of '%s'", n, text);
		got += (size_t)n;
	}
	USERNS_CHECK(memcmp(bytes, text, len) == 0, "not '%s'", text);
}

static void say(int fd, const char *text)
{
	asker_say(fd, (const uint8_t *)text, strlen(text));
}

CLUSTER_TEST(relay, passes_bytes_both_ways_and_each_end_as_such)
{
	json_int_t from;
	struct both x;
	json_t *event;
	int fds[2];

	start(&x, "--relay");
	pair(&x, token, fds);
	say(fds[0], "there");
	hear(fds[1], "there");
	say(fds[1], "and back");
	hear(fds[0], "and back");
	/* Half of it ends; the other goes on. */
	say(fds[0], "last");
	USERNS_CHECK(shutdown(fds[0], SHUT_WR) == 0, "%m");
	hear(fds[1], "last");
	asker_hear_end(fds[1]);
	say(fds[1], "still here");
	hear(fds[0], "still here");
	USERNS_CHECK(!child_has_said(&x.c.seed, "relayed"), "too early");
	(void)close(fds[1]);
	asker_hear_end(fds[0]);
	event = child_event(&x.c.seed, "relayed");
	/* Either may have been heard first. */
	from = json_number(event, "from");
	USERNS_CHECK(json_number(event, "to") == 1 - from, "to");
	USERNS_CHECK(json_number(event, from == 0 ? "there" : "back") == 9 &&
			     json_number(event, from == 0 ? "back" : "there") == 18,
		     "bytes");
	json_decref(event);
	cluster_stop(&x.c);
}

CLUSTER_TEST(relay, passes_on_what_was_said_before_it_answered)
{
	uint8_t frame[ASKER_FRAME_MAX];
	struct both x;
	int a, b;

	start(&x, "--relay");
	a = asker_connect(NULL, &x.c.at);
	asker_say(a, frame, asker_compose_relay(token, 0, 1, frame));
	say(a, "early");
	cluster_check_serves(&x.c);
	b = ask(&x, token, 1, 0);
	USERNS_CHECK(asker_hear_relayed(b) == REASON_NONE, "b");
	hear(b, "early");
	(void)close(a);
	cluster_stop(&x.c);
}

/* How much a writer can get rid of while nobody reads. */
static size_t write_all_it_takes(int fd)
{
	static const uint8_t bytes[65536];
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	size_t sum = 0;

	while (poll(&p, 1, 300) == 1) {
		ssize_t n = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);

		USERNS_CHECK(n > 0, "%m");
		sum += (size_t)n;
		USERNS_CHECK(sum < 256UL * 1024 * 1024, "there is no bound");
	}
	return sum;
}

CLUSTER_TEST(relay, slows_down_who_writes_more_than_is_read)
{
	size_t before, written, got = 0;
	uint8_t bytes[65536];
	struct both x;
	int fds[2];

	start(&x, "--relay");
	pair(&x, token, fds);
	before = child_memory_kb(&x.c.seed);
	written = write_all_it_takes(fds[0]);
	if (CLUSTER_CHECK_MEMORY)
		USERNS_CHECK(child_memory_kb(&x.c.seed) < before + 1024, "memory");
	cluster_check_serves(&x.c);
	(void)shutdown(fds[0], SHUT_WR);
	for (;;) {
		struct pollfd p = {.fd = fds[1], .events = POLLIN};
		ssize_t n;

		USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "%zu of %zu", got, written);
		n = recv(fds[1], bytes, sizeof(bytes), MSG_DONTWAIT);
		USERNS_CHECK(n >= 0, "%m");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	USERNS_CHECK(got == written, "%zu of %zu bytes", got, written);
	userns_say("%zu bytes were under way", written);
	cluster_stop(&x.c);
}

CLUSTER_TEST(relay, passes_on_a_reset)
{
	struct pollfd p = {.events = POLLIN};
	struct both x;
	char byte;
	int fds[2];

	start(&x, "--relay");
	pair(&x, token, fds);
	sock_reset(fds[0]);
	p.fd = fds[1];
	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "nothing");
	USERNS_CHECK(recv(fds[1], &byte, 1, 0) < 0 && errno == ECONNRESET, "%m");
	child_await(&x.c.seed, "relayed");
	cluster_stop(&x.c);
}

/* The writer of a half-open connection hears of it by a hang-up. */
static void hear_that_it_is_broken(int fd)
{
	struct pollfd p = {.fd = fd, .events = 0};

	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1 && p.revents & POLLHUP, "nothing");
}

/* It has said all that it had to say, and its answer will never be read. */
CLUSTER_TEST(relay, passes_on_a_reset_of_an_end_that_was_read)
{
	static const uint8_t again[FRAME_TOKEN_LEN] = {3};
	struct both x;
	int fds[2];

	start(&x, "--relay");
	for (int i = 0; i < 2; i++) {
		pair(&x, i ? again : token, fds);
		say(fds[i], "a question");
		USERNS_CHECK(shutdown(fds[i], SHUT_WR) == 0, "%m");
		hear(fds[1 - i], "a question");
		asker_hear_end(fds[1 - i]);
		sock_reset(fds[i]);
		/* What it has read is over, but not what it may write. */
		hear_that_it_is_broken(fds[1 - i]);
		child_await(&x.c.seed, "relayed");
		(void)close(fds[1 - i]);
	}
	cluster_stop(&x.c);
}

/* Its bytes wait for who does not read: the loop has nothing to ask of it. */
CLUSTER_TEST(relay, passes_on_a_reset_of_an_end_that_has_to_wait)
{
	struct both x;
	int fds[2];

	start(&x, "--relay");
	pair(&x, token, fds);
	(void)write_all_it_takes(fds[0]);
	sock_reset(fds[0]);
	child_await(&x.c.seed, "relayed");
	(void)close(fds[1]);
	cluster_stop(&x.c);
}

static void check_answer(const struct both *x, uint32_t from, uint32_t to, enum reason expected)
{
	uint8_t other[FRAME_TOKEN_LEN] = {(uint8_t)from, (uint8_t)to};
	int fd = ask(x, other, from, to);
	enum reason reason = asker_hear_relayed(fd);

	USERNS_CHECK(reason == expected, "%u to %u: %s", from, to, reason_name(reason));
	asker_hear_end(fd);
	(void)close(fd);
}

CLUSTER_TEST(relay, serves_only_members_and_only_if_told_to)
{
	struct frame_joined joined;
	struct both x;

	start(&x, "--relay");
	check_answer(&x, 0, 2, REASON_NOT_A_MEMBER);
	check_answer(&x, 7, 1, REASON_NOT_A_MEMBER);
	check_answer(&x, 1, 1, REASON_PROTOCOL);
	cluster_leave(&x.b);
	child_await(&x.c.seed, "leave");
	check_answer(&x, 0, 1, REASON_NOT_A_MEMBER);
	cluster_stop(&x.c);
	speaker_close(&x.a);
	cluster_start_seed(&x.c, NULL, NULL);
	cluster_join(&x.c, &x.a, "a", &joined);
	USERNS_CHECK(joined.flags == 0, "it says that it relays");
	(void)cluster_joins(&x.c, &x.b, "b");
	check_answer(&x, 0, 1, REASON_NOT_ALLOWED);
	cluster_stop(&x.c);
}

/* Others come with another token, for somebody else, or with nothing but what they have heard. */
CLUSTER_TEST(relay, joins_only_those_who_have_agreed)
{
	static const uint8_t foreign[FRAME_TOKEN_LEN] = {1};
	uint8_t frame[ASKER_FRAME_MAX];
	size_t len = asker_compose_relay(token, 0, 1, frame);
	int a, b, fd, waiting[3];
	struct speaker third;
	struct both x;

	start(&x, "--relay");
	(void)cluster_joins(&x.c, &third, "third");
	a = asker_connect(NULL, &x.c.at);
	asker_say(a, frame, len);
	cluster_check_serves(&x.c);
	waiting[0] = ask(&x, foreign, 1, 0);
	waiting[1] = ask(&x, token, 2, 0);
	waiting[2] = ask(&x, token, 1, 2);
	/* The same frame again: heard by somebody on the way. */
	fd = asker_connect(NULL, &x.c.at);
	asker_say(fd, frame, len);
	asker_hear_end(fd);
	/* A changed one. */
	for (size_t i = FRAME_HEADER_LEN; i < len; i += 7) {
		uint8_t changed[ASKER_FRAME_MAX];

		len = asker_compose_relay(foreign, 1, 0, changed);
		changed[i] ^= 1;
		fd = asker_connect(NULL, &x.c.at);
		asker_say(fd, changed, len);
		asker_hear_end(fd);
		(void)close(fd);
	}
	b = ask(&x, token, 1, 0);
	USERNS_CHECK(asker_hear_relayed(a) == REASON_NONE && asker_hear_relayed(b) == REASON_NONE,
		     "the right two");
	say(a, "to b");
	hear(b, "to b");
	/* And a token serves once. */
	fd = asker_connect(NULL, &x.c.at);
	asker_say(fd, frame, len);
	asker_hear_end(fd);
	/* The others wait in vain, for as long as that is set. */
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++)
		USERNS_CHECK(asker_hear_relayed(waiting[i]) == REASON_TIMEOUT, "waiting %zu", i);
	cluster_stop(&x.c);
}

CLUSTER_TEST(relay, forgets_a_half_that_hangs_up)
{
	static const uint8_t again[FRAME_TOKEN_LEN] = {2};
	struct both x;
	size_t before;
	int a, b;

	start(&x, "--relay");
	before = child_descriptors_at_rest(&x.c.seed);
	a = ask(&x, token, 0, 1);
	child_await_descriptors(&x.c.seed, before + 1);
	(void)close(a);
	child_await_descriptors(&x.c.seed, before);
	b = ask(&x, token, 1, 0);
	child_await_descriptors(&x.c.seed, before + 1);
	/* They agree on another token and try again. */
	{
		int fds[2];

		pair(&x, again, fds);
		say(fds[1], "well");
		hear(fds[0], "well");
	}
	(void)close(b);
	cluster_stop(&x.c);
}

CLUSTER_TEST(relay, has_room_for_so_many_halves_the_oldest_gives_way)
{
	uint8_t each[FRAME_TOKEN_LEN] = {0};
	int fds[RELAY_WAITING_MAX + 1];
	struct both x;
	size_t before;

	start(&x, "--relay");
	before = child_descriptors_at_rest(&x.c.seed);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		each[0] = (uint8_t)i;
		each[1] = (uint8_t)(i >> 8);
		fds[i] = ask(&x, each, 0, 1);
		/* It is accepted before it is read, and may be read after others that came later. */
		if (i == 0)
			cluster_check_serves(&x.c);
		if (i < RELAY_WAITING_MAX)
			child_await_descriptors(&x.c.seed, before + i + 1);
	}
	USERNS_CHECK(asker_hear_relayed(fds[0]) == REASON_LOCAL, "the oldest");
	fds[0] = ask(&x, each, 1, 0);
	USERNS_CHECK(asker_hear_relayed(fds[0]) == REASON_NONE, "the newest");
	cluster_stop(&x.c);
}
