/* SPDX-License-Identifier: MIT */
/*
 * Interface for fuzz targets: each is one function that takes bytes and must
 * survive them, and what it says of them with FUZZ_CHECK() must hold. libFuzzer
 * looks for bytes that break it; tests/fuzz/replay.c hands it those of the
 * corpus. What a target draws from its bytes is a cursor that gives zeros when
 * it has run out, so that every input means something.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** LLVMFuzzerTestOneInput() - the target. Return: 0; libFuzzer reserves the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** FUZZ_CHECK() - end the process, loudly, unless it is so. */
#define FUZZ_CHECK(condition)                                                            \
	do {                                                                             \
		if (!(condition)) {                                                      \
			(void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
				      #condition);                                       \
			abort();                                                         \
		}                                                                        \
	} while (0)

/** struct fuzz_input - what is left of an input */
struct fuzz_input {
	const uint8_t *at, *end;
};

/** fuzz_left() - how many bytes there are. */
static inline size_t fuzz_left(const struct fuzz_input *in)
{
	return (size_t)(in->end - in->at);
}

/** fuzz_fill() - the next @n bytes; zeros behind the end. */
static inline void fuzz_fill(struct fuzz_input *in, void *ret, size_t n)
{
	size_t given = n < fuzz_left(in) ? n : fuzz_left(in);

	(void)memset(ret, 0, n);
	if (given > 0)
		(void)memcpy(ret, in->at, given);
	in->at += given;
}

/** fuzz_u8() - the next byte. */
static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/** fuzz_u16(), fuzz_u32() - the next number, in the machine's order. */
static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
	uint16_t v;

	fuzz_fill(in, &v, sizeof(v));
	return v;
}

static inline uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t v;

	fuzz_fill(in, &v, sizeof(v));
	return v;
}

/** fuzz_below() - 0 .. @n - 1, for @n up to 256. */
static inline size_t fuzz_below(struct fuzz_input *in, size_t n)
{
	return fuzz_u8(in) % n;
}

/** fuzz_next_fd() - the number of the next descriptor: the same as before, if none was lost. */
static inline int fuzz_next_fd(void)
{
	int fd = dup(STDERR_FILENO);

	FUZZ_CHECK(fd >= 0);
	(void)close(fd);
	return fd;
}

/**
 * fuzz_copy() - memory of exactly @n bytes, so that a sanitizer sees a look beyond
 *
 * Return: the caller's to free().
 */
static inline uint8_t *fuzz_copy(const void *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	FUZZ_CHECK(copy);
	if (n > 0)
		(void)memcpy(copy, bytes, n);
	return copy;
}

#endif
