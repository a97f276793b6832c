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
	REASON_PORT_UNKNOWN,	  /* the NAT changes ports and nobody could tell us the new one */
	REASON_UNREACHABLE,	  /* the network said so */
	REASON_LOCAL,		  /* a local resource: descriptors, ports */
	REASON_LEFT,		  /* the member left meanwhile */
	REASON_LOST,		  /* the member has not been heard of for too long */
	REASON_DUPLICATE_ID,	  /* another member has the id that this one had before */
	REASON_SURPLUS,		  /* enough functions have been started already */
	REASON_NO_STRATEGY,	  /* there is no way through these two NATs */
	REASON_NOT_ALLOWED,	  /* there might be one, but it was not allowed */
	REASON_NOT_FOUND,	  /* all ports that were tried at random led nowhere */
	REASON_RELAY_FAILED,	  /* the relay did not join the two connections */
	REASON_RESET,		  /* a reset came back where none was expected */
	REASON_BUSY,		  /* too much of that kind is under way */
	REASON_MAX
};

/** reason_name() - e.g. "wrong-key"; "unknown" for a number from a newer peer. */
const char *reason_name(enum reason reason);
/** reason_of_errno() - why the kernel could not connect; @error: a positive errno. */
enum reason reason_of_errno(int error);
/** reason_errno() - the positive errno that connect() gives for it. */
int reason_errno(enum reason reason);

#endif
