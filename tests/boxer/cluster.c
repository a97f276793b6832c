/* SPDX-License-Identifier: MIT */
#include "tests/boxer/cluster.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/sock.h"
#include "tests/base/random.h"

#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#define TIMEOUT_MS    120000
#define ARGUMENTS_MAX 16

#define KEY_REST "02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\n"

const uint8_t cluster_key[AUTH_KEY_LEN] = {
	1,  2,	3,  4,	5,  6,	7,  8,	9,  10, 11, 12, 13, 14, 15, 16,
	17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
};

int cluster_timeout_ms(void)
{
	unsigned long ms = random_count(TIMEOUT_MS);

	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void bring_loopback_up(void)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	USERNS_CHECK(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo: %m");
}

static void write_file(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	USERNS_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %m",
		     path);
}

void cluster_prepare(void)
{
	bring_loopback_up();
	USERNS_CHECK(mount("none", CLUSTER_DIR, "tmpfs", 0, NULL) == 0, "%m");
	write_file(CLUSTER_KEY, "01" KEY_REST);
	write_file(CLUSTER_BAD_KEY, "ff" KEY_REST);
	(void)setenv("TMPDIR", CLUSTER_DIR, 1);
	/* A directory that this uid can't search would make "not found" a "permission denied". */
	(void)setenv("PATH", "/usr/bin:/bin", 1);
}

void cluster_start_seed(struct cluster *c, const char *const *more, void (*prepare)(void))
{
	const char *argv[ARGUMENTS_MAX] = {
		BOXERD_PATH,  "seed",	   "--listen", "127.0.0.1:0",
		"--key-file", CLUSTER_KEY, "--events", CHILD_EVENTS,
	};
	json_t *event;

	for (size_t n = 8; more && *more && n < ARGUMENTS_MAX - 1; n++)
		argv[n] = *more++;
	child_start(&c->seed, argv, prepare);
	event = child_event(&c->seed, "listening");
	USERNS_CHECK(addr_parse(json_text(event, "address"), &c->at) == 0, "no address");
	json_decref(event);
	(void)addr_format(&c->at, c->text);
}

void cluster_start(struct cluster *c, ...)
{
	const char *more[ARGUMENTS_MAX] = {NULL};
	va_list ap;

	va_start(ap, c);
	for (size_t n = 0; n < ARGUMENTS_MAX - 1; n++) {
		more[n] = va_arg(ap, const char *);
		if (!more[n])
			break;
	}
	va_end(ap);
	cluster_prepare();
	cluster_start_seed(c, more, NULL);
}

void cluster_stop(struct cluster *c)
{
	int status;

	child_signal(&c->seed, SIGTERM);
	status = child_end(&c->seed);
	USERNS_CHECK(status == 0, "the seed ended with %d\n%s", status, child_errors(&c->seed));
}

int cluster_connect(struct cluster *c, const char *from)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage ss;
	const int one = 1;
	struct addr a;

	USERNS_CHECK(fd >= 0, "%m");
	/* As all do who speak the protocol. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (from) {
		int len = addr_parse(from, &a) == 0 ? addr_to_sockaddr(&a, AF_INET, &ss) : -1;

		USERNS_CHECK(len > 0 && bind(fd, (struct sockaddr *)&ss, (socklen_t)len) == 0,
			     "%s: %m", from);
	}
	USERNS_CHECK(sock_connect(fd, &c->at, AF_INET) == 0, "%s: %m", c->text);
	return fd;
}

/* The seed must not have to wait for us, to be rid of its events, while we wait for it. */
static bool wait_and_drain(struct speaker *s, short events)
{
	uint64_t deadline = clock_now() + SPEAKER_PATIENCE_MS * NS_PER_MS;
	struct child *seed = s->arg;

	while (clock_now() < deadline) {
		struct pollfd p[2] = {{.fd = s->fd, .events = events},
				      {.fd = seed->events, .events = POLLIN}};

		if (poll(p, 2, SPEAKER_PATIENCE_MS) <= 0)
			return false;
		if (p[0].revents)
			return true;
		child_drain(seed);
	}
	return false;
}

void cluster_greet(struct cluster *c, struct speaker *s, const char *from)
{
	int r;

	speaker_init(s, cluster_connect(c, from), cluster_key, FRAME_ID_JOINING, FRAME_ID_SEED);
	s->wait = wait_and_drain;
	s->arg = &c->seed;
	r = speaker_handshake(s);
	USERNS_CHECK(r == 0, "the handshake with the seed: %s", strerror(-r));
}

void cluster_ask_to_join(struct cluster *c, struct speaker *s, const char *name, const char *from)
{
	struct frame_join join = {
		.inside = addr_v4(0x0a000002, 4000),
		.claim = FRAME_ID_JOINING,
	};

	cluster_greet(c, s, from);
	(void)snprintf(join.name, sizeof(join.name), "%s", name);
	cluster_send_join(s, &join);
}

void cluster_send_join(struct speaker *s, const struct frame_join *join)
{
	uint8_t body[256];
	int len = frame_encode_join(join, body, sizeof(body));

	USERNS_CHECK(speaker_send(s, FRAME_JOIN, body, (size_t)len) == 0, "JOIN");
}

void cluster_join(struct cluster *c, struct speaker *s, const char *name,
		  struct frame_joined *ret_joined)
{
	struct speaker_frame f = {0};
	int r;

	cluster_ask_to_join(c, s, name, NULL);
	r = speaker_receive(s, &f);
	USERNS_CHECK(r == 0, "%s: %s", name, strerror(-r));
	USERNS_CHECK(f.type == FRAME_JOINED, "%s: a frame of type %u", name, f.type);
	USERNS_CHECK(frame_decode_joined(f.body, f.len, ret_joined) == 0, "JOINED");
}

uint32_t cluster_joins(struct cluster *c, struct speaker *s, const char *name)
{
	struct frame_joined joined;
	struct frame_member member;

	cluster_join(c, s, name, &joined);
	do
		member = cluster_next_member(s);
	while (member.id != joined.id);
	return joined.id;
}

enum reason cluster_rejection(struct speaker *s)
{
	struct speaker_frame f = {0};
	uint16_t reason;

	USERNS_CHECK(speaker_receive(s, &f) == 0 && f.type == FRAME_REJECT, "type %u", f.type);
	USERNS_CHECK(frame_decode_reason(f.body, f.len, &reason) == 0, "REJECT");
	return (enum reason)reason;
}

void cluster_leave(struct speaker *s)
{
	uint8_t body[2];

	(void)frame_encode_reason(REASON_LEFT, body, sizeof(body));
	USERNS_CHECK(speaker_send(s, FRAME_LEAVE, body, sizeof(body)) == 0, "LEAVE");
	speaker_close(s);
}

struct frame_member cluster_next_member(struct speaker *s)
{
	struct speaker_frame f = {0};
	struct frame_member m;
	int r = speaker_receive(s, &f);

	USERNS_CHECK(r == 0, "no MEMBER: %s", strerror(-r));
	USERNS_CHECK(f.type == FRAME_MEMBER, "a frame of type %u", f.type);
	USERNS_CHECK(frame_decode_member(f.body, f.len, &m) == 0, "MEMBER");
	return m;
}

struct frame_gone cluster_next_gone(struct speaker *s)
{
	struct speaker_frame f = {0};
	struct frame_gone g;
	int r = speaker_receive(s, &f);

	USERNS_CHECK(r == 0, "no GONE: %s", strerror(-r));
	USERNS_CHECK(f.type == FRAME_GONE, "a frame of type %u", f.type);
	USERNS_CHECK(frame_decode_gone(f.body, f.len, &g) == 0, "GONE");
	return g;
}

const char *cluster_name(unsigned i)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "fn-%u", i);
	return name;
}

void cluster_check_serves(struct cluster *c)
{
	static unsigned n;
	uint64_t began = clock_now();
	struct speaker s;
	char name[32];

	(void)snprintf(name, sizeof(name), "late-%u", n++);
	(void)cluster_joins(c, &s, name);
	USERNS_CHECK(clock_now() - began < 4 * NS_PER_S, "a join takes %llu ms",
		     (clock_now() - began) / NS_PER_MS);
	cluster_leave(&s);
}
