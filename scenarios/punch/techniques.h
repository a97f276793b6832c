/* SPDX-License-Identifier: MIT */
/*
 * Interface for the techniques. Each runs after the rendezvous has said "go",
 * and fills the outcome.
 */
#ifndef PUNCH_TECHNIQUES_H
#define PUNCH_TECHNIQUES_H

#include "meet.h"

/** enum tcp_way - who sends the first SYN, and what becomes of its socket */
enum tcp_way {
	TCP_PARALLEL,	     /* both connect, both listen */
	TCP_SEQUENTIAL,	     /* the listening side closes the socket of its SYN */
	TCP_SEQUENTIAL_KEEP, /* it keeps it */
};

/** tcp_punch() - Return: 0, or -1 with a reason. */
int tcp_punch(struct meeting *m, enum tcp_way way, struct outcome *outcome);
/** udp_punch() - Return: 0, or -1 with a reason. */
int udp_punch(struct meeting *m, struct outcome *outcome);

#endif
