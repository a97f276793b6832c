/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for theory: what two declared NATs allow a technique of hole
 * punching to do, by the rules of RFC 4787, RFC 5382 and RFC 5128 and by how TCP
 * answers. Pure: a function of declared behaviours, never of a preset's name nor
 * of what was measured before. Limits, forwards and one-to-one machines are left
 * out of account, and so is luck: a random port is never the one that was hoped
 * for.
 *
 * In every technique both machines first talk to a public rendezvous, each from
 * the local port that it will use, and learn what external endpoint of the other
 * the rendezvous has seen. Then they write to that endpoint, from that port.
 */
#ifndef TOPO_THEORY_H
#define TOPO_THEORY_H

#include "topo/nat.h"

/** enum theory_technique - how two machines try to meet */
enum theory_technique {
	/* Both connect at about the same time, and again if refused; both listen too. */
	THEORY_TCP_PARALLEL,
	/* The listening side sends a SYN from its listener's port and closes that socket;
	 * then the connecting side connects, once. */
	THEORY_TCP_SEQUENTIAL,
	/* The same, but the listening side keeps that socket. */
	THEORY_TCP_SEQUENTIAL_KEEP,
	/* Both send datagrams, again and again. */
	THEORY_UDP,
	/* All ways together: what is known of the NATs decides who listens, who keeps a
	 * socket and waits for the other, which port is predicted, and when to guess. */
	THEORY_BOXER,
	THEORY_TECHNIQUES,
};

/** enum theory_verdict - what comes of it */
enum theory_verdict {
	THEORY_DIRECT,
	THEORY_FAILS,
	THEORY_TIMING,	  /* it depends on when packets meet, and how fast */
	THEORY_PREDICTED, /* a connection, by predicting the next port */
	THEORY_GUESSED,	  /* very likely one, by trying many ports at random */
};

/** struct theory - a prediction; @why is a sentence, never NULL */
struct theory {
	enum theory_verdict verdict;
	const char *why;
};

/** The words for each technique ("tcp-parallel") and verdict, NULL-terminated. */
extern const char *const theory_technique_names[];
extern const char *const theory_verdict_names[];

/** theory_technique_find() - the technique of that name, or THEORY_TECHNIQUES. */
enum theory_technique theory_technique_find(const char *name);
/** theory_behaviour() - the part of @nat that counts for a technique: TCP's or UDP's. */
const struct nat_behaviour *theory_behaviour(enum theory_technique technique,
					     const struct nat *nat);
/**
 * theory_predict() - what the two NATs allow
 * @a: in front of the connecting side
 * @b: in front of the listening side
 */
struct theory theory_predict(enum theory_technique technique, const struct nat *a,
			     const struct nat *b);
/**
 * theory_predict_behind() - the same, where each of the two is behind a carrier's NAT
 * @carrier: in front of @a, and another one of that kind in front of @b
 */
struct theory theory_predict_behind(enum theory_technique technique, const struct nat *a,
				    const struct nat *b, const struct nat *carrier);

#endif
