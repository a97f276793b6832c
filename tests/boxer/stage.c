/* SPDX-License-Identifier: MIT */
#include "tests/boxer/stage.h"

#include "boxer/api.h"
#include "boxer/control.h"
#include "boxer/handoff.h"
#include "boxer/sock.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct stage stage;

static struct ev_timer heartbeat;

static const struct profile plain = {
	.mapping = PROFILE_MAPPING_EIM,
	.ports = PROFILE_PORTS_KEPT,
	.filtering = PROFILE_FILTERING_APDF,
	.refusal = PROFILE_REFUSAL_NONE,
};

/* ---- the rooms that are not there ---- */

int control_send(struct node *node, uint32_t id, uint8_t type, const uint8_t *body, size_t len)
{
	struct stage_sent *s = &stage.sent[stage.n_sent];
	int r = -EPROTO;

	(void)node;
	if (stage.cut)
		return -ENOTCONN;
	USERNS_CHECK(stage.n_sent < STAGE_SENT_MAX, "too much is sent");
	*s = (struct stage_sent){.to = id, .type = type};
	if (type == FRAME_PUNCH)
		r = frame_decode_punch(body, len, &s->punch);
	else if (type == FRAME_PUNCHED)
		r = frame_decode_punched(body, len, &s->punched);
	else if (type == FRAME_DONE)
		r = frame_decode_done(body, len, &s->done);
	USERNS_CHECK(r == 0, "a frame of type %u", type);
	stage.n_sent++;
	return 0;
}

uint64_t peers_round_trip_ns(const struct peers *peers, uint32_t id)
{
	(void)peers;
	(void)id;
	return stage.round_trip_ns;
}

bool peers_is_near(const struct peers *peers, uint32_t id)
{
	(void)peers;
	(void)id;
	return stage.near;
}

bool peers_may_link(const struct peers *peers, uint32_t id)
{
	(void)peers;
	(void)id;
	return stage.may_link;
}

void api_show_members(struct api *api)
{
	(void)api;
}

size_t handoff_pending(const struct handoff *h)
{
	(void)h;
	return stage.n_pending;
}

size_t handoff_pending_on(const struct handoff *h, uint16_t port)
{
	(void)h;
	return port == stage.pending_port ? stage.n_pending : 0;
}

int handoff_give(struct handoff *h, uint16_t port, int fd, const struct addr *remote)
{
	(void)h;
	USERNS_CHECK(stage.n_given < sizeof(stage.given) / sizeof(stage.given[0]), "too many");
	stage.given[stage.n_given++] = (struct stage_given){port, fd, *remote};
	return 0;
}

/* ---- the stage ---- */

static void bring_loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	USERNS_CHECK(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo: %m");
	(void)close(fd);
}

/* So that a loop that waits for what the test itself sees comes round. */
static void on_beat(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
}

void stage_member(uint32_t id, uint8_t flags, const struct profile *profile)
{
	struct frame_member m = {.id = id, .flags = flags, .profile = *profile};

	(void)snprintf(m.name, sizeof(m.name), "member-%u", id);
	m.external = addr_v4(STAGE_NODE + id, 9000);
	m.inside = m.external;
	m.overlay = overlay_addr(id);
	USERNS_CHECK(members_put(&stage.node.members, &m) >= 0, "member");
}

void stage_profiles(const struct profile *self, const struct profile *peer)
{
	stage.node.profile = *self;
	stage_member(0, 0, self);
	stage_member(1, 0, peer);
}

void stage_set(void)
{
	struct node *node = &stage.node;

	bring_loopback_up();
	(void)signal(SIGPIPE, SIG_IGN);
	events_init(&stage.options.events, -1);
	stage.options.strategies = STRATEGY_DEFAULT;
	stage.options.n_seed = 1;
	node->options = &stage.options;
	node->loop = ev_loop_new(EVFLAG_AUTO);
	node->inside = addr_v4(STAGE_NODE, 9000);
	node->external = node->inside;
	node->seed_state = LOCAL_SEED_JOINED;
	node->overlay = overlay_addr(0);
	stage_profiles(&plain, &plain);
	node->ports = ports_new(node);
	node->dials = dials_new(node);
	node->answers = answers_new(node);
	USERNS_CHECK(node->loop && node->ports && node->dials && node->answers, "memory");
	ev_timer_init(&heartbeat, on_beat, 0.005, 0.005);
	ev_timer_start(node->loop, &heartbeat);
}

void stage_strike(void)
{
	struct node *node = &stage.node;

	answers_free(node->answers);
	dials_free(node->dials);
	ports_free(node->ports);
	history_free(&node->history);
	members_free(&node->members);
	ev_timer_stop(node->loop, &heartbeat);
	ev_loop_destroy(node->loop);
}

void stage_forget(void)
{
	stage.n_sent = 0;
}

const struct stage_sent *stage_find(uint8_t type, size_t nth)
{
	for (size_t i = 0; i < stage.n_sent; i++)
		if (stage.sent[i].type == type && nth-- == 0)
			return &stage.sent[i];
	return NULL;
}

const struct stage_sent *stage_await(uint8_t type, size_t nth)
{
	STAGE_UNTIL(stage_find(type, nth));
	return stage_find(type, nth);
}

void stage_run(void)
{
	for (int i = 0; i < 4; i++)
		ev_run(stage.node.loop, EVRUN_NOWAIT);
}

size_t stage_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	USERNS_CHECK(dir, "/proc/self/fd: %m");
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

int stage_listen(uint32_t host, struct addr *ret_at)
{
	int fd;

	*ret_at = addr_v4(host, 0);
	fd = sock_shared(ret_at, AF_INET);
	USERNS_CHECK(fd >= 0 && sock_local(fd, ret_at) == 0 && sock_listen(fd, 512) == 0, "%m");
	return fd;
}

int stage_accept_now(int listener, struct addr *ret_from)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = accept4(listener, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -errno;
	(void)addr_from_sockaddr((struct sockaddr *)&ss, len, ret_from);
	return fd;
}

int stage_accept(int listener, struct addr *ret_from)
{
	struct addr from;
	int fd = -1;

	STAGE_UNTIL((fd = stage_accept_now(listener, &from)) >= 0);
	if (ret_from)
		*ret_from = from;
	return fd;
}

bool stage_read(int fd, void *ret_bytes, size_t len)
{
	ssize_t n = -1;

	STAGE_UNTIL((n = recv(fd, ret_bytes, len, MSG_DONTWAIT | MSG_PEEK)) == (ssize_t)len ||
		    n == 0 || (n < 0 && errno != EAGAIN));
	return n == (ssize_t)len && recv(fd, ret_bytes, len, MSG_DONTWAIT) == n;
}

bool stage_is_over(int fd)
{
	char byte;
	ssize_t n = -1;

	STAGE_UNTIL((n = recv(fd, &byte, 1, MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
	return n <= 0;
}
