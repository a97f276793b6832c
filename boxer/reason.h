/* SPDX-License-Identifier: MIT */
/*
 * Interface for reasons: why something failed, in one word that is the same in
 * logs, events, the API, `boxer status` and the lab's report. A reason has a
 * number for frames, a name for people and an errno for connect().
 */
#ifndef BOXER_REASON_H
#define BOXER_REASON_H

enum reason {
	REASON_NONE,
	REASON_TIMEOUT,		  /* a deadline passed in silence */
	REASON_SEED_UNREACHABLE,  /* no TCP connection to the seed */
	REASON_WRONG_KEY,	  /* the other side does not hold the cluster's key */
	REASON_WRONG_VERSION,	  /* it speaks another version of the protocol */
	REASON_PROTOCOL,	  /* it broke the protocol */
	REASON_DUPLICATE_NAME,	  /* a member has that name already */
	REASON_DUPLICATE_ADDRESS, /* a member has that external address already */
	REASON_CLUSTER_FULL,	  /* enough members take part */
	REASON_NOT_A_MEMBER,	  /* nobody has that address or name, or it has left */
	REASON_NO_LINK,		  /* no control link to that member */
	REASON_REFUSED,		  /* nobody listens on that port */
	REASON_NOT_INTERCEPTED,	  /* its listener does not run under the shim */
	REASON_PORT_NOT_KEPT,	  /* the NAT changes ports and the new one is not known */
	REASON_UNREACHABLE,	  /* the network said so */
	REASON_LOCAL,		  /* a local resource: descriptors, ports */
	REASON_LEFT,		  /* the member left meanwhile */
	REASON_MAX
};

/** reason_name() - e.g. "wrong-key"; "unknown" for a number from a newer peer. */
const char *reason_name(enum reason reason);
/** reason_errno() - the positive errno that connect() gives for it. */
int reason_errno(enum reason reason);

#endif
