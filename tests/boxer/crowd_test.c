/* SPDX-License-Identifier: MIT */
/* The seed and very many at once: members that join, and strangers that only connect. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/reception.h"
#include "boxer/sock.h"
#include "tests/base/random.h"
#include "tests/boxer/asker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CROWD 512

static void allow_many_descriptors(void)
{
	struct rlimit limit;

	USERNS_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	limit.rlim_cur = limit.rlim_max;
	USERNS_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	if (limit.rlim_cur < 4096)
		userns_skip("only %llu descriptors are allowed",
			    (unsigned long long)limit.rlim_cur);
}

/* Processor time of the seed so far. */
static unsigned long used_ms(const struct child *c)
{
	char path[64], text[1024] = "";
	unsigned long user, system;
	cleanup_close int fd = -1;
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", c->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	USERNS_CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "%s: %m", path);
	at = strrchr(text, ')');
	USERNS_CHECK(at && sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				  &user, &system) == 2,
		     "%s", text);
	return (user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

/* All handshakes first, then all joins. */
static void greet_all(struct cluster *c, struct speaker *s)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct speaker_frame f;

	for (unsigned i = 0; i < CROWD; i++) {
		speaker_init(&s[i], cluster_connect(c, NULL), cluster_key, FRAME_ID_JOINING,
			     FRAME_ID_SEED);
		USERNS_CHECK(speaker_write(&s[i], bytes, speaker_build_hello(&s[i], bytes)) == 0,
			     "hello %u", i);
	}
	for (unsigned i = 0; i < CROWD; i++) {
		USERNS_CHECK(speaker_hear_hello(&s[i]) == 0, "hello to %u", i);
		USERNS_CHECK(speaker_write(&s[i], bytes, speaker_build_proof(&s[i], bytes)) == 0,
			     "proof %u", i);
		USERNS_CHECK(speaker_receive(&s[i], &f) == 0 && f.type == FRAME_PROOF,
			     "proof to %u", i);
		auth_start(s[i].key, &s[i].mine, &s[i].theirs, &s[i].session);
		s[i].proven = true;
	}
	for (unsigned i = 0; i < CROWD; i++) {
		struct frame_join join = {.claim = FRAME_ID_JOINING};

		(void)snprintf(join.name, sizeof(join.name), "fn-%u", i);
		(void)snprintf((char *)join.token, sizeof(join.token), "t-%u", i);
		cluster_send_join(&s[i], &join);
		child_drain(&c->seed);
	}
}

/* Everybody hears of everybody. */
static void hear_all(struct cluster *c, struct speaker *s)
{
	for (unsigned i = 0; i < CROWD; i++) {
		bool seen[CROWD] = {false};
		unsigned n = 0;

		while (n < CROWD) {
			struct speaker_frame f;
			struct frame_member m;

			USERNS_CHECK(speaker_receive(&s[i], &f) == 0, "%u of %u", n, i);
			if (f.type != FRAME_MEMBER)
				continue;
			USERNS_CHECK(frame_decode_member(f.body, f.len, &m) == 0 && m.id < CROWD,
				     "id");
			n += !seen[m.id];
			seen[m.id] = true;
		}
		child_drain(&c->seed);
	}
}

CLUSTER_TEST(crowd, of_members_that_join_at_once_is_admitted_within_seconds)
{
	static struct speaker s[CROWD];
	uint64_t began;
	struct cluster c;

	cluster_start(&c, NULL);
	allow_many_descriptors();
	began = clock_now();
	greet_all(&c, s);
	hear_all(&c, s);
	userns_say("%u members in %llu ms, %lu ms of the seed's processor time, %zu KiB", CROWD,
		   (unsigned long long)((clock_now() - began) / NS_PER_MS), used_ms(&c.seed),
		   child_memory_kb(&c.seed));
	USERNS_CHECK(clock_now() - began < 30 * NS_PER_S, "it takes far too long");
	cluster_stop(&c);
}

/* Strangers: what they do once they are connected. */
static void say_nothing(int fd)
{
	(void)fd;
}

static void say_a_byte(int fd)
{
	asker_say(fd, (const uint8_t *)"B", 1);
}

static void say_hello(int fd)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct speaker s;

	speaker_init(&s, fd, cluster_key, FRAME_ID_JOINING, FRAME_ID_SEED);
	asker_say(fd, bytes, speaker_build_hello(&s, bytes));
}

static void ask_without_the_key(int fd)
{
	static const uint8_t nobody[FRAME_TOKEN_LEN];
	uint8_t frame[ASKER_FRAME_MAX];
	size_t len = asker_compose(nobody, frame);

	frame[len - 1] ^= 1;
	asker_say(fd, frame, len);
}

static void (*const manners[])(int fd) = {say_nothing, say_a_byte, say_hello, ask_without_the_key};

#define STRANGERS    10000
#define STAY_AT_ONCE 3000

/* @hosts: how many addresses they come from; the first is 127.1.0.0. */
static void flood(struct cluster *c, struct speaker *member, unsigned hosts)
{
	static int fds[STAY_AT_ONCE];
	unsigned n = (unsigned)random_count(STRANGERS);

	for (size_t i = 0; i < STAY_AT_ONCE; i++)
		fds[i] = -1;
	for (unsigned i = 0; i < n; i++) {
		struct addr from = addr_v4(0x7f010000u + i % hosts, 0);
		int *fd = &fds[i % STAY_AT_ONCE];

		if (*fd >= 0)
			(void)close(*fd);
		*fd = asker_connect(&from, &c->at);
		manners[i % ARRAY_SIZE(manners)](*fd);
		if (i % 1000 != 999)
			continue;
		/* In the middle of it a member is served, and a new one joins. */
		USERNS_CHECK(speaker_send(member, FRAME_PING, (const uint8_t *)"here", 4) == 0,
			     "the member was cut off after %u", i);
		for (struct speaker_frame f = {0}; f.type != FRAME_PONG;)
			USERNS_CHECK(speaker_receive(member, &f) == 0, "no PONG after %u", i);
		cluster_check_serves(c);
	}
	for (size_t i = 0; i < STAY_AT_ONCE; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

CLUSTER_TEST(crowd, of_strangers_from_one_address_or_many_keeps_nobody_out)
{
	static const unsigned hosts[] = {1, 50000};
	size_t before, after[ARRAY_SIZE(hosts)], descriptors;
	struct speaker member;
	struct cluster c;

	cluster_start(&c, NULL);
	allow_many_descriptors();
	(void)cluster_joins(&c, &member, "member");
	descriptors = child_descriptors_at_rest(&c.seed);
	before = child_memory_kb(&c.seed);
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		uint64_t began = clock_now();

		flood(&c, &member, hosts[i]);
		after[i] = child_memory_kb(&c.seed);
		userns_say("%u strangers from %u addresses: %llu ms, %zu KiB before, %zu after",
			   (unsigned)random_count(STRANGERS), hosts[i],
			   (unsigned long long)((clock_now() - began) / NS_PER_MS), before,
			   after[i]);
	}
	child_await_descriptors(&c.seed, descriptors);
	if (CLUSTER_CHECK_MEMORY) {
		USERNS_CHECK(after[0] < before + 16384, "%zu, then %zu KiB", before, after[0]);
		USERNS_CHECK(after[1] < after[0] + 1024, "%zu, then %zu KiB", after[0], after[1]);
	}
	USERNS_CHECK(!child_has_said(&c.seed, "lost"), "events");
	cluster_stop(&c);
}

CLUSTER_TEST(crowd, of_silent_strangers_is_as_large_as_that_then_the_oldest_goes)
{
	static int fds[RECEPTION_MAX + 1];
	struct pollfd second = {.events = POLLIN};
	struct cluster c;
	size_t before;

	allow_many_descriptors();
	cluster_start(&c, NULL);
	before = child_descriptors_at_rest(&c.seed);
	for (size_t i = 0; i < RECEPTION_MAX; i++)
		fds[i] = asker_connect(NULL, &c.at);
	child_await_descriptors(&c.seed, before + RECEPTION_MAX);
	fds[RECEPTION_MAX] = asker_connect(NULL, &c.at);
	asker_hear_end(fds[0]);
	second.fd = fds[1];
	USERNS_CHECK(poll(&second, 1, 0) == 0, "a younger one has gone, too");
	/* Nobody stays for ever. */
	child_await_descriptors(&c.seed, before);
	cluster_stop(&c);
}
