/* SPDX-License-Identifier: MIT */
/*
 * Interface for ownership: variables that release what they hold when they
 * leave their scope, and the two ways of handing such a thing on.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* "unused": a variable may exist for nothing but what happens at its end. */
/** cleanup_close - the descriptor is closed at the end of its scope; errno is kept. */
#define cleanup_close __attribute__((cleanup(cleanup_close_fd), unused))
/** cleanup_free - the memory is freed at the end of its scope. */
#define cleanup_free __attribute__((cleanup(cleanup_free_ptr), unused))
/** cleanup_with - @fn is called with the variable's address at the end of its scope. */
#define cleanup_with(fn) __attribute__((cleanup(fn), unused))

static inline void cleanup_close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

static inline void cleanup_free_ptr(void *pp)
{
	free(*(void **)pp);
}

/** take_fd() - hand over a descriptor: the variable forgets it, the caller owns it. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/** take_ptr() - hand over memory: the variable forgets it, the caller owns it. */
#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
