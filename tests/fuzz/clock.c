/* SPDX-License-Identifier: MIT */
/*
 * A clock that nobody waits for: it goes on by 20 ms whenever it is read, so that
 * what waits for a deadline in a loop comes to it at once. Linked with
 * --wrap=clock_gettime.
 */
#include <time.h>

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	static struct timespec now = {.tv_sec = 1};

	(void)clock;
	now.tv_nsec += 20 * 1000 * 1000;
	if (now.tv_nsec >= 1000 * 1000 * 1000) {
		now.tv_nsec -= 1000 * 1000 * 1000;
		now.tv_sec++;
	}
	*ret_time = now;
	return 0;
}
