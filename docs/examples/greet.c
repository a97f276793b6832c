/* SPDX-License-Identifier: MIT */
/*
 * Two functions that meet without having been started by Boxer:
 *
 *	greet SEED KEY-FILE left		greets whom it hears from
 *	greet SEED KEY-FILE right left		says hello to left
 *
 * C, and C++ as well.
 */
#include <boxer/boxer.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORT 5000

static int fail(const char *what, int r)
{
	(void)fprintf(stderr, "greet: %s: %s (%s)\n", what, strerror(-r), boxer_reason());
	return 1;
}

static int listen_once(struct boxer *boxer)
{
	int listener = boxer_listen(boxer, PORT, 16);
	char text[64] = "";
	int r, fd;

	if (listener < 0)
		return fail("listen", listener);
	/* Nobody shall connect before everybody who listens does. */
	r = boxer_barrier(boxer, "listening", 2, 30000);
	fd = r < 0 ? r : boxer_accept(boxer, listener, NULL, NULL);
	if (fd < 0)
		return fail("accept", fd);
	if (read(fd, text, sizeof(text) - 1) > 0)
		(void)printf("heard: %s\n", text);
	(void)close(fd);
	(void)close(listener);
	return 0;
}

static int say_hello(struct boxer *boxer, const char *name)
{
	int r = boxer_barrier(boxer, "listening", 2, 30000);
	int fd = r < 0 ? r : boxer_connect(boxer, name, PORT);

	if (fd < 0)
		return fail(name, fd);
	if (write(fd, "hello", 5) == 5)
		(void)printf("said hello to %s\n", name);
	(void)close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct boxer_options options;
	struct boxer *boxer;
	int r;

	if (argc < 4) {
		(void)fprintf(stderr, "usage: greet SEED KEY-FILE NAME [PEER]\n");
		return 2;
	}
	(void)memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.seed = argv[1];
	options.key_file = argv[2];
	options.name = argv[3];
	options.wait = 2;
	r = boxer_join(&options, &boxer);
	if (r < 0)
		return fail("join", r);
	r = argc > 4 ? say_hello(boxer, argv[4]) : listen_once(boxer);
	boxer_close(boxer);
	return r;
}
