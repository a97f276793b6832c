/* SPDX-License-Identifier: MIT */
/*
 * Interface for the prober: it dials in to a member's external port, unasked as far
 * as the member's NAT can tell, from two of the seed's addresses, and says what the
 * NAT made of it: who it lets in, and what it answers those whom it does not.
 */
#ifndef BOXER_SEED_PROBER_H
#define BOXER_SEED_PROBER_H

#include "base/addr.h"
#include "boxer/profile.h"

#include <ev.h>
#include <stddef.h>

#define PROBER_NS	(1200 * 1000000ULL) /* a SYN that is lost is sent again after one second */
#define PROBER_MAX	128		    /* under way; the others wait */
#define PROBER_WAIT_NS	(200 * 1000000ULL)  /* as long; then the asker's port may close too soon */
#define PROBER_PAUSE_NS (5 * 1000000000ULL) /* between two of one member */

struct prober;

/** enum probe_outcome - of one dial-in */
enum probe_outcome {
	PROBE_SILENT,
	PROBE_CONNECTED,
	PROBE_REFUSED,
	PROBE_FAILED, /* here, which says nothing about there */
};

/**
 * struct probe_finding - what the NAT does
 */
struct probe_finding {
	enum profile_filtering filtering;
	enum profile_refusal refusal;
};

/** prober_done - @who is what prober_ask() was given */
typedef void prober_done(void *arg, void *who, const struct probe_finding *finding);

/**
 * probe_judge() - pure
 * @other_port: of the dial-in from an address that the member has written to
 * @other_host: from one that it has not; PROBE_FAILED if there is none
 */
struct probe_finding probe_judge(enum probe_outcome other_port, enum probe_outcome other_host);

/** prober_new() - Return: a prober, or NULL without memory. */
struct prober *prober_new(struct ev_loop *loop, prober_done *done, void *arg);
/** prober_free() - NULL is legal; nothing is called back. */
void prober_free(struct prober *p);
/**
 * prober_ask() - dial in to @target
 * @who: somebody's name for it; prober_forget() must be called before it becomes invalid
 * @first: an address of ours that the target's owner has written to
 * @second: another one of ours, or NULL
 *
 * Who has waited for longer than PROBER_WAIT_NS is not called back at all: what
 * would be found then says nothing of the NAT.
 *
 * Return: 0; -EALREADY when one of @who is not done, or -ENOMEM.
 */
int prober_ask(struct prober *p, void *who, const struct addr *target, const struct addr *first,
	       const struct addr *second);
/** prober_forget() - @who wants to know no more. */
void prober_forget(struct prober *p, const void *who);

#endif
