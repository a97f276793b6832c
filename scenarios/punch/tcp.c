/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * All sockets of a side are bound to one local port: that of the conversation
 * with the rendezvous, of the listener, and of the dialling socket. Whatever
 * gets connected, by connect() or accept(), becomes a candidate and says hello:
 *
 *	NONCE ROLE connected|accepted
 *
 * Strangers don't know the nonce. The connecting side takes the first candidate
 * that has said hello, and tells by "use" which one; the listening side waits for
 * that. Then the payload goes one way and comes back.
 *
 * A dialling socket is left alone for the kernel to repeat its SYN. Only after a
 * hard error another one is made, a moment later, and at random, lest both sides
 * refuse each other in step for ever.
 */
#include "techniques.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CANDIDATES_MAX 8
#define AGAIN_MS       5
#define AGAIN_MORE_MS  40

/**
 * struct candidate - a connection that may be the right one
 * @how: "connected" or "accepted"
 * @peer_how: the same of the other side; empty while it has not said hello
 */
struct candidate {
	int fd;
	const char *how;
	char peer_how[16];
	char line[MEET_LINE_MAX];
	size_t len;
};

/**
 * struct punch - one side's sockets
 * @dial: in SYN_SENT, or -1
 * @dial_at: when to make one; 0: not at all
 * @again: make another one after an error
 * @chosen: index of the candidate that won, or -1
 */
struct punch {
	struct meeting *m;
	struct outcome *outcome;
	int listener;
	int dial;
	double dial_at;
	bool again;
	struct candidate candidates[CANDIDATES_MAX];
	int n;
	int chosen;
};

static int open_listener(const struct meeting *m)
{
	int fd = meet_socket(m, SOCK_STREAM | SOCK_NONBLOCK);

	if (fd >= 0 && listen(fd, CANDIDATES_MAX) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* ---- candidates ---- */

static void drop(struct punch *p, int i)
{
	(void)close(p->candidates[i].fd);
	p->candidates[i] = p->candidates[--p->n];
}

static void add(struct punch *p, int fd, const char *how)
{
	char hello[MEET_LINE_MAX];
	int len = snprintf(hello, sizeof(hello), "%s %s %s\n", p->m->nonce,
			   p->m->connects ? "connect" : "listen", how);

	if (p->n == CANDIDATES_MAX || send(fd, hello, (size_t)len, MSG_NOSIGNAL) != len) {
		(void)close(fd);
		return;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	p->candidates[p->n++] = (struct candidate){.fd = fd, .how = how};
}

static void choose(struct punch *p, int i)
{
	if (p->m->connects)
		(void)send(p->candidates[i].fd, "use\n", 4, MSG_NOSIGNAL);
	p->chosen = i;
}

/* Return: false when it is no peer of ours. */
static bool take_line(struct punch *p, int i)
{
	struct candidate *c = &p->candidates[i];
	char nonce[MEET_NONCE_MAX], role[16];

	if (*c->peer_how) {
		if (p->m->connects || strcmp(c->line, "use") != 0)
			return false;
		choose(p, i);
		return true;
	}
	if (sscanf(c->line, "%39s %15s %15s", nonce, role, c->peer_how) != 3 ||
	    strcmp(nonce, p->m->nonce) != 0 ||
	    strcmp(role, p->m->connects ? "listen" : "connect") != 0)
		return false;
	if (p->m->connects)
		choose(p, i);
	return true;
}

/* Return: false when it has ended, or is no peer of ours. */
static bool hear(struct punch *p, int i)
{
	struct candidate *c = &p->candidates[i];

	while (p->chosen < 0) {
		ssize_t n = recv(c->fd, &c->line[c->len], 1, 0);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0 || c->len == sizeof(c->line) - 1)
			return false;
		if (c->line[c->len] != '\n') {
			c->len++;
			continue;
		}
		c->line[c->len] = '\0';
		c->len = 0;
		if (!take_line(p, i))
			return false;
	}
	return true;
}

/* ---- dialling ---- */

static void dial_failed(struct punch *p, int error)
{
	(void)meet_because(p->outcome, "connect: %s", strerror(error));
	if (p->dial >= 0)
		(void)close(p->dial);
	p->dial = -1;
	p->dial_at = p->again ? meet_now() + AGAIN_MS + (double)(random() % AGAIN_MORE_MS) : 0;
}

static void dial(struct punch *p)
{
	p->dial_at = 0;
	p->dial = meet_socket(p->m, SOCK_STREAM | SOCK_NONBLOCK);
	if (p->dial < 0 ||
	    (connect(p->dial, (struct sockaddr *)&p->m->peer, sizeof(p->m->peer)) < 0 &&
	     errno != EINPROGRESS))
		dial_failed(p, errno);
}

static void dialled(struct punch *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(p->dial, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		dial_failed(p, error);
		return;
	}
	add(p, p->dial, "connected");
	p->dial = -1;
}

/* ---- the loop ---- */

static int patience(const struct punch *p)
{
	int left = meet_left(p->m);
	double until = p->dial_at - meet_now();

	if (!p->dial_at || until >= left)
		return left;
	return until > 0 ? (int)until + 1 : 0;
}

static void step(struct punch *p)
{
	struct pollfd fds[CANDIDATES_MAX + 3] = {
		{.fd = p->listener, .events = POLLIN},
		{.fd = p->dial, .events = POLLOUT},
		{.fd = p->n ? -1 : p->m->fd, .events = POLLIN},
	};
	int n = p->n;

	for (int i = 0; i < n; i++)
		fds[3 + i] = (struct pollfd){.fd = p->candidates[i].fd, .events = POLLIN};
	(void)poll(fds, 3 + (nfds_t)n, patience(p));
	for (int i = n; i-- > 0;)
		if (fds[3 + i].revents && !hear(p, i))
			drop(p, i);
	if (p->chosen >= 0)
		return;
	if (fds[1].revents)
		dialled(p);
	if (fds[0].revents & POLLIN) {
		int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			add(p, fd, "accepted");
	}
	/* The rendezvous has nothing more to say but that the other side is gone. */
	if (fds[2].revents && !p->n) {
		char byte;

		if (recv(p->m->fd, &byte, 1, 0) <= 0)
			p->m->deadline = meet_now();
	}
	if (p->dial_at && meet_now() >= p->dial_at)
		dial(p);
}

static bool hopeless(const struct punch *p)
{
	return !p->n && p->dial < 0 && !p->dial_at && p->listener < 0;
}

static int loop(struct punch *p)
{
	while (p->chosen < 0 && meet_left(p->m) && !hopeless(p))
		step(p);
	if (p->chosen >= 0)
		return 0;
	if (p->n)
		(void)meet_because(p->outcome, "connected, but nothing is heard of the other side");
	else if (!*p->outcome->reason)
		(void)meet_because(p->outcome, "no connection in %d ms", p->m->deadline_ms);
	return -1;
}

/* ---- the payload ---- */

static int move(int fd, bool sends, char *buf, unsigned long *count)
{
	unsigned long done = 0;

	while (done < MEET_PAYLOAD) {
		ssize_t n = sends ? send(fd, buf + done, MEET_PAYLOAD - done, MSG_NOSIGNAL)
				  : recv(fd, buf + done, MEET_PAYLOAD - done, 0);

		if (n <= 0)
			return -1;
		done += (unsigned long)n;
		*count += (unsigned long)n;
	}
	return 0;
}

static int exchange(struct meeting *m, int fd, struct outcome *outcome)
{
	static char sent[MEET_PAYLOAD], back[MEET_PAYLOAD];
	int left = meet_left(m) + 1000;
	struct timeval limit = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
	int r;

	(void)fcntl(fd, F_SETFL, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = m->nonce[i % strlen(m->nonce)];
	if (m->connects) {
		r = move(fd, true, sent, &outcome->sent);
		if (!r)
			r = move(fd, false, back, &outcome->received);
		if (!r && memcmp(sent, back, sizeof(back)) != 0)
			return meet_because(outcome, "what came back is not what was sent");
		(void)shutdown(fd, SHUT_WR);
	} else {
		r = move(fd, false, back, &outcome->received);
		if (!r)
			r = move(fd, true, back, &outcome->sent);
		/* Until the other side has it all. */
		(void)recv(fd, back, 1, 0);
	}
	if (r < 0)
		return meet_because(outcome, "the connection does not carry: %s", strerror(errno));
	return 0;
}

static const char *who_accepted(const struct punch *p)
{
	const struct candidate *c = &p->candidates[p->chosen];

	if (strcmp(c->how, "accepted") == 0)
		return p->m->connects ? "connect" : "listen";
	if (strcmp(c->peer_how, "accepted") == 0)
		return p->m->connects ? "listen" : "connect";
	return "simultaneous";
}

static int finish(struct punch *p)
{
	p->outcome->reason[0] = '\0';
	p->outcome->ms = meet_now() - p->m->began;
	p->outcome->who = who_accepted(p);
	return exchange(p->m, p->candidates[p->chosen].fd, p->outcome);
}

/* ---- the techniques ---- */

static void pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

/* The side that is called sends the first SYN, from its listener's port. */
static void open_the_way(struct punch *p, bool keeps)
{
	dial(p);
	if (!keeps && p->dial >= 0) {
		(void)close(p->dial);
		p->dial = -1;
	}
	p->outcome->reason[0] = '\0';
	meet_say(p->m, "sent");
}

static int begin(struct punch *p, enum tcp_way way)
{
	if (way == TCP_PARALLEL) {
		p->again = true;
		p->dial_at = meet_now() + (p->m->connects ? p->m->gap_ms : 0);
		return 0;
	}
	if (!p->m->connects) {
		open_the_way(p, way == TCP_SEQUENTIAL_KEEP);
		return 0;
	}
	if (meet_hear(p->m, "sent", p->outcome) < 0)
		return -1;
	pause_ms(p->m->gap_ms);
	dial(p);
	return 0;
}

int tcp_punch(struct meeting *m, enum tcp_way way, struct outcome *outcome)
{
	struct punch p = {.m = m, .outcome = outcome, .listener = -1, .dial = -1, .chosen = -1};

	srandom((unsigned)getpid() ^ (unsigned)(meet_now() * 1000));
	/* Before anybody may know of the port. */
	if (way == TCP_PARALLEL || !m->connects) {
		p.listener = open_listener(m);
		if (p.listener < 0)
			return meet_because(outcome, "cannot listen: %s", strerror(errno));
	}
	if (meet_tcp(m, outcome) < 0 || begin(&p, way) < 0 || loop(&p) < 0)
		return -1;
	return finish(&p);
}
