/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A body is a list of fields, and a table says for each kind of frame which
 * they are and where they lie in its struct. One loop writes by such a table and
 * one reads, so that the two cannot differ.
 */
#include "base/cleanup.h"
#include "boxer/frame.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

/** enum field_kind - how a field is written */
enum field_kind {
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_I16,
	FIELD_ENUM,  /* a byte, below .size */
	FIELD_BYTES, /* .size of them */
	FIELD_ADDR,
	FIELD_ADDRS, /* a byte that counts, at most .size, and so many; the count lies at .count */
	FIELD_NAME,
	FIELD_LABEL, /* a name that may be empty */
	FIELD_REST,  /* all that is left; the length lies at .count */
};

/** struct field - one field of a body; @offset, @count: in the frame's struct */
struct field {
	enum field_kind kind;
	size_t offset, size, count;
};

/* No frame's struct is larger: each is decoded here before it is given out. */
#define STRUCT_MAX 512

static void put_addrs(struct frame_writer *w, const struct addr *list, size_t n, size_t max)
{
	if (n > max) {
		w->failed = true;
		return;
	}
	frame_put_u8(w, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		frame_put_addr(w, &list[i]);
}

static void put_field(struct frame_writer *w, const struct field *f, const char *m)
{
	const void *at = m + f->offset;
	const uint8_t *rest;
	size_t count = 0;
	int value;

	if (f->kind == FIELD_ADDRS || f->kind == FIELD_REST)
		(void)memcpy(&count, m + f->count, sizeof(count));
	switch (f->kind) {
	case FIELD_U8:
		frame_put_u8(w, *(const uint8_t *)at);
		break;
	case FIELD_U16:
	case FIELD_I16:
		frame_put_u16(w, *(const uint16_t *)at);
		break;
	case FIELD_U32:
		frame_put_u32(w, *(const uint32_t *)at);
		break;
	case FIELD_U64:
		frame_put_u64(w, *(const uint64_t *)at);
		break;
	case FIELD_ENUM:
		(void)memcpy(&value, at, sizeof(value));
		frame_put_u8(w, (uint8_t)value);
		break;
	case FIELD_BYTES:
		frame_put_bytes(w, at, f->size);
		break;
	case FIELD_ADDR:
		frame_put_addr(w, at);
		break;
	case FIELD_ADDRS:
		put_addrs(w, at, count, f->size);
		break;
	case FIELD_NAME:
	case FIELD_LABEL:
		frame_put_name(w, at);
		break;
	case FIELD_REST:
		(void)memcpy(&rest, at, sizeof(rest));
		if (count > 0)
			frame_put_bytes(w, rest, count);
		break;
	}
}

static void get_enum(struct frame_reader *r, void *ret, size_t end)
{
	int value = frame_get_u8(r);

	if ((size_t)value >= end)
		r->failed = true;
	(void)memcpy(ret, &value, sizeof(value));
}

static size_t get_addrs(struct frame_reader *r, struct addr *ret, size_t max)
{
	size_t n = frame_get_u8(r);

	if (n > max)
		r->failed = true;
	for (size_t i = 0; !r->failed && i < n; i++)
		frame_get_addr(r, &ret[i]);
	return n;
}

static void get_label(struct frame_reader *r, char *ret)
{
	if (!r->failed && r->at < r->end && *r->at == 0) {
		(void)memset(ret, 0, FRAME_NAME_MAX + 1);
		r->at++;
		return;
	}
	frame_get_name(r, ret);
}

static void get_field(struct frame_reader *r, const struct field *f, char *m)
{
	void *at = m + f->offset;
	size_t count = 0;

	switch (f->kind) {
	case FIELD_U8:
		*(uint8_t *)at = frame_get_u8(r);
		break;
	case FIELD_U16:
	case FIELD_I16:
		*(uint16_t *)at = frame_get_u16(r);
		break;
	case FIELD_U32:
		*(uint32_t *)at = frame_get_u32(r);
		break;
	case FIELD_U64:
		*(uint64_t *)at = frame_get_u64(r);
		break;
	case FIELD_ENUM:
		get_enum(r, at, f->size);
		break;
	case FIELD_BYTES:
		frame_get_bytes(r, at, f->size);
		break;
	case FIELD_ADDR:
		frame_get_addr(r, at);
		break;
	case FIELD_ADDRS:
		count = get_addrs(r, at, f->size);
		(void)memcpy(m + f->count, &count, sizeof(count));
		break;
	case FIELD_NAME:
		frame_get_name(r, at);
		break;
	case FIELD_LABEL:
		get_label(r, at);
		break;
	case FIELD_REST:
		count = r->failed ? 0 : (size_t)(r->end - r->at);
		(void)memcpy(at, &r->at, sizeof(r->at));
		(void)memcpy(m + f->count, &count, sizeof(count));
		r->at += count;
		break;
	}
}

static int encode(const struct field *fields, size_t n, const void *m, uint8_t *out, size_t size)
{
	struct frame_writer w = {.at = out, .end = out + size};

	for (size_t i = 0; i < n; i++)
		put_field(&w, &fields[i], m);
	return w.failed ? -EMSGSIZE : (int)(w.at - out);
}

/* A body is right only when all of it was used. */
static int decode(const struct field *fields, size_t n, const uint8_t *body, size_t len, void *ret,
		  size_t size)
{
	struct frame_reader r = {.at = body, .end = body + len};
	alignas(max_align_t) char m[STRUCT_MAX] = {0};

	for (size_t i = 0; i < n; i++)
		get_field(&r, &fields[i], m);
	if (r.failed || r.at != r.end)
		return -EBADMSG;
	(void)memcpy(ret, m, size);
	return 0;
}

#define F(what, type, member)                                     \
	{                                                         \
		.kind = (what), .offset = offsetof(type, member), \
		.size = sizeof(((type *)NULL)->member)            \
	}
#define F_ENUM(type, member, end)                                                   \
	{                                                                           \
		.kind = FIELD_ENUM, .offset = offsetof(type, member), .size = (end) \
	}
#define F_COUNTED(what, type, member, counter, max)                              \
	{                                                                        \
		.kind = (what), .offset = offsetof(type, member), .size = (max), \
		.count = offsetof(type, counter)                                 \
	}

#define CODEC(x)                                                                               \
	int frame_encode_##x(const struct frame_##x *m, uint8_t *out, size_t size)             \
	{                                                                                      \
		return encode(x, ARRAY_SIZE(x), m, out, size);                                 \
	}                                                                                      \
	int frame_decode_##x(const uint8_t *body, size_t len, struct frame_##x *ret)           \
	{                                                                                      \
		_Static_assert(sizeof(*ret) <= STRUCT_MAX, "a larger struct needs more room"); \
		return decode(x, ARRAY_SIZE(x), body, len, ret, sizeof(*ret));                 \
	}

static const struct field hello[] = {
	F(FIELD_U32, struct frame_hello, from),
	F(FIELD_U32, struct frame_hello, to),
	F(FIELD_BYTES, struct frame_hello, nonce),
};
CODEC(hello)

static const struct field observe[] = {
	F(FIELD_BYTES, struct frame_observe, token),
	F(FIELD_BYTES, struct frame_observe, nonce),
	F(FIELD_BYTES, struct frame_observe, code),
};
CODEC(observe)

static const struct field observed[] = {
	F(FIELD_ADDR, struct frame_observed, seen),
	F(FIELD_BYTES, struct frame_observed, code),
};
CODEC(observed)

static const struct field relay[] = {
	F(FIELD_BYTES, struct frame_relay, token),
	F(FIELD_U32, struct frame_relay, from),
	F(FIELD_U32, struct frame_relay, to),
	F(FIELD_BYTES, struct frame_relay, code),
};
CODEC(relay)

static const struct field join[] = {
	F(FIELD_NAME, struct frame_join, name),	  F(FIELD_LABEL, struct frame_join, role),
	F(FIELD_ADDR, struct frame_join, inside), F(FIELD_BYTES, struct frame_join, token),
	F(FIELD_U32, struct frame_join, claim),	  F(FIELD_U8, struct frame_join, flags),
};
CODEC(join)

static const struct field joined[] = {
	F(FIELD_U32, struct frame_joined, id),
	F(FIELD_ADDR, struct frame_joined, overlay),
	F(FIELD_ADDR, struct frame_joined, observed),
	F_COUNTED(FIELD_ADDRS, struct frame_joined, observers, n_observers, FRAME_OBSERVERS),
	F(FIELD_U8, struct frame_joined, flags),
};
CODEC(joined)

static const struct field member[] = {
	F(FIELD_U64, struct frame_member, version),
	F(FIELD_U32, struct frame_member, id),
	F(FIELD_NAME, struct frame_member, name),
	F(FIELD_LABEL, struct frame_member, role),
	F(FIELD_ADDR, struct frame_member, overlay),
	F(FIELD_ADDR, struct frame_member, external),
	F(FIELD_ADDR, struct frame_member, inside),
	F_ENUM(struct frame_member, profile.mapping, PROFILE_MAPPING_COUNT),
	F_ENUM(struct frame_member, profile.ports, PROFILE_PORTS_COUNT),
	F_ENUM(struct frame_member, profile.filtering, PROFILE_FILTERING_COUNT),
	F_ENUM(struct frame_member, profile.refusal, PROFILE_REFUSAL_COUNT),
	F(FIELD_I16, struct frame_member, profile.step),
	F(FIELD_U8, struct frame_member, flags),
};
CODEC(member)

static const struct field gone[] = {
	F(FIELD_U64, struct frame_gone, version),
	F(FIELD_U32, struct frame_gone, id),
	F(FIELD_U16, struct frame_gone, reason),
};
CODEC(gone)

static const struct field probe[] = {
	F(FIELD_U16, struct frame_probe, port),
};
CODEC(probe)

static const struct field barrier[] = {
	F(FIELD_U32, struct frame_barrier, request),
	F(FIELD_U32, struct frame_barrier, count),
	F(FIELD_NAME, struct frame_barrier, name),
};
CODEC(barrier)

static const struct field released[] = {
	F(FIELD_U32, struct frame_released, request),
	F(FIELD_U16, struct frame_released, reason),
};
CODEC(released)

static const struct field via[] = {
	F(FIELD_U32, struct frame_via, id),
	F(FIELD_U8, struct frame_via, type),
	F_COUNTED(FIELD_REST, struct frame_via, body, len, FRAME_BODY_MAX),
};
CODEC(via)

static const struct field punch[] = {
	F(FIELD_U32, struct frame_punch, request), F(FIELD_U8, struct frame_punch, strategy),
	F(FIELD_U16, struct frame_punch, port),	   F(FIELD_ADDR, struct frame_punch, source),
	F(FIELD_I16, struct frame_punch, step),	   F(FIELD_U16, struct frame_punch, spread),
	F(FIELD_BYTES, struct frame_punch, token),
};
CODEC(punch)

static const struct field punched[] = {
	F(FIELD_U32, struct frame_punched, request), F(FIELD_U16, struct frame_punched, reason),
	F(FIELD_ADDR, struct frame_punched, target), F(FIELD_I16, struct frame_punched, step),
	F(FIELD_U16, struct frame_punched, spread),
};
CODEC(punched)

static const struct field done[] = {
	F(FIELD_U32, struct frame_done, request),
	F(FIELD_U16, struct frame_done, reason),
};
CODEC(done)

int frame_encode_reason(uint16_t reason, uint8_t *out, size_t size)
{
	struct frame_writer w = {.at = out, .end = out + size};

	frame_put_u16(&w, reason);
	return w.failed ? -EMSGSIZE : (int)(w.at - out);
}

int frame_decode_reason(const uint8_t *body, size_t len, uint16_t *ret)
{
	struct frame_reader r = {.at = body, .end = body + len};
	uint16_t reason = frame_get_u16(&r);

	if (r.failed || r.at != r.end)
		return -EBADMSG;
	*ret = reason;
	return 0;
}
