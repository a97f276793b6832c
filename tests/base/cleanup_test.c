/* SPDX-License-Identifier: MIT */
/* Ownership: what is released at the end of a scope, and what is handed on. */
#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>

static int open_something(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

static int is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

Test(cleanup, closes_at_the_end_of_the_scope)
{
	int number;

	{
		cleanup_close int fd = open_something();

		number = fd;
	}
	cr_expect_not(is_open(number));
}

Test(cleanup, does_not_close_what_was_handed_on)
{
	int taken;

	{
		cleanup_close int fd = open_something();

		taken = take_fd(&fd);
		cr_expect_eq(fd, -1);
	}
	cr_expect(is_open(taken));
	(void)close(taken);
}

static int fail_with(int code)
{
	/* A bad descriptor: close() itself would set EBADF. */
	cleanup_close int fd = 1 << 20;

	(void)fd;
	errno = code;
	return -1;
}

Test(cleanup, keeps_errno)
{
	cr_expect_eq(fail_with(ENOSPC), -1);
	cr_expect_eq(errno, ENOSPC);
}

static char *hand_on(char *p)
{
	cleanup_free char *mine = p;

	return take_ptr(mine);
}

/* A sanitizer sees a use after free, or a leak of what nobody took. */
Test(cleanup, frees_memory_unless_it_was_handed_on)
{
	cleanup_free char *p = hand_on(strdup("kept"));
	cleanup_free char *dropped = strdup("dropped");

	cr_expect_str_eq(p, "kept");
	cr_expect_str_eq(dropped, "dropped");
}
