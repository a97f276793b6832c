/* SPDX-License-Identifier: MIT */
/*
 * Interface for splices: two connections joined to one. What comes in at one end
 * leaves at the other; what can't leave waits in a bounded buffer, and while that is
 * full nothing more is read, so that a slow reader slows down its writer. The end of a
 * direction is passed on as such, and a reset as a reset.
 */
#ifndef BOXER_SPLICE_H
#define BOXER_SPLICE_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

struct splice;

/** splice_ended - both directions are; bytes from the first to the second, and back */
typedef void splice_ended(void *arg, uint64_t there, uint64_t back);

/**
 * splice_new() - join two connected, non-blocking sockets, which are taken over
 * @size: bytes that may wait, in each direction
 * @ended: called once, from the loop; the splice may be freed in it
 *
 * Return: the splice, or NULL without memory; then both stay the caller's.
 */
struct splice *splice_new(struct ev_loop *loop, int first, int second, size_t size,
			  splice_ended *ended, void *arg);
/** splice_free() - closes both; NULL is legal. */
void splice_free(struct splice *s);

#endif
