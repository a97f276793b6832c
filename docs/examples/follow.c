/* SPDX-License-Identifier: MIT */
/*
 * Say who comes and goes; for a program started by `boxer run` or `boxer exec`. Shows
 * how a watch takes its place in an event loop. C, and C++ as well.
 */
#include <boxer/boxer.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* All that has come. Return: 0, or -errno. */
static int take_changes(struct boxer_watch *watch)
{
	struct boxer_change change;
	int r;

	while ((r = boxer_next(watch, 0, &change)) == 0) {
		if (change.kind == BOXER_JOINED || change.kind == BOXER_HERE)
			(void)printf("+ %s\n", change.member.name);
		else if (change.kind == BOXER_LEFT || change.kind == BOXER_LOST)
			(void)printf("- %s (%s)\n", change.member.name, change.reason);
		(void)fflush(stdout);
	}
	return r == -ETIMEDOUT ? 0 : r;
}

int main(void)
{
	struct boxer *boxer;
	struct boxer_watch *watch;
	int r = boxer_open(&boxer);

	if (r == -ENXIO) {
		(void)fprintf(stderr, "usage: boxer exec -- follow\n");
		return 2;
	}
	if (r == 0)
		r = boxer_watch(boxer, &watch);
	while (r == 0) {
		struct pollfd p;

		p.fd = boxer_watch_fd(watch);
		p.events = POLLIN;
		(void)poll(&p, 1, -1);
		r = take_changes(watch);
	}
	(void)fprintf(stderr, "follow: %s (%s)\n", strerror(-r), boxer_reason());
	return 1;
}
