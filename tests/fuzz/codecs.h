/* SPDX-License-Identifier: MIT */
/*
 * Interface for the list of codecs that the target "frames" knows, in the order of
 * the numbers by which an input names them, from 1. A new one comes last, so that
 * the corpus keeps its meaning.
 */
#ifndef TESTS_FUZZ_CODECS_H
#define TESTS_FUZZ_CODECS_H

#include "boxer/frame.h"

/* Every codec of boxer/frame.h: its name, its message, how its encoder takes that. */
#define CODECS(x)                                                                                 \
	x(hello, struct frame_hello, &) x(observe, struct frame_observe, &)                       \
		x(observed, struct frame_observed, &) x(relay, struct frame_relay, &) x(          \
			join, struct frame_join, &) x(joined, struct frame_joined, &)             \
			x(member, struct frame_member, &) x(gone, struct frame_gone, &) x(        \
				probe, struct frame_probe, &) x(barrier, struct frame_barrier, &) \
				x(released, struct frame_released, &) x(via, struct frame_via, &) \
					x(punch, struct frame_punch, &)                           \
						x(punched, struct frame_punched, &)               \
							x(done, struct frame_done, &)             \
								x(reason, uint16_t, )

#define CODECS_NUMBER(name, type, take) CODEC_##name,
/** enum codec_number - what an input begins with */
enum codec_number { CODEC_header, CODECS(CODECS_NUMBER) CODEC_MAX };

#endif
