/* SPDX-License-Identifier: MIT */
/* Frames: headers, and the bytes of every body; what is cut, too long or changed is refused. */
#include "boxer/frame.h"

#include "base/cleanup.h"
#include "tests/base/random.h"
#include "tests/boxer/frame_samples.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* A sample and its bytes. */
struct body {
	const struct frame_sample *sample;
	size_t len;
	uint8_t bytes[SAMPLE_MAX];
};

static struct body body_of(size_t i)
{
	struct body b = {.sample = &frame_samples[i]};

	b.len = frame_sample_bytes(b.sample, b.bytes);
	return b;
}

/* The bytes in memory of exactly that size, so that a sanitizer sees a look beyond. */
static uint8_t *exactly(const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	cr_assert(exact);
	if (len > 0)
		(void)memcpy(exact, bytes, len);
	return exact;
}

static void assert_encodes_to(const struct frame_sample *s, const union message *m,
			      const uint8_t *bytes, size_t len)
{
	uint8_t out[SAMPLE_MAX];

	cr_assert_eq(s->codec->encode(m, out, sizeof(out)), (int)len, "%s", s->name);
	cr_assert_arr_eq(out, bytes, len, "%s", s->name);
}

/* Refused, and the result is what it was. */
static void assert_refused(const struct frame_sample *s, const uint8_t *bytes, size_t len)
{
	cleanup_free uint8_t *exact = exactly(bytes, len);
	union message m, before;

	(void)memset(&before, 0xa5, sizeof(before));
	(void)memset(&m, 0xa5, sizeof(m));
	cr_assert_eq(s->codec->decode(exact, len, &m), -EBADMSG, "%s, %zu bytes", s->name, len);
	cr_assert_eq(memcmp(&m, &before, sizeof(m)), 0, "%s, %zu bytes: the result was changed",
		     s->name, len);
}

Test(frame, of_every_kind_has_the_bytes_of_the_protocol)
{
	for (size_t i = 0; i < frame_samples_count; i++) {
		struct body b = body_of(i);

		assert_encodes_to(b.sample, &b.sample->message, b.bytes, b.len);
	}
}

Test(frame, of_every_kind_survives_a_round_trip)
{
	for (size_t i = 0; i < frame_samples_count; i++) {
		struct body b = body_of(i);
		cleanup_free uint8_t *exact = exactly(b.bytes, b.len);
		union message m;

		(void)memset(&m, 0xa5, sizeof(m));
		cr_assert_eq(b.sample->codec->decode(exact, b.len, &m), 0, "%s", b.sample->name);
		assert_encodes_to(b.sample, &m, b.bytes, b.len);
	}
}

Test(frame, that_is_cut_anywhere_is_refused)
{
	for (size_t i = 0; i < frame_samples_count; i++) {
		struct body b = body_of(i);
		/* A body that takes all that is left can't miss it. */
		size_t least = b.sample->codec->open ? 5 : b.len;

		for (size_t len = 0; len < least; len++)
			assert_refused(b.sample, b.bytes, len);
	}
}

Test(frame, with_bytes_left_over_is_refused)
{
	for (size_t i = 0; i < frame_samples_count; i++) {
		uint8_t longer[FRAME_BODY_MAX] = {0};
		struct body b = body_of(i);

		if (b.sample->codec->open)
			continue;
		(void)memcpy(longer, b.bytes, b.len);
		for (size_t more = 1; more < 20; more++)
			assert_refused(b.sample, longer, b.len + more);
		assert_refused(b.sample, longer, sizeof(longer));
	}
}

Test(frame, is_not_written_into_too_little_room)
{
	for (size_t i = 0; i < frame_samples_count; i++) {
		const struct frame_sample *s = &frame_samples[i];
		struct body b = body_of(i);

		for (size_t size = 0; size < b.len; size++) {
			cleanup_free uint8_t *exact = malloc(size ? size : 1);

			cr_expect_eq(s->codec->encode(&s->message, exact, size), -EMSGSIZE,
				     "%s, %zu bytes", s->name, size);
		}
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
	static const uint8_t bytes[] = {0x42, 0x78, 2, FRAME_PUNCH, 0, 0, 0x0f, 0xff};
	uint8_t out[FRAME_HEADER_LEN];
	struct frame_header h;

	frame_put_header(out, 49, 4095);
	cr_expect_arr_eq(out, bytes, sizeof(bytes));
	cr_assert_eq(frame_get_header(bytes, &h), 0);
	cr_expect_eq(h.version, 2);
	cr_expect_eq(h.type, FRAME_PUNCH);
	cr_expect_eq(h.length, 4095);
}

static const struct {
	uint8_t bytes[FRAME_HEADER_LEN];
	int result;
} headers[] = {
	{{0x42, 0x78, 2, 1, 0, 0, 0, 0}, 0},
	{{0x42, 0x78, 2, 255, 0, 0, 0, 0}, 0}, /* types are judged by who gets them */
	{{0x42, 0x78, 2, 1, 0, 0, 0x10, 0}, 0},
	{{0x42, 0x78, 2, 1, 0, 0, 0x10, 1}, -EPROTO},
	{{0x42, 0x78, 2, 1, 0, 1, 0, 0}, -EPROTO},
	{{0x42, 0x78, 2, 1, 0x80, 0, 0, 0}, -EPROTO},
	{{0x42, 0x78, 2, 1, 0xff, 0xff, 0xff, 0xff}, -EPROTO},
	{{0x42, 0x78, 0, 1, 0, 0, 0, 0}, -EPROTONOSUPPORT},
	{{0x42, 0x78, 1, 1, 0, 0, 0, 0}, -EPROTONOSUPPORT},
	{{0x42, 0x78, 3, 1, 0, 0, 0, 0}, -EPROTONOSUPPORT},
	{{0x42, 0x78, 255, 1, 0, 0, 0, 0}, -EPROTONOSUPPORT},
	{{0x42, 0x78, 1, 1, 0xff, 0xff, 0xff, 0xff}, -EPROTONOSUPPORT},
	{{0x42, 0x79, 1, 1, 0, 0, 0, 0}, -EPROTO},
	{{0x78, 0x42, 2, 1, 0, 0, 0, 0}, -EPROTO},
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
static void assert_refused_or_the_same(const struct frame_sample *s, const uint8_t *bytes,
				       size_t len, unsigned long run)
{
	cleanup_free uint8_t *exact = exactly(bytes, len);
	uint8_t out[SAMPLE_MAX];
	union message m;
	int r = s->codec->decode(exact, len, &m);

	if (r != 0) {
		cr_assert_eq(r, -EBADMSG, "run %lu: %s", run, s->name);
		return;
	}
	cr_assert_eq(s->codec->encode(&m, out, sizeof(out)), (int)len, "run %lu: %s", run, s->name);
	cr_assert_eq(memcmp(out, bytes, len), 0, "run %lu: %s", run, s->name);
}

Test(frame, of_random_bytes_is_refused_or_means_one_thing)
{
	unsigned long runs = random_count(20000);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		uint8_t bytes[SAMPLE_MAX];
		size_t len = random_below(&state, 100);

		random_fill(&state, bytes, len);
		for (size_t i = 0; i < frame_samples_count; i++)
			assert_refused_or_the_same(&frame_samples[i], bytes, len, run);
	}
}

/* Nearly right ones get deeper into the decoders. */
Test(frame, with_random_changes_is_refused_or_means_one_thing)
{
	unsigned long runs = random_count(50000);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		struct body b = body_of(run % frame_samples_count);
		size_t len = b.len;

		for (uint64_t n = 1 + random_below(&state, 3); n > 0; n--)
			b.bytes[random_below(&state, len)] = (uint8_t)random_draw(&state);
		if (random_chance(&state, 30))
			len += random_below(&state, 5);
		else if (random_chance(&state, 30))
			len -= random_below(&state, len);
		assert_refused_or_the_same(b.sample, b.bytes, len, run);
	}
}
