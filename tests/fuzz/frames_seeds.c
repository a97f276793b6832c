/* SPDX-License-Identifier: MIT */
/*
 * Writes an input of the target "frames" for every codec, out of a message with
 * each of its fields: what a fuzzer would take long to hit upon.
 */
#include "base/cleanup.h"
#include "boxer/reason.h"
#include "tests/fuzz/codecs.h"

#include <stdio.h>

#define NAME "fn-0"
#define BYTES           \
	{               \
		1, 2, 3 \
	}
#define V4                                                                   \
	{                                                                    \
		.family = AF_INET, .port = 4000, .bytes = { 203, 0, 113, 9 } \
	}
#define V6                                                                                   \
	{                                                                                    \
		.family = AF_INET6, .port = 4000, .bytes = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } \
	}

static const uint8_t inner[] = {1, 2, 3, 4, 5};
static const uint16_t reason = REASON_LEFT;
static const struct frame_hello hello = {.from = 7, .to = FRAME_ID_SEED, .nonce = BYTES};
static const struct frame_observe observe = {.token = BYTES, .nonce = BYTES, .code = BYTES};
static const struct frame_observed observed = {.seen = V4, .code = BYTES};
static const struct frame_relay relay = {.token = BYTES, .from = 1, .to = 2, .code = BYTES};
static const struct frame_join join = {
	.name = NAME,
	.role = "map",
	.inside = V4,
	.token = BYTES,
	.claim = FRAME_ID_JOINING,
	.flags = FRAME_FLAG_RELAY,
};
static const struct frame_joined joined = {
	.id = 1,
	.overlay = V4,
	.observed = V6,
	.observers = {V4, V6},
	.n_observers = 2,
};
static const struct frame_member member = {
	.version = 9,
	.id = 1,
	.name = NAME,
	.role = "map",
	.overlay = V4,
	.external = V6,
	.inside = V4,
	.profile = {.mapping = 1, .ports = 1, .filtering = 1, .refusal = 1},
	.flags = FRAME_FLAG_RELAY,
};
static const struct frame_gone gone = {.version = 9, .id = 1, .reason = REASON_LEFT};
static const struct frame_probe probe = {.port = 4000};
static const struct frame_barrier barrier = {.request = 1, .count = 2, .name = NAME};
static const struct frame_released released = {.request = 1, .reason = REASON_LEFT};
static const struct frame_via via = {
	.id = 1, .type = FRAME_PUNCH, .body = inner, .len = sizeof(inner)};
static const struct frame_punch punch = {
	.request = 1,
	.strategy = 2,
	.port = 80,
	.source = V4,
	.step = -2,
	.spread = 9,
	.token = BYTES,
};
static const struct frame_punched punched = {.request = 1, .target = V6, .step = 1, .spread = 3};
static const struct frame_done done = {.request = 1, .reason = REASON_TIMEOUT};

static int put(const char *dir, const char *name, const uint8_t *bytes, int len)
{
	cleanup_free char *path = NULL;
	FILE *out;

	if (len < 0 || asprintf(&path, "%s/%s", dir, name) < 0)
		return -1;
	out = fopen(path, "w");
	if (!out)
		return -1;
	(void)fwrite(bytes, 1, (size_t)len + 1, out);
	return fclose(out);
}

#define PUT(name, type, take)                                                          \
	do {                                                                           \
		int len = frame_encode_##name(take name, bytes + 1, FRAME_BODY_MAX);   \
		bytes[0] = CODEC_##name;                                               \
		if (put(argv[1], #name, bytes, len) < 0) {                             \
			(void)fprintf(stderr, "%s/%s: not written\n", argv[1], #name); \
			return EXIT_FAILURE;                                           \
		}                                                                      \
	} while (0);

int main(int argc, char **argv)
{
	uint8_t bytes[1 + FRAME_BODY_MAX];

	if (argc != 2) {
		(void)fputs("usage: frames-seeds DIRECTORY\n", stderr);
		return EXIT_FAILURE;
	}
	CODECS(PUT)
	frame_put_header(bytes + 1, FRAME_HELLO, 40);
	bytes[0] = CODEC_header;
	return put(argv[1], "header", bytes, FRAME_HEADER_LEN) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
