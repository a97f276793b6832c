/* SPDX-License-Identifier: MIT */
/* What only TCP has: what becomes of a SYN that nobody asked for, or somebody did. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "scenarios/natprobe/door.h"
#include "scenarios/natprobe/sock.h"
#include "scenarios/natprobe/verdict.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#define ATTEMPTS 2
/*
 * Linux makes initial sequence numbers from a clock of 64 ns: after 65,535 of
 * its ticks, 4.2 ms, a new one is out of the window of a SYN that went before.
 */
#define LATE_NS (25 * NS_PER_MS)

static void complain(struct probe *p, const char *what, int r)
{
	if (r < 0)
		probe_note(p, "tcp, %s: %s", what, strerror(-r));
}

static int try_knocks(struct probe *p, enum wire_outcome ret_outcomes[static KNOCKS_MAX])
{
	struct wire_msg asks[KNOCKS_MAX], answer;
	cleanup_door struct door d = {0};
	struct addr external;
	uint64_t end;
	int r = door_open(&d, p, PROTO_TCP, &p->local, 0);

	if (!r)
		r = door_reflect(&d, SPOT_MAIN, &external);
	for (int i = 0; !r && i < KNOCKS_MAX; i++) {
		asks[i] = (struct wire_msg){.kind = WIRE_DIAL,
					    .spot = SPOT_OTHER_ADDR,
					    .port = probe_port(p),
					    .wait_ms = (uint32_t)(p->grace / NS_PER_MS)};
		r = door_post(&d, SPOT_MAIN, &asks[i]);
	}
	end = door_answer_end(p);
	for (int i = 0; !r && i < KNOCKS_MAX; i++) {
		r = door_wait(&d, SPOT_MAIN, &asks[i], end, &answer);
		if (!r)
			ret_outcomes[i] = answer.outcome;
	}
	return r;
}

void measure_unsolicited(struct probe *p, enum proto proto)
{
	(void)proto;
	for (int i = 0; i < ATTEMPTS; i++) {
		enum wire_outcome now[KNOCKS_MAX] = {WIRE_NONE};
		bool silent = false;

		complain(p, "unsolicited", try_knocks(p, now));
		for (int k = 0; k < KNOCKS_MAX; k++) {
			enum wire_outcome *before = &p->seen.knocks[k];

			if (*before == WIRE_NONE || *before == WIRE_TIMEOUT)
				*before = now[k] == WIRE_NONE ? *before : now[k];
			silent |= *before == WIRE_TIMEOUT;
		}
		if (!silent)
			return;
	}
}

static bool external_port_is_known(const struct probe *p)
{
	struct finding mapping = verdict_mapping(&p->seen.proto[PROTO_TCP]);

	return mapping.word && strcmp(mapping.word, "apdm") != 0;
}

/*
 * Send a SYN to the silent spot and have one sent back from there, to where the
 * door is seen from the same address.
 * @late: first let go of the socket, and some time pass
 */
static int try_crossing(struct probe *p, bool late, enum seen *ret_seen)
{
	struct wire_msg ask = {.kind = WIRE_DIAL, .spot = SPOT_SILENT}, answer;
	cleanup_door struct door d = {0};
	cleanup_close int fd = -1;
	struct addr external;
	int r = door_open(&d, p, PROTO_TCP, &p->local, 0);

	ask.wait_ms = (uint32_t)(p->grace / NS_PER_MS);
	if (!r)
		r = door_reflect(&d, SPOT_MAIN, &external);
	if (r < 0)
		return r;
	fd = sock_connect_from(&d.at, &p->spots[SPOT_SILENT]);
	if (fd < 0)
		return fd;
	if (late) {
		(void)close(take_fd(&fd));
		/* Time is what it is about: there is nothing else to wait for. */
		(void)door_poll(NULL, 0, clock_now() + LATE_NS);
	}
	r = door_post(&d, SPOT_MAIN, &ask);
	if (!r)
		r = door_wait(&d, SPOT_MAIN, &ask, door_answer_end(p), &answer);
	if (r < 0)
		return r;
	if (answer.outcome == WIRE_BUSY || answer.outcome == WIRE_FAILED)
		return -EBUSY;
	*ret_seen = answer.outcome == WIRE_CONNECTED ? SEEN_YES : SEEN_NO;
	/* The other end may be somebody else's: it counts when both know of it. */
	if (*ret_seen == SEEN_YES && late &&
	    !door_heard(&d, probe_silence_end(p), &p->spots[SPOT_SILENT], NULL))
		*ret_seen = SEEN_NO;
	if (*ret_seen == SEEN_YES && !late) {
		struct pollfd pfd = {.fd = fd, .events = POLLOUT};

		if (door_poll(&pfd, 1, probe_silence_end(p)) < 0 ||
		    sock_tcp_state(fd) != TCP_ESTABLISHED)
			*ret_seen = SEEN_NO;
	}
	return 0;
}

static void measure_crossing(struct probe *p, bool late, enum seen *ret_seen)
{
	for (int i = 0; i < ATTEMPTS && *ret_seen != SEEN_YES; i++)
		complain(p, late ? "sequential" : "simultaneous open",
			 try_crossing(p, late, ret_seen));
}

void measure_sequential(struct probe *p, enum proto proto)
{
	(void)proto;
	if (external_port_is_known(p))
		measure_crossing(p, true, &p->seen.sequential);
}

void measure_simultaneous(struct probe *p, enum proto proto)
{
	(void)proto;
	if (external_port_is_known(p))
		measure_crossing(p, false, &p->seen.simultaneous);
}
