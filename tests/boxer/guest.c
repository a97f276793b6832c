/* SPDX-License-Identifier: MIT */
/*
 * The guest of the tests: a small program that knows nothing of Boxer and does
 * one thing, named by its first argument. It says what it sees on its standard
 * output, a line at a time.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

#define PATIENCE_MS 30000

/* A line at once: its reader waits for it. */
#define SAY(...) ((void)printf(__VA_ARGS__), (void)fflush(stdout))

/* show: what a program is started with */
static void show_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");

	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] != '.' && fd != dirfd(dir))
			SAY("fd %d\n", fd);
	}
	(void)closedir(dir);
}

static int show(char **argv)
{
	struct sigaction action;
	sigset_t mask;

	(void)argv;
	for (char **e = environ; *e; e++)
		SAY("%s\n", *e);
	show_descriptors();
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int s = 1; s < 32; s++) {
		if (sigismember(&mask, s) == 1)
			SAY("blocked %d\n", s);
		if (sigaction(s, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			SAY("ignored %d\n", s);
	}
	return 0;
}

/* end CODE: as a program that has done its work */
static int end(char **argv)
{
	return atoi(argv[0]);
}

/* die SIGNAL: as one that has crashed */
static int die(char **argv)
{
	int s = atoi(argv[0]);

	(void)signal(s, SIG_DFL);
	(void)raise(s);
	return 98;
}

/* copy: standard input to standard output */
static int copy(char **argv)
{
	char buf[4096];
	ssize_t n;

	(void)argv;
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (write(STDOUT_FILENO, buf, (size_t)n) != n)
			return 1;
	return n < 0;
}

/* stay: until a signal comes, which is told */
static int stay(char **argv)
{
	sigset_t set;
	int s;

	(void)argv;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	SAY("up %d\n", getpid());
	(void)sigwait(&set, &s);
	SAY("signal %d\n", s);
	return 9;
}

/* serve: listen, say on which port, and greet whoever comes until the input ends */
static int serve(char **argv)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);

	(void)argv;
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		return 1;
	SAY("%u\n", ntohs(in.sin_port));
	for (;;) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
		int peer;

		if (poll(p, 2, PATIENCE_MS) <= 0)
			return 1;
		if (p[1].revents)
			return 0;
		peer = accept(fd, NULL, NULL);
		if (peer < 0 || write(peer, "hello\n", 6) != 6)
			return 1;
		(void)close(peer);
	}
}

static int connect_and_wait(int fd, const struct addrinfo *to, int forks)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t len = sizeof(error);

	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)
		return -1;
	/* As one that becomes a daemon: the child goes on. */
	if (forks && fork() != 0)
		_exit(0);
	if (poll(&p, 1, PATIENCE_MS) != 1)
		return -1;
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	(void)fcntl(fd, F_SETFL, 0);
	errno = error;
	return error ? -1 : 0;
}

/* connect HOST PORT [later | forked]: say what comes, or why nothing does */
static int connect_to(char **argv)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *to;
	int fd = socket(AF_INET, SOCK_STREAM, 0), r;
	char buf[64];
	ssize_t n;

	if (getaddrinfo(argv[0], argv[1], &hints, &to) != 0) {
		SAY("no such name\n");
		return 1;
	}
	r = argv[2] ? connect_and_wait(fd, to, strcmp(argv[2], "forked") == 0)
		    : connect(fd, to->ai_addr, to->ai_addrlen);
	if (r < 0) {
		SAY("%s\n", strerrorname_np(errno));
		return 1;
	}
	n = read(fd, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = '\0';
	SAY("%s", n > 0 ? buf : "nothing\n");
	freeaddrinfo(to);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **argv);
} deeds[] = {
	{"show", show},		 {"end", end},	 {"die", die},
	{"copy", copy},		 {"stay", stay}, {"serve", serve},
	{"connect", connect_to},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(argv[1], deeds[i].name) == 0)
			return deeds[i].run(argv + 2);
	return 97;
}
