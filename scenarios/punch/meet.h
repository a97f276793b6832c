/* SPDX-License-Identifier: MIT */
/*
 * Interface for what every technique needs: what it was asked to do, the
 * conversation with the rendezvous, and the one line in which it tells what came
 * of it. The environment is that of a technique under `boxlab matrix`; see
 * docs/matrix.md.
 */
#ifndef PUNCH_MEET_H
#define PUNCH_MEET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEET_LINE_MAX  160
#define MEET_NONCE_MAX 40
#define MEET_PAYLOAD   8192 /* bytes that are moved each way to prove the connection */

/**
 * struct meeting - one attempt of one side
 * @connects: this is the connecting side
 * @port: the local one to use
 * @gap_ms: between the SYNs of the two sides
 * @rendezvous: its address
 * @fd: to it; for UDP the socket that punches, too
 * @me, @peer: as the rendezvous sees them
 * @nonce: of this pair
 * @began, @deadline: CLOCK_MONOTONIC ms: when the rendezvous said "go", and by when
 *	it must be done
 */
struct meeting {
	bool connects;
	uint16_t port;
	int gap_ms;
	int deadline_ms;
	struct sockaddr_in rendezvous;
	int fd;
	struct sockaddr_in me, peer;
	char nonce[MEET_NONCE_MAX];
	double began, deadline;
};

/**
 * struct outcome - what came of it
 * @who: who accepted: "connect", "listen", or "simultaneous"; NULL when nobody did
 * @ms: from "go" to the connection
 * @sent, @received: bytes of payload
 * @reason: why not; empty when it worked
 */
struct outcome {
	const char *who;
	double ms;
	unsigned long sent, received;
	char reason[MEET_LINE_MAX];
};

/** meet_now() - CLOCK_MONOTONIC, ms. */
double meet_now(void);
/** meet_left() - ms until the deadline, rounded up; never negative. */
int meet_left(const struct meeting *m);
/** meet_init() - read the environment. Return: 0, or -1 after words on stderr. */
int meet_init(struct meeting *m);
/** meet_socket() - bound to the meeting's port, which others may share. Return: it, or -1. */
int meet_socket(const struct meeting *m, int type);
/** meet_tcp() - connect to the rendezvous and wait for "go". Return: 0, or -1 with a reason. */
int meet_tcp(struct meeting *m, struct outcome *outcome);
/** meet_udp() - the same with datagrams. */
int meet_udp(struct meeting *m, struct outcome *outcome);
/** meet_say() - a line for the other side, by way of the rendezvous. */
void meet_say(const struct meeting *m, const char *line);
/** meet_hear() - wait for the other side to say so. Return: 0, or -1 with a reason. */
int meet_hear(const struct meeting *m, const char *line, struct outcome *outcome);
/** meet_because() - set the reason. Return: -1. */
int meet_because(struct outcome *outcome, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** meet_tell() - the line of JSON. */
void meet_tell(const struct meeting *m, const char *technique, const struct outcome *outcome);

#endif
