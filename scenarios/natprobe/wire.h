/* SPDX-License-Identifier: MIT */
/*
 * Interface for the talk between prober and reflector: one message of a fixed
 * size for everything, the same over TCP and UDP. Nothing in it is believed but
 * what is asked for: the reflector takes the asker's address from the socket.
 */
#ifndef NATPROBE_WIRE_H
#define NATPROBE_WIRE_H

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

#define WIRE_LEN 40
/* What a datagram needs around it: Ethernet with its gap and preamble, IPv6, UDP. */
#define WIRE_AROUND (38 + 40 + 8)
/*
 * What a datagram that asks is padded to: no fewer bytes on the wire than all that it
 * causes, which is two datagrams at most.
 */
#define WIRE_ASK_LEN (2 * WIRE_LEN + WIRE_AROUND)

/* The longest that may be asked for. */
#define WIRE_DIAL_MAX_MS  10000U
#define WIRE_LATER_MAX_MS (2U * 3600 * 1000)

/** enum spot - the reflector's endpoints: what a NAT may tell apart */
enum spot {
	SPOT_MAIN,		      /* first address, port P */
	SPOT_OTHER_PORT,	      /* first address, port P + 1 */
	SPOT_OTHER_ADDR,	      /* second address, port P */
	SPOT_OTHER_BOTH,	      /* second address, port P + 1 */
	SPOT_ANSWERING,		      /* how many of them answer */
	SPOT_SILENT = SPOT_ANSWERING, /* first address, port P + 2; TCP: drops every SYN */
	SPOT_COUNT,
};

/** spot_fill() - the endpoints of a reflector at @first and @second, from @port on. */
void spot_fill(const struct addr *first, const struct addr *second, uint16_t port,
	       struct addr ret_spots[static SPOT_COUNT]);

/** enum wire_kind - what a message is */
enum wire_kind {
	WIRE_REFLECT = 1, /* asks: where do you see me? */
	WIRE_DIAL,	  /* asks: connect or send to me from @spot, then say how it went */
	WIRE_LATER,	  /* asks: answer after @wait_ms */
	WIRE_SEEN,	  /* answers REFLECT and LATER: at @addr */
	WIRE_DIALLED,	  /* answers DIAL: @outcome */
	WIRE_KNOCK,	  /* the datagram that DIAL asked for, or that went through a hairpin */
	WIRE_KINDS,
};

/** enum wire_outcome - how a dial went */
enum wire_outcome {
	WIRE_NONE,
	WIRE_SENT,	  /* UDP: who knows */
	WIRE_CONNECTED,	  /* TCP: somebody answered */
	WIRE_RESET,	  /* TCP: a RST came */
	WIRE_UNREACHABLE, /* TCP: an ICMP error came */
	WIRE_TIMEOUT,	  /* TCP: nothing came in the time given */
	WIRE_BUSY,	  /* the reflector has too much to do */
	WIRE_FAILED,	  /* the reflector could not even try */
	WIRE_OUTCOMES,
};
extern const char *const wire_outcome_names[WIRE_OUTCOMES];

/**
 * struct wire_msg - a message
 * @token: of the asker's choice; comes back in the answer
 * @spot: DIAL: from where
 * @port: DIAL over TCP: to which port of the asker's; 0 for the one that it asks from
 * @wait_ms: DIAL: how long to try; LATER: how long to be silent
 */
struct wire_msg {
	enum wire_kind kind;
	enum spot spot;
	enum wire_outcome outcome;
	uint32_t token;
	uint32_t wait_ms;
	uint16_t port;
	struct addr addr;
};

/** wire_encode() - write a message. */
void wire_encode(const struct wire_msg *msg, uint8_t ret_buf[static WIRE_LEN]);
/**
 * wire_decode() - read a message; what follows its WIRE_LEN bytes is padding
 *
 * Return: 0, -EMSGSIZE when it is too short, -EPROTO when it is none of ours.
 */
int wire_decode(const uint8_t *buf, size_t len, struct wire_msg *ret_msg);

#endif
