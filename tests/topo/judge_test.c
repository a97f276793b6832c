/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an independent judge says of our NATs: coturn's client and server for NAT
 * behaviour discovery (RFC 5780), which know UDP. One public server with two
 * addresses, a function behind each NAT, all judged at the same time, since most
 * of the judge's work is to wait for what does not come.
 *
 *	fn0 -- EIM, EIF ---+
 *	fn1 -- EIM, ADF ---+-- internet -- STUN server, two addresses
 *	...                |
 *	fn10 - hairpinning off
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS  120000
#define STUN_PORT   3478
#define STUN_BYTES  20
#define SECOND_ADDR (WORLD_SEED_ADDR + 1)
#define PAIRS	    (NAT_MAPPING_NONE * (NAT_FILTERING_APDF + 1))
#define SUBJECTS    (PAIRS + 1)
#define OUTPUT_MAX  16384
#define JUDGING_S   60

/* The judge's verdicts, by our values. */
static const char *const mapping_words[] = {
	[NAT_MAPPING_EIM] = "NAT with Endpoint Independent Mapping!",
	[NAT_MAPPING_ADM] = "NAT with Address Dependent Mapping!",
	[NAT_MAPPING_APDM] = "NAT with Address and Port Dependent Mapping!",
};
static const char *const filtering_words[] = {
	[NAT_FILTERING_EIF] = "NAT with Endpoint Independent Filtering!",
	[NAT_FILTERING_ADF] = "NAT with Address Dependent Filtering!",
	[NAT_FILTERING_APDF] = "NAT with Address and Port Dependent Filtering!",
};
static const char hairpin_words[] = "Received a request (maybe a successful hairpinning)";

/* One NAT before the judge; a question is one run of the client. */
struct subject {
	struct nat nat;
	size_t node;
	struct question {
		pid_t pid;
		int out;
	} behaviour, hairpin;
};

static pid_t start(int netns, char *const argv[], int out)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	USERNS_CHECK(pid >= 0, "%m");
	if (pid)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	if (setns(netns, CLONE_NEWNET) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(1);
	(void)execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

static int new_output(void)
{
	int fd = memfd_create("output", MFD_CLOEXEC);

	USERNS_CHECK(fd >= 0, "%m");
	return fd;
}

static void read_output(int fd, char text[static OUTPUT_MAX])
{
	ssize_t n = pread(fd, text, OUTPUT_MAX - 1, 0);

	USERNS_CHECK(n >= 0, "%m");
	text[n] = '\0';
}

/* A binding request (RFC 5389, 6) until there is an answer. */
static void wait_for_stun(const struct world *world, size_t node, uint32_t host, pid_t server,
			  int out)
{
	static const uint8_t request[STUN_BYTES] = {0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42};
	uint64_t deadline = clock_now() + NET_PATIENCE_MS * NS_PER_MS;
	int fd = net_socket(world_netns(world, node), SOCK_DGRAM, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char text[OUTPUT_MAX];
	uint8_t answer[256];
	int status;

	net_begin(fd, host, STUN_PORT);
	for (;;) {
		(void)send(fd, request, sizeof(request), MSG_NOSIGNAL);
		if (poll(&p, 1, 20) > 0 && recv(fd, answer, sizeof(answer), 0) > STUN_BYTES)
			break;
		if (waitpid(server, &status, WNOHANG) == server) {
			if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
				userns_skip("turnserver (Debian's package coturn)");
			read_output(out, text);
			userns_fail(__FILE__, __LINE__, "the server ended: %s", text);
		}
		USERNS_CHECK(clock_now() < deadline, "no answer of the STUN server");
	}
	(void)close(fd);
}

static pid_t start_server(const struct world *world, size_t node)
{
	char *const argv[] = {(char[]){"turnserver"},
			      (char[]){"-n"},
			      (char[]){"--listening-ip=203.0.113.80"},
			      (char[]){"--listening-ip=203.0.113.81"},
			      (char[]){"--stun-only"},
			      (char[]){"--no-tls"},
			      (char[]){"--no-dtls"},
			      (char[]){"--no-cli"},
			      (char[]){"--userdb=/tmp/turndb"},
			      (char[]){"--pidfile=/tmp/turn.pid"},
			      (char[]){"--log-file=stdout"},
			      NULL};
	int out = new_output();
	pid_t pid;

	/* It insists on files of its own. */
	USERNS_CHECK(mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0, "%m");
	pid = start(world_netns(world, node), argv, out);
	wait_for_stun(world, node, WORLD_SEED_ADDR, pid, out);
	wait_for_stun(world, node, SECOND_ADDR, pid, out);
	return pid;
}

static void ask(const struct world *world, size_t node, const char *what, struct question *question)
{
	char *const argv[] = {(char[]){"turnutils_natdiscovery"}, strdup(what),
			      (char[]){"203.0.113.80"}, NULL};

	question->out = new_output();
	question->pid = start(world_netns(world, node), argv, question->out);
	free(argv[1]);
}

static void hear(const struct question *question, uint64_t deadline, char text[static OUTPUT_MAX])
{
	int status;

	while (waitpid(question->pid, &status, WNOHANG) == 0) {
		USERNS_CHECK(clock_now() < deadline, "the judge does not come to an end");
		(void)poll(NULL, 0, 10);
	}
	USERNS_CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 127, "status %#x", status);
	read_output(question->out, text);
	(void)close(question->out);
}

static void declare(struct nat *nat, size_t i)
{
	*nat = *world_preset(i < PAIRS ? "full-cone" : "hairpin-none");
	if (i == PAIRS)
		return;
	nat->udp.mapping = (enum nat_mapping)(i % NAT_MAPPING_NONE);
	nat->udp.filtering = (enum nat_filtering)(i / NAT_MAPPING_NONE);
}

static void check_behaviour(const struct subject *s, const char *text)
{
	const char *mapping = nat_mapping_names[s->nat.udp.mapping];
	const char *filtering = nat_filtering_names[s->nat.udp.filtering];

	USERNS_CHECK(strstr(text, mapping_words[s->nat.udp.mapping]), "%s, %s: %s", mapping,
		     filtering, text);
	USERNS_CHECK(strstr(text, filtering_words[s->nat.udp.filtering]), "%s, %s: %s", mapping,
		     filtering, text);
}

static void judge(void *arg)
{
	struct subject subjects[SUBJECTS] = {0};
	char text[OUTPUT_MAX];
	struct world world;
	uint64_t deadline;
	size_t server;
	pid_t pid;

	(void)arg;
	world_init(&world);
	for (size_t i = 0; i < SUBJECTS; i++) {
		declare(&subjects[i].nat, i);
		subjects[i].node = world_add_function(&world, &subjects[i].nat);
	}
	server = world_add_host(&world, "stun", WORLD_SEED_ADDR);
	world_add_host_addr(&world, server, SECOND_ADDR);
	world_apply(&world);
	pid = start_server(&world, server);
	for (size_t i = 0; i < SUBJECTS; i++) {
		ask(&world, subjects[i].node, "-mf", &subjects[i].behaviour);
		ask(&world, subjects[i].node, "-H", &subjects[i].hairpin);
	}
	deadline = clock_now() + JUDGING_S * NS_PER_S;
	for (size_t i = 0; i < SUBJECTS; i++) {
		const struct subject *s = &subjects[i];
		bool hairpin = s->nat.udp.hairpin != NAT_HAIRPIN_OFF;

		hear(&s->behaviour, deadline, text);
		check_behaviour(s, text);
		hear(&s->hairpin, deadline, text);
		USERNS_CHECK(!!strstr(text, hairpin_words) == hairpin, "subject %zu: %s", i, text);
	}
	(void)kill(pid, SIGKILL);
	world_expect_packets(&world, 0, TOPO_COUNTER_LEAK, 0);
	world_done(&world);
}

Test(judge, agrees_with_every_declaration)
{
	userns_test(judge, NULL, TIMEOUT_MS);
}
