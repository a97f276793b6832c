/* SPDX-License-Identifier: MIT */
#include "boxer/shim/options.h"

#include "base/cleanup.h"
#include "boxer/shim/libc.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* Linux 5.14 */
#endif
/* linux/socket.h, which can't be had together with sys/socket.h. */
#define SNDBUF_LOCK 1
#define RCVBUF_LOCK 2

union value {
	int number;
	struct linger linger;
	struct timeval time;
	char word[16]; /* TCP_CA_NAME_MAX */
};

/* Of those that sk_clone_lock() leaves as they are, what a program may come to notice. */
static const struct {
	int level;
	int name;
	socklen_t size;
} options[] = {
	{SOL_SOCKET, SO_KEEPALIVE, sizeof(int)},
	{SOL_SOCKET, SO_LINGER, sizeof(struct linger)},
	{SOL_SOCKET, SO_OOBINLINE, sizeof(int)},
	{SOL_SOCKET, SO_RCVLOWAT, sizeof(int)},
	{SOL_SOCKET, SO_RCVTIMEO, sizeof(struct timeval)},
	{SOL_SOCKET, SO_SNDTIMEO, sizeof(struct timeval)},
	{IPPROTO_IP, IP_TOS, sizeof(int)},
	{IPPROTO_IP, IP_TTL, sizeof(int)},
	{IPPROTO_IPV6, IPV6_TCLASS, sizeof(int)},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, sizeof(int)},
	{IPPROTO_TCP, TCP_KEEPIDLE, sizeof(int)},
	{IPPROTO_TCP, TCP_KEEPINTVL, sizeof(int)},
	{IPPROTO_TCP, TCP_KEEPCNT, sizeof(int)},
	{IPPROTO_TCP, TCP_LINGER2, sizeof(int)},
	{IPPROTO_TCP, TCP_CONGESTION, 16},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, sizeof(int)},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, sizeof(int)},
	{IPPROTO_TCP, TCP_NODELAY, sizeof(int)},
	{IPPROTO_TCP, TCP_CORK, sizeof(int)},
	{IPPROTO_TCP, TCP_QUICKACK, sizeof(int)},
};

static bool get(int fd, int level, int name, union value *ret_value, socklen_t size)
{
	(void)memset(ret_value, 0, sizeof(*ret_value));
	return libc()->getsockopt(fd, level, name, ret_value, &size) == 0;
}

/*
 * A buffer that nobody has set grows by itself; setting it would end that. The
 * kernel doubles what it is given.
 */
static void inherit_buffer(int listener, int fd, int name, int lock)
{
	union value locks, theirs, ours;
	int half;

	if (!get(listener, SOL_SOCKET, SO_BUF_LOCK, &locks, sizeof(int)) ||
	    !(locks.number & lock) || !get(listener, SOL_SOCKET, name, &theirs, sizeof(int)) ||
	    !get(fd, SOL_SOCKET, name, &ours, sizeof(int)) || theirs.number == ours.number)
		return;
	half = theirs.number / 2;
	(void)setsockopt(fd, SOL_SOCKET, name, &half, sizeof(half));
}

/* An accepted connection begins with 0, and IP_TOS has just changed it. */
static void reset_priority(int fd)
{
	union value priority;

	if (get(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(int)) && priority.number != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &(int){0}, sizeof(int));
}

static void copy_option(int from, int to, int level, int name, socklen_t size)
{
	union value theirs, ours;

	if (get(from, level, name, &theirs, size) && get(to, level, name, &ours, size) &&
	    memcmp(&theirs, &ours, size) != 0)
		(void)setsockopt(to, level, name, &theirs, size);
}

static void copy_options(int from, int to)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		copy_option(from, to, options[i].level, options[i].name, options[i].size);
	inherit_buffer(from, to, SO_RCVBUF, RCVBUF_LOCK);
	inherit_buffer(from, to, SO_SNDBUF, SNDBUF_LOCK);
}

void options_inherit(int listener, int fd)
{
	copy_options(listener, fd);
	reset_priority(fd);
}

void options_copy(int from, int to)
{
	copy_options(from, to);
	/* After IP_TOS, which changes the priority. */
	copy_option(from, to, SOL_SOCKET, SO_PRIORITY, sizeof(int));
}
