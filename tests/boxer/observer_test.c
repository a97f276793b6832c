/* SPDX-License-Identifier: MIT */
/* The seed's endpoints as observers, and what their sightings make of a member's record. */
#include "base/cleanup.h"
#include "boxer/observer.h"
#include "boxer/sock.h"
#include "tests/boxer/asker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const uint8_t token[FRAME_TOKEN_LEN] = {1, 2, 3};
static const uint8_t nobody[FRAME_TOKEN_LEN];

static struct addr at(const struct cluster *c, uint32_t host, int after)
{
	return addr_v4(host, (uint16_t)(c->at.port + after));
}

#define FIRST  INADDR_LOOPBACK
#define SECOND (INADDR_LOOPBACK + 1)

CLUSTER_TEST(observer, tells_from_each_endpoint_where_it_sees_a_connection)
{
	static const struct {
		uint32_t host;
		int after;
	} endpoints[] = {{FIRST, 0}, {FIRST, 1}, {SECOND, 0}, {SECOND, 1}};
	struct cluster c;

	cluster_start(&c, "--second", "127.0.0.2", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
		struct addr to = at(&c, endpoints[i].host, endpoints[i].after);
		cleanup_close int fd = asker_connect(NULL, &to);
		struct addr mine, seen;

		USERNS_CHECK(sock_local(fd, &mine) == 0, "%m");
		/* And again on the same connection. */
		for (int j = 0; j < 3; j++) {
			seen = asker_observe(fd, nobody);
			USERNS_CHECK(addr_equal(&seen, &mine), "endpoint %zu", i);
		}
	}
	cluster_check_serves(&c);
	cluster_stop(&c);
}

CLUSTER_TEST(observer, answers_a_question_that_comes_byte_by_byte)
{
	uint8_t frame[ASKER_FRAME_MAX];
	size_t len = asker_compose(nobody, frame);
	struct addr mine, seen;
	struct cluster c;
	int fd;

	cluster_start(&c, NULL);
	fd = asker_connect(NULL, &c.at);
	USERNS_CHECK(sock_local(fd, &mine) == 0, "%m");
	for (size_t i = 0; i < len; i++) {
		asker_say(fd, frame + i, 1);
		if (i % 8 == 0)
			cluster_check_serves(&c);
	}
	seen = asker_hear(fd, frame);
	USERNS_CHECK(addr_equal(&seen, &mine), "seen");
	cluster_stop(&c);
}

/* Bad questions: what is wrong at which byte. */
static const struct {
	size_t at;
	uint8_t flip;
} flips[] = {
	{0, 1},	   /* magic */
	{3, 0x80}, /* type */
	{3, FRAME_OBSERVE ^ FRAME_OBSERVED},
	{4, 1},	    /* length: far too long */
	{7, 1},	    /* one byte more or less */
	{8, 1},	    /* token */
	{24, 1},    /* nonce */
	{40, 1},    /* code */
	{55, 0x80}, /* its last bit */
};

CLUSTER_TEST(observer, hangs_up_without_a_word_on_who_does_not_hold_the_key)
{
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(flips); i++) {
		uint8_t frame[ASKER_FRAME_MAX];
		size_t len = asker_compose(nobody, frame);
		cleanup_close int first = asker_connect(NULL, &c.at);
		cleanup_close int later = asker_connect(NULL, &c.at);

		frame[flips[i].at] ^= flips[i].flip;
		asker_say(first, frame, len);
		/* A length that was not kept is waited for until nothing more comes. */
		(void)shutdown(first, SHUT_WR);
		asker_hear_end(first);
		/* The second question of a connection is judged as the first. */
		(void)asker_observe(later, nobody);
		asker_say(later, frame, len);
		(void)shutdown(later, SHUT_WR);
		asker_hear_end(later);
	}
	cluster_check_serves(&c);
	cluster_stop(&c);
}

CLUSTER_TEST(observer, hears_a_question_only_once)
{
	uint8_t frame[ASKER_FRAME_MAX];
	size_t len = asker_compose(token, frame);
	struct cluster c;
	int fd, replayed;

	cluster_start(&c, NULL);
	fd = asker_connect(NULL, &c.at);
	asker_say(fd, frame, len);
	(void)asker_hear(fd, frame);
	replayed = asker_connect(NULL, &c.at);
	asker_say(replayed, frame, len);
	asker_hear_end(replayed);
	/* Nor on the connection on which it was right. */
	asker_say(fd, frame, len);
	asker_hear_end(fd);
	cluster_stop(&c);
}

/* A node: a control port, its observations, and its join. */
struct watched {
	struct addr at;
	int fds[FRAME_OBSERVERS];
	struct speaker s;
	struct frame_joined joined;
	struct frame_member own;
};

static void observe_from(const struct addr *from, const struct addr *to, int *ret_fd)
{
	struct addr seen;

	*ret_fd = asker_connect(from, to);
	seen = asker_observe(*ret_fd, token);
	USERNS_CHECK(addr_same_host(&seen, from), "seen");
}

static void join_from(struct cluster *c, struct watched *w, const char *name, uint8_t flags)
{
	struct frame_join join = {.inside = w->at, .claim = FRAME_ID_JOINING, .flags = flags};
	struct speaker_frame f;

	(void)memcpy(join.token, token, sizeof(token));
	(void)memcpy(join.name, name, strlen(name));
	speaker_init(&w->s, asker_connect(&w->at, &c->at), cluster_key, FRAME_ID_JOINING,
		     FRAME_ID_SEED);
	USERNS_CHECK(speaker_handshake(&w->s) == 0, "handshake");
	cluster_send_join(&w->s, &join);
	USERNS_CHECK(speaker_receive_type(&w->s, FRAME_JOINED, &f) == 0 &&
			     frame_decode_joined(f.body, f.len, &w->joined) == 0,
		     "JOINED");
	do
		w->own = cluster_next_member(&w->s);
	while (w->own.id != w->joined.id);
}

/* A control port that several connections share; @inside: as if there were a NAT. */
static void settle(struct watched *w)
{
	int fd;

	*w = (struct watched){.at = addr_v4(INADDR_LOOPBACK + 9, 0)};
	fd = sock_shared(&w->at, AF_INET);
	USERNS_CHECK(fd >= 0 && sock_local(fd, &w->at) == 0, "%m");
	(void)close(fd);
}

CLUSTER_TEST(observer, lists_all_endpoints_to_who_joins)
{
	struct addr expected[FRAME_OBSERVERS];
	struct frame_joined joined;
	struct cluster c;
	struct speaker s;

	cluster_start(&c, "--second", "127.0.0.2", NULL);
	expected[0] = at(&c, FIRST, 0);
	expected[1] = at(&c, FIRST, 1);
	expected[2] = at(&c, SECOND, 0);
	expected[3] = at(&c, SECOND, 1);
	cluster_join(&c, &s, "a", &joined);
	USERNS_CHECK(joined.n_observers == 4, "%zu", joined.n_observers);
	for (size_t i = 0; i < 4; i++)
		USERNS_CHECK(addr_equal(&joined.observers[i], &expected[i]), "observer %zu", i);
	cluster_stop(&c);
	cluster_start_seed(&c, NULL, NULL);
	cluster_join(&c, &s, "a", &joined);
	USERNS_CHECK(joined.n_observers == 2 && joined.observers[1].port == c.at.port + 1, "%zu",
		     joined.n_observers);
	cluster_stop(&c);
}

CLUSTER_TEST(observer, makes_a_profile_that_the_join_is_answered_with)
{
	struct addr second;
	struct watched w;
	struct cluster c;

	cluster_start(&c, NULL);
	settle(&w);
	second = at(&c, FIRST, 1);
	observe_from(&w.at, &second, &w.fds[0]);
	join_from(&c, &w, "a", 0);
	USERNS_CHECK(w.own.profile.mapping == PROFILE_MAPPING_NOT_APDM, "%s",
		     profile_mapping_names[w.own.profile.mapping]);
	USERNS_CHECK(w.own.profile.ports == PROFILE_PORTS_KEPT, "%s",
		     profile_ports_names[w.own.profile.ports]);
	cluster_stop(&c);
}

CLUSTER_TEST(observer, changes_the_record_of_a_member_that_is_seen_later)
{
	struct frame_member m;
	struct speaker watcher;
	struct addr other;
	struct watched w;
	struct cluster c;

	cluster_start(&c, "--second", "127.0.0.2", NULL);
	settle(&w);
	other = at(&c, FIRST, 1);
	observe_from(&w.at, &other, &w.fds[0]);
	join_from(&c, &w, "a", 0);
	(void)cluster_joins(&c, &watcher, "watcher");
	(void)cluster_next_member(&w.s);
	other = at(&c, SECOND, 0);
	observe_from(&w.at, &other, &w.fds[1]);
	m = cluster_next_member(&w.s);
	USERNS_CHECK(m.id == w.own.id && m.profile.mapping == PROFILE_MAPPING_EIM, "%s",
		     profile_mapping_names[m.profile.mapping]);
	USERNS_CHECK(m.version > w.own.version, "version");
	m = cluster_next_member(&watcher);
	USERNS_CHECK(m.id == w.own.id && m.profile.mapping == PROFILE_MAPPING_EIM, "others");
	cluster_stop(&c);
}

/* Another port for each endpoint, as a symmetric NAT would show. */
CLUSTER_TEST(observer, sees_that_a_mapping_depends_on_the_destination)
{
	struct frame_member m;
	struct watched w;
	struct cluster c;
	struct addr to, from;
	int fd;

	cluster_start(&c, NULL);
	settle(&w);
	to = at(&c, FIRST, 1);
	from = addr_v4(addr_v4_value(&w.at), 0);
	observe_from(&from, &to, &fd);
	join_from(&c, &w, "a", 0);
	USERNS_CHECK(w.own.profile.mapping == PROFILE_MAPPING_APDM, "%s",
		     profile_mapping_names[w.own.profile.mapping]);
	/* Seen anew by the same endpoint: what counts is the latest. */
	(void)close(fd);
	observe_from(&w.at, &to, &fd);
	m = cluster_next_member(&w.s);
	USERNS_CHECK(m.profile.mapping == PROFILE_MAPPING_NOT_APDM, "%s",
		     profile_mapping_names[m.profile.mapping]);
	cluster_stop(&c);
}

CLUSTER_TEST(observer, of_nobody_changes_no_record)
{
	struct addr to, from = addr_v4(INADDR_LOOPBACK + 9, 0);
	struct frame_gone g;
	struct watched w;
	struct cluster c;
	struct speaker s;
	int fd;

	cluster_start(&c, NULL);
	settle(&w);
	join_from(&c, &w, "a", 0);
	to = at(&c, FIRST, 1);
	fd = asker_connect(&from, &to);
	(void)asker_observe(fd, nobody);
	/* What comes next is somebody else's coming and going. */
	(void)cluster_joins(&c, &s, "b");
	USERNS_CHECK(cluster_next_member(&w.s).id != w.own.id, "a changed record");
	cluster_leave(&s);
	g = cluster_next_gone(&w.s);
	USERNS_CHECK(g.id != w.own.id, "gone");
	cluster_stop(&c);
}

/* `boxer doctor`: measured, and nobody hears of it. */
CLUSTER_TEST(observer, measures_a_visitor_that_becomes_no_member)
{
	struct speaker watcher, s;
	struct frame_member m;
	struct watched w;
	struct cluster c;
	struct addr to;

	cluster_start(&c, "--members", "1", NULL);
	(void)cluster_joins(&c, &watcher, "a");
	settle(&w);
	/* Neither the name nor the number of members stands in its way. */
	join_from(&c, &w, "a", FRAME_FLAG_VISIT);
	USERNS_CHECK(w.joined.id == FRAME_ID_JOINING && w.own.id == FRAME_ID_JOINING, "id %u",
		     w.own.id);
	USERNS_CHECK(w.joined.n_observers == 2, "observers");
	to = w.joined.observers[1];
	observe_from(&w.at, &to, &w.fds[0]);
	m = cluster_next_member(&w.s);
	USERNS_CHECK(m.id == FRAME_ID_JOINING && m.profile.mapping == PROFILE_MAPPING_NOT_APDM,
		     "%s", profile_mapping_names[m.profile.mapping]);
	/* It may not speak to members. */
	USERNS_CHECK(speaker_send(&w.s, FRAME_VIA, (const uint8_t *)"\0\0\0\0\x34", 5) == 0, "VIA");
	USERNS_CHECK(speaker_hear_end(&w.s) == 0, "not cut off");
	cluster_leave(&watcher);
	child_await(&c.seed, "leave");
	/* Nothing was told to the member, and no id was given away. */
	USERNS_CHECK(cluster_joins(&c, &s, "b") == 1, "an id was wasted");
	cluster_stop(&c);
}
