/* SPDX-License-Identifier: MIT */
/*
 * usage: boxer-test-babbler SEED KEY-FILE NAME ROUNDS FRAMES [RANDOM]
 *
 * A member that holds the cluster's key and abuses it: round after round it joins as
 * NAME, takes the links that other nodes make to it (it must be public), and sends
 * FRAMES frames of every bad kind to the seed and over the links, until it is cut off
 * or has none left. Then it goes without a word. What it prints is one JSON object.
 */
#include "base/addr.h"
#include "base/clock.h"
#include "boxer/sock.h"
#include "tests/boxer/speaker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX     16
#define MEMBERS_MAX   64
#define JOIN_MS	      5000
#define JOIN_PAUSE_MS 20
#define LINK_MS	      500 /* for the next one of the links */

/**
 * struct babbler - it, and what it has done
 * @at: where it joins from and listens
 * @self: as which the seed has seen it
 * @random: state of the generator, so that a run can be had again
 * @sent, @cut: frames, and connections that were ended by the other side
 */
struct babbler {
	struct addr seed, at, self;
	uint8_t key[AUTH_KEY_LEN];
	const char *name;
	uint64_t random;
	int listener;
	struct speaker uplink, links[LINKS_MAX];
	size_t n_links;
	uint32_t id, members[MEMBERS_MAX];
	size_t n_members;
	unsigned long joined, linked, sent, cut;
};

static uint32_t any(struct babbler *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return (uint32_t)(b->random >> 16);
}

static uint32_t below(struct babbler *b, uint32_t n)
{
	return any(b) % n;
}

static bool is_ready(int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, ms) == 1;
}

/* ---- what it says ---- */

/* Mostly its own, for others are believed in by nobody. */
static struct addr some_address(struct babbler *b)
{
	struct addr a = addr_v4(any(b), 0);

	if (below(b, 8))
		a = b->self;
	a.port = (uint16_t)any(b);
	return a;
}

static int make_noise(struct babbler *b, uint8_t *body, size_t max)
{
	size_t len = below(b, (uint32_t)max + 1);

	for (size_t i = 0; i < len; i++)
		body[i] = (uint8_t)any(b);
	return (int)len;
}

static int make_punch(struct babbler *b, uint8_t *body, size_t size)
{
	static const uint16_t spreads[] = {0, 1, 512, 40000, 65535};
	const struct frame_punch punch = {
		.request = below(b, 40),
		.strategy = (uint8_t)(below(b, 4) ? below(b, 12) : any(b)),
		.port = (uint16_t)(below(b, 2) ? 7100 : any(b)),
		.source = some_address(b),
		.step = (int16_t)any(b),
		.spread = spreads[below(b, 5)],
	};

	return frame_encode_punch(&punch, body, size);
}

static int make_punched(struct babbler *b, uint8_t *body, size_t size)
{
	const struct frame_punched punched = {
		.request = below(b, 40),
		.reason = (uint16_t)(below(b, 2) ? 0 : any(b)),
		.target = some_address(b),
		.step = (int16_t)any(b),
		.spread = (uint16_t)any(b),
	};

	return frame_encode_punched(&punched, body, size);
}

static int make_done(struct babbler *b, uint8_t *body, size_t size)
{
	const struct frame_done done = {below(b, 40), (uint16_t)below(b, 3)};

	return frame_encode_done(&done, body, size);
}

static int make_barrier(struct babbler *b, uint8_t *body, size_t size)
{
	struct frame_barrier barrier = {.request = any(b), .count = any(b)};

	(void)snprintf(barrier.name, sizeof(barrier.name), "b%u", below(b, 1000));
	return frame_encode_barrier(&barrier, body, size);
}

static int make_probe(struct babbler *b, uint8_t *body, size_t size)
{
	const struct frame_probe probe = {.port = (uint16_t)any(b)};

	return frame_encode_probe(&probe, body, size);
}

static int make_nothing(struct babbler *b, uint8_t *body, size_t size)
{
	(void)b;
	(void)body;
	(void)size;
	return 0;
}

/** struct speech - a kind of frame, and who makes up its body */
struct speech {
	uint8_t type;
	int (*make)(struct babbler *b, uint8_t *body, size_t size);
};

static const struct speech for_nodes[] = {
	{FRAME_PUNCH, make_punch}, {FRAME_PUNCH, make_punch},	    {FRAME_PUNCHED, make_punched},
	{FRAME_DONE, make_done},   {FRAME_INTRODUCE, make_nothing}, {FRAME_PING, make_noise},
	{FRAME_PUNCH, make_noise},
};

static const struct speech for_seeds[] = {
	{FRAME_BARRIER, make_barrier},
	{FRAME_PROBE, make_probe},
	{FRAME_PING, make_noise},
};

/* For a node by way of the seed. */
static int make_via(struct babbler *b, uint8_t *body, size_t size)
{
	uint8_t inner[512];
	size_t i = below(b, sizeof(for_nodes) / sizeof(for_nodes[0]));
	struct frame_via via = {.id = any(b), .type = for_nodes[i].type, .body = inner};
	int len = for_nodes[i].make(b, inner, 256);

	if (b->n_members)
		via.id = b->members[below(b, (uint32_t)b->n_members)];
	via.len = len > 0 ? (size_t)len : 0;
	return frame_encode_via(&via, body, size);
}

static void say(struct babbler *b, struct speaker *s, bool to_seed)
{
	uint8_t body[1024];
	uint32_t kind = below(b, 400);
	uint8_t type;
	int len;

	if (kind == 0) { /* no type that there is, and noise for a body */
		type = (uint8_t)any(b);
		len = make_noise(b, body, sizeof(body));
	} else if (to_seed && kind < 300) {
		type = FRAME_VIA;
		len = make_via(b, body, sizeof(body));
	} else if (to_seed) {
		size_t i = below(b, sizeof(for_seeds) / sizeof(for_seeds[0]));

		type = for_seeds[i].type;
		len = for_seeds[i].make(b, body, 256);
	} else {
		size_t i = below(b, sizeof(for_nodes) / sizeof(for_nodes[0]));

		type = for_nodes[i].type;
		len = for_nodes[i].make(b, body, 256);
	}
	if (s->fd < 0 || len < 0)
		return;
	b->sent++;
	if (speaker_send(s, type, body, (size_t)len) < 0) {
		b->cut++;
		speaker_close(s);
	}
}

/* Whoever does not read must not be waited for. */
static void swallow(struct babbler *b, struct speaker *s)
{
	char bin[65536];
	ssize_t n = 1;

	while (s->fd >= 0 && n > 0)
		n = recv(s->fd, bin, sizeof(bin), MSG_DONTWAIT);
	if (s->fd >= 0 && (n == 0 || errno != EAGAIN)) {
		b->cut++;
		speaker_close(s);
	}
}

/* ---- how it gets in ---- */

static bool take_members(struct babbler *b)
{
	struct speaker_frame f;
	struct frame_member m;

	do {
		if (speaker_receive_type(&b->uplink, FRAME_MEMBER, &f) < 0 ||
		    frame_decode_member(f.body, f.len, &m) < 0)
			return false;
		if (m.id != b->id && b->n_members < MEMBERS_MAX)
			b->members[b->n_members++] = m.id;
	} while (m.id != b->id);
	return true;
}

static bool join(struct babbler *b)
{
	struct frame_join join = {.claim = FRAME_ID_JOINING, .inside = b->at};
	int fd = sock_shared(&b->at, AF_INET);
	struct frame_joined joined;
	struct speaker_frame f;
	uint8_t body[256];
	int len;

	b->uplink.fd = fd;
	if (fd < 0 || sock_connect(fd, &b->seed, AF_INET) < 0 || !is_ready(fd, POLLOUT, JOIN_MS))
		return false;
	sock_reset_on_close(fd);
	speaker_init(&b->uplink, fd, b->key, FRAME_ID_JOINING, FRAME_ID_SEED);
	if (speaker_handshake(&b->uplink) < 0)
		return false;
	(void)snprintf(join.name, sizeof(join.name), "%s", b->name);
	for (size_t i = 0; i < sizeof(join.token); i++)
		join.token[i] = (uint8_t)any(b);
	len = frame_encode_join(&join, body, sizeof(body));
	if (len < 0 || speaker_send(&b->uplink, FRAME_JOIN, body, (size_t)len) < 0 ||
	    speaker_receive_type(&b->uplink, FRAME_JOINED, &f) < 0 ||
	    frame_decode_joined(f.body, f.len, &joined) < 0)
		return false;
	b->id = joined.id;
	b->self = joined.observed;
	b->n_members = 0;
	return take_members(b);
}

/* Those that come. The ids of others are smaller, so that they select. */
static void take_links(struct babbler *b)
{
	struct speaker_frame f;

	while (b->n_links < LINKS_MAX && b->n_links < b->n_members &&
	       is_ready(b->listener, POLLIN, LINK_MS)) {
		struct speaker *s = &b->links[b->n_links];
		int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		sock_reset_on_close(fd);
		speaker_init(s, fd, b->key, b->id, FRAME_ID_JOINING);
		if (speaker_handshake(s) < 0 || speaker_receive_type(s, FRAME_SELECT, &f) < 0) {
			speaker_close(s);
			continue;
		}
		b->n_links++;
		b->linked++;
	}
}

/* The seed may not have seen yet that the last one of that name has gone. */
static bool join_again(struct babbler *b)
{
	uint64_t until = clock_now() + JOIN_MS * NS_PER_MS;

	for (;;) {
		b->uplink.fd = -1;
		if (join(b))
			return true;
		speaker_close(&b->uplink);
		if (clock_now() >= until)
			return false;
		(void)poll(NULL, 0, JOIN_PAUSE_MS);
	}
}

static bool play(struct babbler *b, unsigned long frames)
{
	bool in;

	b->n_links = 0;
	in = join_again(b);
	if (in) {
		b->joined++;
		take_links(b);
	}
	for (unsigned long i = 0; in && i < frames; i++) {
		say(b, &b->uplink, true);
		swallow(b, &b->uplink);
		for (size_t k = 0; k < b->n_links; k++) {
			say(b, &b->links[k], false);
			swallow(b, &b->links[k]);
		}
	}
	speaker_close(&b->uplink);
	for (size_t k = 0; k < b->n_links; k++)
		speaker_close(&b->links[k]);
	return in;
}

/* ---- the command line ---- */

static bool read_key(const char *path, uint8_t key[static AUTH_KEY_LEN])
{
	FILE *f = fopen(path, "re");
	bool good = f != NULL;

	for (size_t i = 0; good && i < AUTH_KEY_LEN; i++)
		good = fscanf(f, "%2hhx", &key[i]) == 1;
	if (f)
		(void)fclose(f);
	return good;
}

static bool listen_there(struct babbler *b)
{
	b->at = addr_v4(INADDR_ANY, 0);
	b->listener = sock_shared(&b->at, AF_INET);
	return b->listener >= 0 && sock_local(b->listener, &b->at) == 0 &&
	       sock_listen(b->listener, LINKS_MAX) == 0;
}

int main(int argc, char **argv)
{
	static struct babbler b = {.random = 1};
	unsigned long rounds, frames, failed = 0;

	if (argc < 6 || addr_parse(argv[1], &b.seed) < 0 || !read_key(argv[2], b.key)) {
		(void)fputs("usage: boxer-test-babbler SEED KEY-FILE NAME ROUNDS FRAMES [RANDOM]\n",
			    stderr);
		return 2;
	}
	b.name = argv[3];
	rounds = strtoul(argv[4], NULL, 10);
	frames = strtoul(argv[5], NULL, 10);
	if (argc > 6)
		b.random = strtoul(argv[6], NULL, 10) + 1;
	(void)signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0 || !listen_there(&b)) {
		perror("boxer-test-babbler");
		return 1;
	}
	for (unsigned long i = 0; i < rounds; i++)
		failed += !play(&b, frames);
	(void)printf("{\"joined\": %lu, \"failed\": %lu, \"links\": %lu, \"frames\": %lu, "
		     "\"cut\": %lu}\n",
		     b.joined, failed, b.linked, b.sent, b.cut);
	return failed ? 1 : 0;
}
