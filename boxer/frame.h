/* SPDX-License-Identifier: MIT */
/*
 * Interface for frames: what seed and nodes send each other on control
 * connections. A frame is a header of eight bytes (magic, version, type, body
 * length), a body, and, once a session is authenticated, a code of
 * FRAME_MAC_LEN bytes. Everything is big-endian. Bodies are written and read
 * with cursors that never pass their end: a cursor that ran out stays failed, so
 * that a whole message is checked once, at its end. See docs/protocol.md.
 */
#ifndef BOXER_FRAME_H
#define BOXER_FRAME_H

#include "base/addr.h"
#include "boxer/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAGIC	 0x4278 /* "Bx" */
#define FRAME_VERSION	 2
#define FRAME_HEADER_LEN 8
#define FRAME_BODY_MAX	 4096
#define FRAME_MAC_LEN	 16
#define FRAME_NONCE_LEN	 32
#define FRAME_PROOF_LEN	 32
#define FRAME_NAME_MAX	 63 /* a DNS label */
#define FRAME_TOKEN_LEN	 16
#define FRAME_CODE_LEN	 16
#define FRAME_OBSERVERS	 4

/** enum frame_type - the numbers are the protocol's */
enum frame_type {
	/* before a session is authenticated, either direction */
	FRAME_HELLO = 1,
	FRAME_PROOF = 2,
	FRAME_REFUSE = 3,
	/* instead of a session, on a connection of their own; they carry their own code */
	FRAME_OBSERVE = 4,
	FRAME_OBSERVED = 5,
	FRAME_RELAY = 6,
	FRAME_RELAYED = 7,
	/* node and seed */
	FRAME_JOIN = 16,
	FRAME_JOINED = 17,
	FRAME_REJECT = 18,
	FRAME_MEMBER = 19,
	FRAME_GONE = 20,
	FRAME_LEAVE = 21,
	FRAME_PROBE = 22,
	FRAME_BARRIER = 23,
	FRAME_RELEASED = 24,
	FRAME_VIA = 25,
	/* any two */
	FRAME_PING = 32,
	FRAME_PONG = 33,
	/* node and node; all but the first also inside FRAME_VIA */
	FRAME_SELECT = 48,
	FRAME_PUNCH = 49,
	FRAME_PUNCHED = 50,
	FRAME_DONE = 51,
	FRAME_INTRODUCE = 52,
};

/** Who speaks, in a hello: a member's id, or one of these. */
#define FRAME_ID_JOINING 0xfffffffeu
#define FRAME_ID_SEED	 0xffffffffu

/** struct frame_header - decoded */
struct frame_header {
	uint8_t version;
	uint8_t type;
	uint32_t length;
};

/**
 * struct frame_hello - the first frame in each direction
 * @from, @to: ids; @to of an acceptor that does not know yet is answered, not asked
 */
struct frame_hello {
	uint32_t from, to;
	uint8_t nonce[FRAME_NONCE_LEN];
};

/**
 * struct frame_observe - "from where do you see this connection?"
 * @token: of the node's life, see struct frame_join, if its control port asks; for another port
 *	all zero: answered, and nothing is made of it
 * @nonce: fresh
 * @code: auth_code() of the two
 */
struct frame_observe {
	uint8_t token[FRAME_TOKEN_LEN];
	uint8_t nonce[FRAME_TOKEN_LEN];
	uint8_t code[FRAME_CODE_LEN];
};

/** struct frame_observed - "from there"; @code: auth_code() of the nonce and the address */
struct frame_observed {
	struct addr seen;
	uint8_t code[FRAME_CODE_LEN];
};

/**
 * struct frame_relay - "join this connection with the other one that has this token"
 * @from, @to: ids of the member that speaks and of the one that it wants to be joined with
 * @code: auth_code() of all before it
 */
struct frame_relay {
	uint8_t token[FRAME_TOKEN_LEN];
	uint32_t from, to;
	uint8_t code[FRAME_CODE_LEN];
};

/** Flags of a join and of a member's record. */
#define FRAME_FLAG_VISIT 0x1u /* only wants to be measured; becomes no member */
#define FRAME_FLAG_RELAY 0x2u /* relays for others */

/**
 * struct frame_join - a node asks to become a member
 * @role: may be empty
 * @inside: its own address and control port
 * @token: 16 random bytes of this node's life. What was observed with them is known to be
 *	   this node's, and a member that comes back is known by them
 * @claim: the id that it had before, or FRAME_ID_JOINING
 */
struct frame_join {
	char name[FRAME_NAME_MAX + 1];
	char role[FRAME_NAME_MAX + 1];
	struct addr inside;
	uint8_t token[FRAME_TOKEN_LEN];
	uint32_t claim;
	uint8_t flags;
};

/**
 * struct frame_joined - the seed accepts
 * @observed: where the seed saw it: external address and port
 * @observers: endpoints that answer FRAME_OBSERVE, the one of this connection first
 */
struct frame_joined {
	uint32_t id;
	struct addr overlay;
	struct addr observed;
	struct addr observers[FRAME_OBSERVERS];
	size_t n_observers;
	uint8_t flags; /* of the seed's own: FRAME_FLAG_RELAY */
};

/**
 * struct frame_member - a member, as the seed streams it; sent again when it changes
 * @version: of the membership, after this change
 * @external: address and control port, as observed
 */
struct frame_member {
	uint64_t version;
	uint32_t id;
	char name[FRAME_NAME_MAX + 1];
	char role[FRAME_NAME_MAX + 1];
	struct addr overlay;
	struct addr external;
	struct addr inside;
	struct profile profile;
	uint8_t flags;
};

/** struct frame_gone - a member has left or was lost */
struct frame_gone {
	uint64_t version;
	uint32_t id;
	uint16_t reason;
};

/** struct frame_probe - "dial in to my external port, and put into my record what comes of it" */
struct frame_probe {
	uint16_t port;
};

/** struct frame_barrier - "tell me when @count have come to the barrier called @name"; 0: no more */
struct frame_barrier {
	uint32_t request;
	uint32_t count;
	char name[FRAME_NAME_MAX + 1];
};

/** struct frame_released - they have, or @reason says why they never will */
struct frame_released {
	uint32_t request;
	uint16_t reason;
};

/**
 * struct frame_via - a frame for a member to which there is no link, passed on by the seed
 * @id: to the seed: for whom; from the seed: whose
 * @body: in the buffer it was decoded from
 */
struct frame_via {
	uint32_t id;
	uint8_t type;
	const uint8_t *body;
	size_t len;
};

/**
 * struct frame_punch - "my program wants a connection to your port @port"
 * @request: the asking node's number for it
 * @strategy: enum strategy_id
 * @source: the external endpoint from which the connection will come; port 0: nobody knows.
 *	    For a relayed one: the relay
 * @step, @spread: it will come from one of the @spread ports that follow @source's, @step apart;
 *		   0: from @source
 * @token: 16 random bytes that belong to this request: by them both ends of a connection
 *	   countersign, and a relay joins the two
 */
struct frame_punch {
	uint32_t request;
	uint8_t strategy;
	uint16_t port;
	struct addr source;
	int16_t step;
	uint16_t spread;
	uint8_t token[FRAME_TOKEN_LEN];
};

/**
 * struct frame_punched - the answer
 * @reason: enum reason; none: the hole is open
 * @target: the external endpoint to connect to
 * @step, @spread: as of struct frame_punch, of @target
 */
struct frame_punched {
	uint32_t request;
	uint16_t reason;
	struct addr target;
	int16_t step;
	uint16_t spread;
};

/** struct frame_done - the asking side has given up, as @reason says, or needs no more */
struct frame_done {
	uint32_t request;
	uint16_t reason;
};

/** struct frame_writer - a cursor that writes */
struct frame_writer {
	uint8_t *at, *end;
	bool failed;
};

/** struct frame_reader - a cursor that reads */
struct frame_reader {
	const uint8_t *at, *end;
	bool failed;
};

void frame_put_u8(struct frame_writer *w, uint8_t v);
void frame_put_u16(struct frame_writer *w, uint16_t v);
void frame_put_u32(struct frame_writer *w, uint32_t v);
void frame_put_u64(struct frame_writer *w, uint64_t v);
void frame_put_bytes(struct frame_writer *w, const void *bytes, size_t n);
/** frame_put_addr() - family (4 or 6, 0 for none), port, address. */
void frame_put_addr(struct frame_writer *w, const struct addr *a);
/** frame_put_name() - a length byte and at most FRAME_NAME_MAX bytes. */
void frame_put_name(struct frame_writer *w, const char *name);

uint8_t frame_get_u8(struct frame_reader *r);
uint16_t frame_get_u16(struct frame_reader *r);
uint32_t frame_get_u32(struct frame_reader *r);
uint64_t frame_get_u64(struct frame_reader *r);
void frame_get_bytes(struct frame_reader *r, void *ret, size_t n);
void frame_get_addr(struct frame_reader *r, struct addr *ret);
/** frame_get_name() - fails unless it is a name by frame_name_valid(). */
void frame_get_name(struct frame_reader *r, char ret[static FRAME_NAME_MAX + 1]);

/** frame_name_valid() - a DNS label: letters, digits and inner hyphens, 1 to 63. */
bool frame_name_valid(const char *name);

/** frame_put_header() - write FRAME_HEADER_LEN bytes. */
void frame_put_header(uint8_t out[static FRAME_HEADER_LEN], uint8_t type, uint32_t length);
/**
 * frame_get_header() - read and judge a header
 *
 * Return: 0; -EPROTO when the magic is wrong or the body too long,
 * -EPROTONOSUPPORT for another version.
 */
int frame_get_header(const uint8_t in[static FRAME_HEADER_LEN], struct frame_header *ret);

/*
 * frame_encode_X() - write a body. Return: its length, or -EMSGSIZE.
 * frame_decode_X() - read one. Return: 0, or -EBADMSG: too short, too long, or a
 * field out of its range; then @ret is untouched.
 */
#define FRAME_CODEC(x)                                                              \
	int frame_encode_##x(const struct frame_##x *m, uint8_t *out, size_t size); \
	int frame_decode_##x(const uint8_t *body, size_t len, struct frame_##x *ret)

FRAME_CODEC(hello);
FRAME_CODEC(observe);
FRAME_CODEC(observed);
FRAME_CODEC(relay);
FRAME_CODEC(join);
FRAME_CODEC(joined);
FRAME_CODEC(member);
FRAME_CODEC(gone);
FRAME_CODEC(probe);
FRAME_CODEC(barrier);
FRAME_CODEC(released);
FRAME_CODEC(via);
FRAME_CODEC(punch);
FRAME_CODEC(punched);
FRAME_CODEC(done);

/** A body that is one reason: FRAME_REFUSE, FRAME_RELAYED, FRAME_REJECT, FRAME_LEAVE. */
int frame_encode_reason(uint16_t reason, uint8_t *out, size_t size);
int frame_decode_reason(const uint8_t *body, size_t len, uint16_t *ret);

#endif
