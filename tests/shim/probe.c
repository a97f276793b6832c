/* SPDX-License-Identifier: MIT */
/*
 * The program that runs under the shim in the tests: it does what each line of
 * its input says, with libc's functions, and answers with one line. "0" is
 * success; an error is its errno's name; a success that changed errno is
 * "errno-lost". There is one socket, one accepted connection and one thread.
 */
#include "tests/shim/probe.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX   8
#define DEADLINE_MS 10000

static int sock = -1;
static int accepted = -1;
static long slept;
static pthread_t thread;

void probe_answer(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static const char *outcome(int r)
{
	if (r < 0)
		return strerrorname_np(errno);
	return errno == E2BIG ? "0" : "errno-lost";
}

static socklen_t parse(int family, const char *host, const char *port,
		       struct sockaddr_storage *ret_ss)
{
	struct addr a;

	if (addr_parse(host, &a) < 0)
		abort();
	a.port = (uint16_t)atoi(port);
	return (socklen_t)addr_to_sockaddr(&a, family, ret_ss);
}

static int family_of(int fd)
{
	int family = AF_INET;

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &(socklen_t){sizeof(family)});
	return family;
}

/* socket 4|6|udp [nonblock] */
static void do_socket(char **words)
{
	int type = strcmp(words[1], "udp") ? SOCK_STREAM : SOCK_DGRAM;

	if (sock >= 0)
		(void)close(sock);
	sock = socket(*words[1] == '6' ? AF_INET6 : AF_INET,
		      type | (words[2] ? SOCK_NONBLOCK : 0) | SOCK_CLOEXEC, 0);
	probe_answer("%s", sock < 0 ? strerrorname_np(errno) : "0");
}

static int connect_socket(char **words)
{
	struct sockaddr_storage ss;
	socklen_t len = parse(family_of(sock), words[1], words[2], &ss);

	errno = E2BIG;
	return connect(sock, (struct sockaddr *)&ss, len);
}

/* connect HOST PORT */
static void do_connect(char **words)
{
	struct rusage before, after;
	int r;

	(void)getrusage(RUSAGE_THREAD, &before);
	r = connect_socket(words);
	probe_answer("%s", outcome(r));
	(void)getrusage(RUSAGE_THREAD, &after);
	slept = after.ru_nvcsw - before.ru_nvcsw;
}

/* slept: how often the last connect() gave up the processor to wait for something */
static void do_slept(char **words)
{
	(void)words;
	probe_answer("%ld", slept);
}

static void *connect_thread(void *arg)
{
	char **words = arg;

	probe_answer("%s", outcome(connect_socket(words)));
	return NULL;
}

/* thread HOST PORT: connect in a thread; the answer is that of connect() */
static void do_thread(char **words)
{
	static char host[64], port[8];
	static char *copy[] = {NULL, host, port};

	(void)snprintf(host, sizeof(host), "%s", words[1]);
	(void)snprintf(port, sizeof(port), "%s", words[2]);
	if (pthread_create(&thread, NULL, connect_thread, copy))
		abort();
}

/* cancel: the thread; "cancelled" if that was its end */
static void do_cancel(char **words)
{
	void *end;

	(void)words;
	(void)pthread_cancel(thread);
	(void)pthread_join(thread, &end);
	probe_answer("%s", end == PTHREAD_CANCELED ? "cancelled" : "went on");
}

static void *one_of_many(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage *to = arg;
	intptr_t r;

	r = connect(fd, (struct sockaddr *)to, sizeof(struct sockaddr_in));
	(void)close(fd);
	return (void *)r;
}

/* threads N HOST PORT: N threads connect at once; how many did */
static void do_threads(char **words)
{
	pthread_t threads[32];
	struct sockaddr_storage to;
	int n = atoi(words[1]);
	int good = 0;

	(void)parse(AF_INET, words[2], words[3], &to);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, one_of_many, &to))
			abort();
	for (int i = 0; i < n; i++) {
		void *r;

		(void)pthread_join(threads[i], &r);
		good += r == NULL;
	}
	probe_answer("%d", good);
}

/* fork HOST PORT: a child connects; it answers with its pid, then with the outcome */
static void do_fork(char **words)
{
	pid_t pid = fork();
	char byte;

	if (pid)
		return;
	(void)close(sock);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	probe_answer("%d", getpid());
	probe_answer("%s", outcome(connect_socket(words)));
	/* To the end of the test, whatever becomes of the parent. */
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	_exit(0);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* fds: how many are open */
static void do_fds(char **words)
{
	(void)words;
	probe_answer("%d", count_fds());
}

/* room N: no more than N descriptors can be opened from now on */
static void do_room(char **words)
{
	struct rlimit limit;
	int next = dup(0);

	(void)close(next);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)(next + atoi(words[1]));
	probe_answer("%s", setrlimit(RLIMIT_NOFILE, &limit) ? strerrorname_np(errno) : "0");
}

/* repeat N HOST PORT: connect and close, N times; the errors, and the fds that were left */
static void do_repeat(char **words)
{
	struct linger reset = {.l_onoff = 1};
	int before = count_fds();
	int n = atoi(words[1]);
	int errors = 0;

	for (int i = 0; i < n; i++) {
		sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		(void)setsockopt(sock, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		errors += connect_socket(words + 1) < 0;
		(void)close(sock);
	}
	sock = -1;
	probe_answer("%d errors, %d left", errors, count_fds() - before);
}

/* bind HOST PORT */
static void do_bind(char **words)
{
	struct sockaddr_storage ss;
	socklen_t len = parse(family_of(sock), words[1], words[2], &ss);

	errno = E2BIG;
	probe_answer("%s", outcome(bind(sock, (struct sockaddr *)&ss, len)));
}

/* listen BACKLOG */
static void do_listen(char **words)
{
	errno = E2BIG;
	probe_answer("%s", outcome(listen(sock, atoi(words[1]))));
}

const char *probe_format(const struct sockaddr_storage *ss, socklen_t len,
			 char buf[static ADDR_TEXT_MAX])
{
	struct addr a;

	if (addr_from_sockaddr((const struct sockaddr *)ss, len, &a) < 0)
		return "?";
	return addr_format(&a, buf);
}

/* name: what the socket is bound to */
static void do_name(char **words)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char buf[ADDR_TEXT_MAX];

	(void)words;
	if (getsockname(sock, (struct sockaddr *)&ss, &len) < 0)
		probe_answer("%s", strerrorname_np(errno));
	else
		probe_answer("%s", probe_format(&ss, len, buf));
}

static int accept_flags(const char *word)
{
	int flags = 0;

	if (word && strchr(word, 'n'))
		flags |= SOCK_NONBLOCK;
	if (word && strchr(word, 'c'))
		flags |= SOCK_CLOEXEC;
	return flags;
}

/*
 * accept [n][c]: accept4() with SOCK_NONBLOCK, SOCK_CLOEXEC; accept() without a
 * word. The answer: the peer, its family, the length, the flags that were got
 */
static void do_accept(char **words)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char buf[ADDR_TEXT_MAX];

	if (accepted >= 0)
		(void)close(accepted);
	errno = E2BIG;
	accepted = words[1] ? accept4(sock, (struct sockaddr *)&ss, &len, accept_flags(words[1]))
			    : accept(sock, (struct sockaddr *)&ss, &len);
	if (accepted < 0 || errno != E2BIG) {
		probe_answer("%s", outcome(accepted));
		return;
	}
	probe_answer("%s %s %u%s%s", probe_format(&ss, len, buf),
		     ss.ss_family == AF_INET6 ? "v6" : "v4", len,
		     fcntl(accepted, F_GETFL) & O_NONBLOCK ? " nonblock" : "",
		     fcntl(accepted, F_GETFD) & FD_CLOEXEC ? " cloexec" : "");
}

/* accept-short ROOM: accept() with room for so many bytes; the length, the bytes untouched */
static void do_accept_short(char **words)
{
	unsigned char room[sizeof(struct sockaddr_storage)];
	socklen_t len = (socklen_t)atoi(words[1]);
	size_t untouched = 0;

	(void)memset(room, 0xa5, sizeof(room));
	accepted = accept(sock, (struct sockaddr *)(void *)room, &len);
	while (untouched < sizeof(room) && room[sizeof(room) - 1 - untouched] == 0xa5)
		untouched++;
	probe_answer("%u %zu", len, sizeof(room) - untouched);
}

/* read: what the accepted connection has to say */
static void do_read(char **words)
{
	char buf[64];
	ssize_t n = read(accepted, buf, sizeof(buf) - 1);

	(void)words;
	if (n < 0) {
		probe_answer("%s", strerrorname_np(errno));
		return;
	}
	buf[n] = '\0';
	probe_answer("%s", n ? buf : "eof");
}

/* say TEXT: send it on the socket */
static void do_say(char **words)
{
	ssize_t n = send(sock, words[1], strlen(words[1]), MSG_NOSIGNAL);

	probe_answer("%s", n < 0 ? strerrorname_np(errno) : "0");
}

union value {
	int number;
	struct linger linger;
	struct timeval time;
	char word[16];
};

static const struct {
	const char *name;
	int level;
	int option;
	socklen_t size;
	union value value;
} options[] = {
	{"keepalive", SOL_SOCKET, SO_KEEPALIVE, 4, {.number = 1}},
	{"oobinline", SOL_SOCKET, SO_OOBINLINE, 4, {.number = 1}},
	{"rcvlowat", SOL_SOCKET, SO_RCVLOWAT, 4, {.number = 5}},
	{"priority", SOL_SOCKET, SO_PRIORITY, 4, {.number = 4}},
	{"rcvbuf", SOL_SOCKET, SO_RCVBUF, 4, {.number = 30000}},
	{"sndbuf", SOL_SOCKET, SO_SNDBUF, 4, {.number = 40000}},
	{"linger", SOL_SOCKET, SO_LINGER, sizeof(struct linger), {.linger = {1, 9}}},
	{"rcvtimeo", SOL_SOCKET, SO_RCVTIMEO, sizeof(struct timeval), {.time = {3, 500000}}},
	{"sndtimeo", SOL_SOCKET, SO_SNDTIMEO, sizeof(struct timeval), {.time = {4, 500000}}},
	{"tos", IPPROTO_IP, IP_TOS, 4, {.number = 0x10}},
	{"ttl", IPPROTO_IP, IP_TTL, 4, {.number = 33}},
	{"tclass", IPPROTO_IPV6, IPV6_TCLASS, 4, {.number = 0x20}},
	{"hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS, 4, {.number = 34}},
	{"keepidle", IPPROTO_TCP, TCP_KEEPIDLE, 4, {.number = 77}},
	{"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, 4, {.number = 7}},
	{"keepcnt", IPPROTO_TCP, TCP_KEEPCNT, 4, {.number = 3}},
	{"linger2", IPPROTO_TCP, TCP_LINGER2, 4, {.number = 11}},
	{"congestion", IPPROTO_TCP, TCP_CONGESTION, 4, {.word = "reno"}},
	{"user-timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 4, {.number = 5000}},
	{"notsent-lowat", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4, {.number = 16384}},
	{"nodelay", IPPROTO_TCP, TCP_NODELAY, 4, {.number = 1}},
	{"cork", IPPROTO_TCP, TCP_CORK, 4, {.number = 1}},
	{"quickack", IPPROTO_TCP, TCP_QUICKACK, 4, {.number = 0}},
};

static union value see(int fd, int level, int option)
{
	union value seen;

	(void)memset(&seen, 0, sizeof(seen));
	(void)getsockopt(fd, level, option, &seen, &(socklen_t){sizeof(seen)});
	return seen;
}

/* options: set all that accepted connections inherit, on the socket; those that failed */
static void do_options(char **words)
{
	char failed[256] = "";
	size_t len = 0;

	(void)words;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if ((options[i].level != IPPROTO_IPV6 || family_of(sock) == AF_INET6) &&
		    setsockopt(sock, options[i].level, options[i].option, &options[i].value,
			       options[i].size) < 0)
			len += (size_t)snprintf(failed + len, sizeof(failed) - len, " %s",
						options[i].name);
	probe_answer("failed:%s", failed);
}

/* values: of all these options, on the socket */
static void do_values(char **words)
{
	char text[480] = "";
	size_t len = 0;

	(void)words;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		union value v = see(sock, options[i].level, options[i].option);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d ", v.number);
	}
	probe_answer("%s", text);
}

/* compare: accept two connections and name the options in which they differ */
static void do_compare(char **words)
{
	int first = accept(sock, NULL, NULL);
	int second = accept(sock, NULL, NULL);
	char differ[256] = "";
	size_t len = 0;

	(void)words;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		union value a = see(first, options[i].level, options[i].option);
		union value b = see(second, options[i].level, options[i].option);

		if (memcmp(&a, &b, sizeof(a)) != 0)
			len += (size_t)snprintf(differ + len, sizeof(differ) - len, " %s:%d/%d",
						options[i].name, a.number, b.number);
	}
	(void)close(first);
	(void)close(second);
	probe_answer("differ:%s", differ);
}

/* number nonblock|cloexec|OPTION socket|accepted: the value of an option */
static void do_number(char **words)
{
	static const struct {
		const char *name;
		int level;
		int option;
	} names[] = {
		{"reuseport", SOL_SOCKET, SO_REUSEPORT},
		{"rcvbuf-lock", SOL_SOCKET, 72},
	};
	int fd = strcmp(words[2], "accepted") ? sock : accepted;

	if (strcmp(words[1], "nonblock") == 0)
		probe_answer("%d", fcntl(fd, F_GETFL) & O_NONBLOCK ? 1 : 0);
	if (strcmp(words[1], "cloexec") == 0)
		probe_answer("%d", fcntl(fd, F_GETFD) & FD_CLOEXEC ? 1 : 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(words[1], names[i].name) == 0)
			probe_answer("%d", see(fd, names[i].level, names[i].option).number);
}

/* cookie */
static void do_cookie(char **words)
{
	uint64_t cookie = 0;

	(void)words;
	(void)getsockopt(sock, SOL_SOCKET, SO_COOKIE, &cookie, &(socklen_t){sizeof(cookie)});
	probe_answer("%llu", (unsigned long long)cookie);
}

/* so_error */
static void do_so_error(char **words)
{
	int error = -1;
	int r;

	(void)words;
	errno = E2BIG;
	r = getsockopt(sock, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)});
	if (r < 0 || errno != E2BIG)
		probe_answer("%s", outcome(r));
	else
		probe_answer("%s", error ? strerrorname_np(error) : "0");
}

/* epoll: wait for the socket to become writable or to fail */
static void do_epoll(char **words)
{
	struct epoll_event event = {.events = EPOLLOUT};
	cleanup_close int epoll = epoll_create1(EPOLL_CLOEXEC);
	int n;

	(void)words;
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, sock, &event);
	n = epoll_wait(epoll, &event, 1, DEADLINE_MS);
	probe_answer("%s%s", n == 1 ? "woken" : "asleep", event.events & EPOLLHUP ? " hup" : "");
}

/* sndtimeo MS */
static void do_sndtimeo(char **words)
{
	int ms = atoi(words[1]);
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	probe_answer("%s", setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) ? "?" : "0");
}

static void on_signal(int sig)
{
	(void)sig;
}

/* handle plain|restart: install a handler for SIGUSR1 */
static void do_handle(char **words)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sa.sa_flags = *words[1] == 'r' ? SA_RESTART : 0;
	probe_answer("%s", sigaction(SIGUSR1, &sa, NULL) ? "?" : "0");
}

static const struct {
	const char *name;
	void (*run)(char **words);
} commands[] = {
	{"socket", do_socket},	    {"connect", do_connect},   {"slept", do_slept},
	{"thread", do_thread},	    {"cancel", do_cancel},     {"threads", do_threads},
	{"fork", do_fork},	    {"fds", do_fds},	       {"room", do_room},
	{"repeat", do_repeat},	    {"bind", do_bind},	       {"listen", do_listen},
	{"name", do_name},	    {"accept", do_accept},     {"accept-short", do_accept_short},
	{"read", do_read},	    {"say", do_say},	       {"options", do_options},
	{"values", do_values},	    {"compare", do_compare},   {"number", do_number},
	{"cookie", do_cookie},	    {"so_error", do_so_error}, {"epoll", do_epoll},
	{"sndtimeo", do_sndtimeo},  {"handle", do_handle},     {"resolve", probe_resolve},
	{"host", probe_host},	    {"host_r", probe_host_r},  {"open", probe_open},
	{"members", probe_members}, {"member", probe_member},  {"reach", probe_reach},
	{"serve", probe_serve},	    {"take", probe_take},
};

static void obey(char *line)
{
	char *words[WORDS_MAX + 1] = {NULL};
	char *rest = line;
	size_t n = 0;

	while (n < WORDS_MAX && (words[n] = strtok_r(rest, " \n", &rest)))
		n++;
	for (size_t i = 0; n && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(words[0], commands[i].name) == 0) {
			commands[i].run(words);
			return;
		}
	}
	probe_answer("unknown command");
}

int main(void)
{
	char line[512];

	for (;;) {
		if (fgets(line, sizeof(line), stdin))
			obey(line);
		else if (feof(stdin))
			return 0;
		clearerr(stdin);
	}
}
