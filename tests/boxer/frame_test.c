/* SPDX-License-Identifier: MIT */
/* Frames: the bytes of every message, and what is refused. */
#include "boxer/frame.h"

#include "base/cleanup.h"
#include "tests/base/random.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define V4(a, b, c, d, p)                                                      \
	{                                                                      \
		.family = AF_INET, .port = (p), .bytes = {(a), (b), (c), (d) } \
	}
#define BODY_MAX 256

union message {
	struct frame_hello hello;
	struct frame_join join;
	struct frame_joined joined;
	struct frame_member member;
	struct frame_gone gone;
	struct frame_punch punch;
	struct frame_punched punched;
	uint16_t reason;
};

/* One signature for all of them, so that a table can hold them. */
#define CODEC(x)                                                                           \
	static int encode_##x(const union message *m, uint8_t *out, size_t size)           \
	{                                                                                  \
		return frame_encode_##x(&m->x, out, size);                                 \
	}                                                                                  \
	static int decode_##x(const uint8_t *body, size_t len, union message *ret_message) \
	{                                                                                  \
		return frame_decode_##x(body, len, &ret_message->x);                       \
	}

CODEC(hello)
CODEC(join)
CODEC(joined)
CODEC(member)
CODEC(gone)
CODEC(punch)
CODEC(punched)

static int encode_reason(const union message *m, uint8_t *out, size_t size)
{
	return frame_encode_reason(m->reason, out, size);
}

static int decode_reason(const uint8_t *body, size_t len, union message *ret_message)
{
	return frame_decode_reason(body, len, &ret_message->reason);
}

/* The bytes were written from docs/protocol.md, not printed by the code. */
static const struct sample {
	const char *name;
	int (*encode)(const union message *m, uint8_t *out, size_t size);
	int (*decode)(const uint8_t *body, size_t len, union message *ret_message);
	union message message;
	size_t len;
	uint8_t bytes[BODY_MAX];
} samples[] = {
	{
		"hello",
		encode_hello,
		decode_hello,
		{.hello = {.from = 7,
			   .to = FRAME_ID_SEED,
			   .nonce = {[0] = 0xa0, [1] = 0xa1, [31] = 0xbf}}},
		40,
		{0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0xa0, 0xa1, [39] = 0xbf},
	},
	{
		"hello of a node that has no id",
		encode_hello,
		decode_hello,
		{.hello = {.from = FRAME_ID_JOINING, .to = 0x01020304}},
		40,
		{0xff, 0xff, 0xff, 0xfe, 1, 2, 3, 4, [39] = 0},
	},
	{
		"join",
		encode_join,
		decode_join,
		{.join = {.name = "fn-0", .inside = V4(10, 0, 0, 2, 0x1f90)}},
		12,
		{4, 'f', 'n', '-', '0', 4, 0x1f, 0x90, 10, 0, 0, 2},
	},
	{
		"join by IPv6",
		encode_join,
		decode_join,
		{.join = {.name = "a",
			  .inside = {.family = AF_INET6,
				     .port = 80,
				     .bytes = {0x20, 1, 0x0d, 0xb8, [15] = 1}}}},
		21,
		{1, 'a', 6, 0, 80, 0x20, 1, 0x0d, 0xb8, [20] = 1},
	},
	{
		"joined",
		encode_joined,
		decode_joined,
		{.joined = {.id = 0x00010203,
			    .overlay = V4(198, 19, 2, 4, 0),
			    .observed = V4(203, 0, 113, 9, 65535)}},
		18,
		{0, 1, 2, 3, 4, 0, 0, 198, 19, 2, 4, 4, 0xff, 0xff, 203, 0, 113, 9},
	},
	{
		"member",
		encode_member,
		decode_member,
		{.member = {.version = 0x0102030405060708,
			    .id = 9,
			    .name = "bob",
			    .overlay = V4(198, 18, 0, 10, 0),
			    .external = V4(203, 0, 113, 9, 4000),
			    .inside = V4(10, 0, 0, 2, 4001)}},
		37,
		{1,   2,  3, 4,	 5, 6,	  7,	8,   0, 0,   0, 9, 3,	 'b',  'o', 'b', 4, 0, 0,
		 198, 18, 0, 10, 4, 0x0f, 0xa0, 203, 0, 113, 9, 4, 0x0f, 0xa1, 10,  0,	 0, 2},
	},
	{
		"member without an inside address",
		encode_member,
		decode_member,
		{.member = {.version = 1, .id = 0, .name = "b"}},
		17,
		{[7] = 1, [12] = 1, 'b', [16] = 0},
	},
	{
		"gone",
		encode_gone,
		decode_gone,
		{.gone = {.version = 0x0102030405060708, .id = 9, .reason = 16}},
		14,
		{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 16},
	},
	{
		"punch",
		encode_punch,
		decode_punch,
		{.punch = {.request = 0x01020304,
			   .strategy = 2,
			   .port = 8080,
			   .source = V4(203, 0, 113, 9, 20000)}},
		14,
		{1, 2, 3, 4, 2, 0x1f, 0x90, 4, 0x4e, 0x20, 203, 0, 113, 9},
	},
	{
		"punched",
		encode_punched,
		decode_punched,
		{.punched = {.request = 0x01020304,
			     .reason = 0x0102,
			     .target = V4(203, 0, 113, 9, 80)}},
		13,
		{1, 2, 3, 4, 1, 2, 4, 0, 80, 203, 0, 113, 9},
	},
	{
		"punched, refused",
		encode_punched,
		decode_punched,
		{.punched = {.request = 1, .reason = 11}},
		7,
		{0, 0, 0, 1, 0, 11, 0},
	},
	{"reason", encode_reason, decode_reason, {.reason = 0x0a0b}, 2, {0x0a, 0x0b}},
};

/* In memory of exactly that size, so that a sanitizer sees a look beyond. */
static int decode_exactly(const struct sample *s, const uint8_t *bytes, size_t len,
			  union message *ret_message)
{
	cleanup_free uint8_t *exact = malloc(len ? len : 1);

	if (len > 0)
		(void)memcpy(exact, bytes, len);
	return s->decode(exact, len, ret_message);
}

static void assert_encodes_to(const struct sample *s, const union message *m, const uint8_t *bytes,
			      size_t len)
{
	uint8_t out[BODY_MAX];

	cr_assert_eq(s->encode(m, out, sizeof(out)), (int)len, "%s", s->name);
	cr_assert_arr_eq(out, bytes, len, "%s", s->name);
}

Test(frame, of_every_kind_has_the_bytes_of_the_protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		assert_encodes_to(&samples[i], &samples[i].message, samples[i].bytes,
				  samples[i].len);
}

Test(frame, of_every_kind_survives_a_round_trip)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		union message m;

		(void)memset(&m, 0xa5, sizeof(m));
		cr_assert_eq(decode_exactly(s, s->bytes, s->len, &m), 0, "%s", s->name);
		assert_encodes_to(s, &m, s->bytes, s->len);
	}
}

Test(frame, that_is_cut_anywhere_is_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		for (size_t len = 0; len < samples[i].len; len++) {
			union message m;

			cr_expect_eq(decode_exactly(&samples[i], samples[i].bytes, len, &m),
				     -EBADMSG, "%s, %zu bytes", samples[i].name, len);
		}
}

Test(frame, with_bytes_left_over_is_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		for (size_t more = 1; more < 20; more++) {
			union message m;

			cr_expect_eq(decode_exactly(&samples[i], samples[i].bytes,
						    samples[i].len + more, &m),
				     -EBADMSG, "%s, %zu more", samples[i].name, more);
		}
}

Test(frame, is_not_written_into_too_little_room)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		for (size_t size = 0; size < samples[i].len; size++) {
			cleanup_free uint8_t *exact = malloc(size ? size : 1);

			cr_expect_eq(samples[i].encode(&samples[i].message, exact, size), -EMSGSIZE,
				     "%s, %zu bytes", samples[i].name, size);
		}
}

static const struct {
	const char *name;
	bool valid;
} names[] = {
	{"", false},
	{"a", true},
	{"0", true},
	{"Fn-0", true},
	{"a-b", true},
	{"a--b", true},
	{"-", false},
	{"-a", false},
	{"a-", false},
	{"a.b", false},
	{"a_b", false},
	{"a b", false},
	{"a/b", false},
	{"a\nb", false},
	{"a\tb", false},
	{"\xc3\xa4", false},
	{"\x7f", false},
	{"012345678901234567890123456789012345678901234567890123456789012", true},
	{"0123456789012345678901234567890123456789012345678901234567890123", false},
	{"01234567890123456789012345678901234567890123456789012345678901-", false},
};

Test(frame, has_only_names_that_are_dns_labels)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint8_t body[BODY_MAX];
		size_t len = strlen(names[i].name);
		struct frame_join join;

		cr_expect_eq(frame_name_valid(names[i].name), names[i].valid, "'%s'",
			     names[i].name);
		body[0] = (uint8_t)len;
		(void)memcpy(body + 1, names[i].name, len);
		body[1 + len] = 0; /* no inside address */
		cr_expect_eq(frame_decode_join(body, len + 2, &join), names[i].valid ? 0 : -EBADMSG,
			     "'%s'", names[i].name);
		if (names[i].valid)
			cr_expect_str_eq(join.name, names[i].name);
	}
}

Test(frame, has_no_name_with_a_nul_inside)
{
	static const uint8_t body[] = {3, 'a', 0, 'b', 0}, end[] = {2, 'a', 0, 0};
	struct frame_join join;

	cr_expect_eq(frame_decode_join(body, sizeof(body), &join), -EBADMSG);
	cr_expect_eq(frame_decode_join(end, sizeof(end), &join), -EBADMSG);
}

Test(frame, with_a_name_that_is_too_long_is_not_written)
{
	struct frame_join join = {0};
	uint8_t out[BODY_MAX];
	struct frame_writer w = {.at = out, .end = out + sizeof(out)};
	char longer[FRAME_NAME_MAX + 2] = {0};

	(void)memset(longer, 'a', FRAME_NAME_MAX + 1);
	frame_put_name(&w, longer);
	cr_expect(w.failed);
	(void)memset(join.name, 'a', FRAME_NAME_MAX);
	cr_expect_eq(frame_encode_join(&join, out, sizeof(out)), 1 + FRAME_NAME_MAX + 1);
}

Test(frame, has_addresses_of_three_families_only)
{
	for (unsigned family = 0; family < 256; family++) {
		/* id, overlay, observed: the second address is "none" */
		uint8_t body[4 + 19 + 1] = {[4] = (uint8_t)family, [5] = 0x12, [6] = 0x34, 1, 2};
		size_t address = family == 4 ? 7 : family == 6 ? 19 : 1;
		bool known = family == 0 || family == 4 || family == 6;
		struct frame_joined joined;

		body[4 + address] = 0;
		cr_assert_eq(frame_decode_joined(body, 4 + address + 1, &joined),
			     known ? 0 : -EBADMSG, "family %u", family);
		if (family != 0 && known) {
			cr_expect_eq(joined.overlay.family, family == 4 ? AF_INET : AF_INET6);
			cr_expect_eq(joined.overlay.port, 0x1234);
			cr_expect_eq(joined.overlay.bytes[1], 2);
		} else {
			cr_expect(addr_is_any(&joined.overlay));
		}
		cr_expect_eq(joined.observed.family, AF_UNSPEC);
	}
}

Test(frame, reader_stays_failed_and_gives_zeros)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct frame_reader r = {.at = bytes, .end = bytes + sizeof(bytes)};

	cr_expect_eq(frame_get_u32(&r), 0x01020304);
	cr_expect_eq(frame_get_u16(&r), 0);
	cr_expect(r.failed);
	/* One byte is there, but what was asked for before was not. */
	cr_expect_eq(frame_get_u8(&r), 0);
	cr_expect_eq(frame_get_u64(&r), 0);
	cr_expect_eq(r.at, bytes + 4);
}

Test(frame, header_has_the_bytes_of_the_protocol)
{
	static const uint8_t bytes[] = {0x42, 0x78, 1, FRAME_PUNCH, 0, 0, 0x0f, 0xff};
	uint8_t out[FRAME_HEADER_LEN];
	struct frame_header h;

	frame_put_header(out, 49, 4095);
	cr_expect_arr_eq(out, bytes, sizeof(bytes));
	cr_assert_eq(frame_get_header(bytes, &h), 0);
	cr_expect_eq(h.version, 1);
	cr_expect_eq(h.type, FRAME_PUNCH);
	cr_expect_eq(h.length, 4095);
}

static const struct {
	uint8_t bytes[FRAME_HEADER_LEN];
	int result;
} headers[] = {
	{{0x42, 0x78, 1, 1, 0, 0, 0, 0}, 0},
	{{0x42, 0x78, 1, 255, 0, 0, 0, 0}, 0}, /* types are judged by who gets them */
	{{0x42, 0x78, 1, 1, 0, 0, 0x10, 0}, 0},
	{{0x42, 0x78, 1, 1, 0, 0, 0x10, 1}, -EPROTO},
	{{0x42, 0x78, 1, 1, 0, 1, 0, 0}, -EPROTO},
	{{0x42, 0x78, 1, 1, 0x80, 0, 0, 0}, -EPROTO},
	{{0x42, 0x78, 1, 1, 0xff, 0xff, 0xff, 0xff}, -EPROTO},
	{{0x42, 0x78, 0, 1, 0, 0, 0, 0}, -EPROTONOSUPPORT},
	{{0x42, 0x78, 2, 1, 0, 0, 0, 0}, -EPROTONOSUPPORT},
	{{0x42, 0x78, 255, 1, 0, 0, 0, 0}, -EPROTONOSUPPORT},
	{{0x42, 0x78, 2, 1, 0xff, 0xff, 0xff, 0xff}, -EPROTONOSUPPORT},
	{{0x42, 0x79, 2, 1, 0, 0, 0, 0}, -EPROTO},
	{{0x78, 0x42, 1, 1, 0, 0, 0, 0}, -EPROTO},
	{{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'}, -EPROTO},
	{{0}, -EPROTO},
};

Test(frame, header_is_judged)
{
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		struct frame_header h = {.version = 99, .type = 98, .length = 97};

		cr_expect_eq(frame_get_header(headers[i].bytes, &h), headers[i].result, "row %zu",
			     i);
		if (headers[i].result < 0)
			cr_expect(h.version == 99 && h.type == 98 && h.length == 97,
				  "row %zu has changed the result", i);
	}
}

Test(frame, header_with_any_bit_of_the_magic_flipped_is_refused)
{
	for (unsigned bit = 0; bit < 16; bit++) {
		uint8_t bytes[FRAME_HEADER_LEN];
		struct frame_header h;

		frame_put_header(bytes, FRAME_PING, 0);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_eq(frame_get_header(bytes, &h), -EPROTO, "bit %u", bit);
	}
}

/* What is taken means one thing only: written again, it is the same bytes. */
static void assert_refused_or_the_same(const struct sample *s, const uint8_t *bytes, size_t len,
				       unsigned long run)
{
	union message m;
	uint8_t out[BODY_MAX];
	int r = decode_exactly(s, bytes, len, &m);

	if (r != 0) {
		cr_assert_eq(r, -EBADMSG, "run %lu: %s", run, s->name);
		return;
	}
	cr_assert_eq(s->encode(&m, out, sizeof(out)), (int)len, "run %lu: %s", run, s->name);
	cr_assert_eq(memcmp(out, bytes, len), 0, "run %lu: %s", run, s->name);
}

Test(frame, of_random_bytes_is_refused_or_means_one_thing)
{
	unsigned long runs = random_count(20000);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		uint8_t bytes[BODY_MAX];
		size_t len = random_below(&state, 100);

		random_fill(&state, bytes, len);
		for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
			assert_refused_or_the_same(&samples[i], bytes, len, run);
	}
}

/* Nearly right ones get deeper into the decoders. */
Test(frame, with_random_changes_is_refused_or_means_one_thing)
{
	unsigned long runs = random_count(50000);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		const struct sample *s = &samples[run % ARRAY_SIZE(samples)];
		uint8_t bytes[BODY_MAX];
		size_t len = s->len;

		(void)memcpy(bytes, s->bytes, sizeof(bytes));
		for (uint64_t n = 1 + random_below(&state, 3); n > 0; n--)
			bytes[random_below(&state, len)] = (uint8_t)random_draw(&state);
		if (random_chance(&state, 30))
			len += random_below(&state, 5);
		else if (random_chance(&state, 30))
			len -= random_below(&state, len);
		assert_refused_or_the_same(s, bytes, len, run);
	}
}
