/* SPDX-License-Identifier: MIT */
/*
 * Frames: the first byte chooses what the others are decoded as, 0 a header.
 * What is decoded encodes to the same bytes again, whatever lay in the memory
 * that it was decoded into, and never into less room than it needs; what is not
 * leaves that memory as it was.
 */
#include "tests/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "tests/fuzz/codecs.h"

#include <errno.h>

#define MEMBER(name, type, take) type name;
union message {
	CODECS(MEMBER)
};

/* One signature for all of them, so that a table can hold them. */
#define FUNCTIONS(name, type, take)                                                   \
	static int encode_##name(const union message *m, uint8_t *out, size_t size)   \
	{                                                                             \
		return frame_encode_##name(take m->name, out, size);                  \
	}                                                                             \
	static int decode_##name(const uint8_t *body, size_t len, union message *ret) \
	{                                                                             \
		return frame_decode_##name(body, len, &ret->name);                    \
	}
CODECS(FUNCTIONS)

#define ROW(name, type, take) {encode_##name, decode_##name},
static const struct codec {
	int (*encode)(const union message *m, uint8_t *out, size_t size);
	int (*decode)(const uint8_t *body, size_t len, union message *ret_message);
} codecs[] = {CODECS(ROW)};

static void check_header(const uint8_t *bytes, size_t size)
{
	uint8_t in[FRAME_HEADER_LEN] = {0}, out[FRAME_HEADER_LEN];
	struct frame_header h;
	int r;

	(void)memcpy(in, bytes, size < sizeof(in) ? size : sizeof(in));
	r = frame_get_header(in, &h);
	FUZZ_CHECK(r == 0 || r == -EPROTO || r == -EPROTONOSUPPORT);
	if (r < 0)
		return;
	FUZZ_CHECK(h.length <= FRAME_BODY_MAX);
	frame_put_header(out, h.type, h.length);
	FUZZ_CHECK(memcmp(in, out, sizeof(in)) == 0);
}

static void check_untouched(const union message *m, uint8_t byte)
{
	for (size_t i = 0; i < sizeof(*m); i++)
		FUZZ_CHECK(((const uint8_t *)m)[i] == byte);
}

static void check_body(const struct codec *codec, const uint8_t *bytes, size_t size)
{
	cleanup_free uint8_t *body = fuzz_copy(bytes, size);
	cleanup_free uint8_t *out = malloc(size + 1);
	union message zeros, ones;
	int r, again;

	(void)memset(&zeros, 0, sizeof(zeros));
	(void)memset(&ones, 0xff, sizeof(ones));
	r = codec->decode(body, size, &zeros);
	again = codec->decode(body, size, &ones);
	FUZZ_CHECK(r == again && (r == 0 || r == -EBADMSG));
	if (r < 0) {
		check_untouched(&zeros, 0);
		check_untouched(&ones, 0xff);
		return;
	}
	FUZZ_CHECK(out && codec->encode(&zeros, out, size + 1) == (int)size);
	FUZZ_CHECK(memcmp(body, out, size) == 0);
	FUZZ_CHECK(codec->encode(&ones, out, size) == (int)size);
	FUZZ_CHECK(memcmp(body, out, size) == 0);
	for (size_t less = 0; less < size; less++)
		FUZZ_CHECK(codec->encode(&ones, out, less) == -EMSGSIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t which = size > 0 ? data[0] % CODEC_MAX : 0;

	if (size == 0 || size - 1 > FRAME_BODY_MAX)
		return 0;
	if (which == 0)
		check_header(data + 1, size - 1);
	else
		check_body(&codecs[which - 1], data + 1, size - 1);
	return 0;
}
