/* SPDX-License-Identifier: MIT */
/*
 * Interface for samples: at least one body of every kind of frame, as a struct
 * and as the bytes of docs/protocol.md. The bytes were written from that
 * document, not printed by the code.
 */
#ifndef TESTS_BOXER_FRAME_SAMPLES_H
#define TESTS_BOXER_FRAME_SAMPLES_H

#include "boxer/frame.h"

#include <stddef.h>
#include <stdint.h>

#define SAMPLE_MAX 256

/** union message - whatever a body decodes to */
union message {
	struct frame_hello hello;
	struct frame_observe observe;
	struct frame_observed observed;
	struct frame_relay relay;
	struct frame_join join;
	struct frame_joined joined;
	struct frame_member member;
	struct frame_gone gone;
	struct frame_probe probe;
	struct frame_barrier barrier;
	struct frame_released released;
	struct frame_via via;
	struct frame_punch punch;
	struct frame_punched punched;
	struct frame_done done;
	uint16_t reason;
};

/**
 * struct frame_codec - one signature for all of them, so that a table can hold them
 * @type: of the frame; of a body that several have, one of them
 * @open: any further bytes belong to the body, too
 */
struct frame_codec {
	uint8_t type;
	int (*encode)(const union message *m, uint8_t *out, size_t size);
	int (*decode)(const uint8_t *body, size_t len, union message *ret_message);
	bool open;
};

/**
 * struct frame_sample - one of them
 * @hex: its body; blanks stand between fields
 */
struct frame_sample {
	const char *name;
	const struct frame_codec *codec;
	union message message;
	const char *hex;
};

extern const struct frame_sample frame_samples[];
extern const size_t frame_samples_count;

/** frame_sample_bytes() - @s->hex in bytes. Return: how many; more than SAMPLE_MAX end the test. */
size_t frame_sample_bytes(const struct frame_sample *s, uint8_t ret_bytes[static SAMPLE_MAX]);

#endif
