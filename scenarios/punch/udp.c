/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * Both sides send to the endpoint that the rendezvous saw of the other, again and
 * again, and from then on to wherever the other's datagrams come from. A
 * datagram is
 *
 *	NONCE ROLE HEARD BLOCK [filling]
 *
 * where HEARD is 1 once the sender has heard of the other, and BLOCK counts those
 * that have come. Until then datagrams are short. Then the connecting side sends
 * block after block, each until its echo has come; the listening side only
 * answers. So what was lost is sent again, and nobody waits for a last word.
 */
#include "techniques.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BLOCK	  1024
#define BLOCKS	  (MEET_PAYLOAD / BLOCK)
#define REPEAT_MS 20
#define QUIET_MS  150 /* the listening side: all blocks are echoed, and nothing more comes */

/** struct dialogue - what one side knows; @block: blocks that have come all the way */
struct dialogue {
	struct meeting *m;
	struct outcome *outcome;
	bool heard;
	int block;
};

static void say(const struct dialogue *d)
{
	char text[BLOCK];

	(void)memset(text, '.', sizeof(text));
	(void)snprintf(text, sizeof(text), "%s %s %d %d", d->m->nonce,
		       d->m->connects ? "connect" : "listen", d->heard, d->block);
	/* An ICMP error of an earlier one is no reason not to go on. */
	(void)sendto(d->m->fd, text, d->heard ? sizeof(text) : strlen(text), 0,
		     (struct sockaddr *)&d->m->peer, sizeof(d->m->peer));
}

/* Return: true when something of the other side's was heard. */
static bool hear(struct dialogue *d, int patience_ms, int *ret_block, bool *ret_heard)
{
	struct pollfd fd = {.fd = d->m->fd, .events = POLLIN};
	char text[BLOCK + 1], nonce[MEET_NONCE_MAX], role[16];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int heard = 0;
	ssize_t n;

	if (poll(&fd, 1, patience_ms) <= 0)
		return false;
	n = recvfrom(d->m->fd, text, BLOCK, 0, (struct sockaddr *)&from, &len);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%39s %15s %d %d", nonce, role, &heard, ret_block) != 4 ||
	    strcmp(nonce, d->m->nonce) != 0 ||
	    strcmp(role, d->m->connects ? "listen" : "connect") != 0)
		return false;
	d->m->peer = from;
	if (!d->heard)
		d->outcome->ms = meet_now() - d->m->began;
	d->heard = true;
	*ret_heard = heard;
	return true;
}

static int lead(struct dialogue *d)
{
	while (d->block < BLOCKS && meet_left(d->m)) {
		bool sent = d->heard, heard;
		int echoed;

		say(d);
		if (!hear(d, REPEAT_MS, &echoed, &heard) || !sent || echoed != d->block + 1)
			continue;
		d->outcome->sent += BLOCK;
		d->outcome->received += BLOCK;
		d->block++;
	}
	return d->block == BLOCKS ? 0 : -1;
}

static int follow(struct dialogue *d)
{
	while (meet_left(d->m)) {
		bool whole;
		int block;

		if (!d->heard)
			say(d);
		if (!hear(d, d->block == BLOCKS ? QUIET_MS : REPEAT_MS, &block, &whole)) {
			if (d->block == BLOCKS)
				break;
			continue;
		}
		/* Who has heard nothing sends no block; one that was counted has lost its echo. */
		if (whole && block == d->block && d->block < BLOCKS) {
			d->outcome->sent += BLOCK;
			d->outcome->received += BLOCK;
			d->block++;
		}
		say(d);
	}
	return d->block == BLOCKS ? 0 : -1;
}

int udp_punch(struct meeting *m, struct outcome *outcome)
{
	struct dialogue d = {.m = m, .outcome = outcome};

	if (meet_udp(m, outcome) < 0)
		return -1;
	if (m->connects && m->gap_ms)
		(void)poll(NULL, 0, m->gap_ms);
	if ((m->connects ? lead(&d) : follow(&d)) < 0)
		return meet_because(outcome,
				    d.heard ? "only %d of %d blocks came through"
					    : "nothing heard: %d of %d blocks",
				    d.block, BLOCKS);
	/* Nobody accepts a datagram. */
	outcome->who = "simultaneous";
	return 0;
}
