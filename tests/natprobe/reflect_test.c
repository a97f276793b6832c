/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reflector among strangers, and the prober without a reflector. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "scenarios/natprobe/sock.h"
#include "scenarios/natprobe/wire.h"
#include "tests/natprobe/lab.h"
#include "tests/support/userns.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define PATIENCE_MS 60000
/* More than the reflector has places for. */
#define CROWD 1200
/* More than the answers by datagram that it keeps in mind. */
#define WAITING 4500

static struct addr reflector_at(uint16_t port)
{
	return addr_v4(0xcb007150U, port);
}

/* The outside alone. */
static void stand_alone(void)
{
	(void)lab_sh("exec 2>&1; ip link set lo up\n"
		     "ip addr add 203.0.113.80/32 dev lo; ip addr add 203.0.113.81/32 dev lo");
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

static int dial(void)
{
	struct addr any = addr_v4(INADDR_ANY, 0), at = reflector_at(3900);
	int fd = sock_connect_from(&any, &at);
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	USERNS_CHECK(fd >= 0, "%s", strerror(-fd));
	USERNS_CHECK(poll(&p, 1, 10000) == 1 && sock_error(fd) == 0, "no connection");
	return fd;
}

/* One question over TCP, one answer. */
static void ask(int fd, const struct wire_msg *question, struct wire_msg *ret_answer)
{
	uint8_t buf[WIRE_LEN];

	wire_encode(question, buf);
	USERNS_CHECK(send(fd, buf, sizeof(buf), MSG_NOSIGNAL) == sizeof(buf), "%m");
	USERNS_CHECK(readable(fd, 10000), "no answer");
	USERNS_CHECK(recv(fd, buf, sizeof(buf), MSG_WAITALL) == sizeof(buf), "%m");
	USERNS_CHECK(wire_decode(buf, sizeof(buf), ret_answer) == 0, "an odd answer");
	USERNS_CHECK(ret_answer->token == question->token, "an answer to something else");
}

static void must_still_reflect(void)
{
	struct wire_msg question = {.kind = WIRE_REFLECT, .token = 7}, answer;
	cleanup_close int fd = dial();
	struct addr own;

	ask(fd, &question, &answer);
	USERNS_CHECK(sock_local(fd, &own) == 0, "%m");
	USERNS_CHECK(answer.kind == WIRE_SEEN && addr_equal(&answer.addr, &own), "seen elsewhere");
}

static void expect_hung_up(int fd)
{
	char byte;

	USERNS_CHECK(readable(fd, 10000), "it is still there");
	USERNS_CHECK(recv(fd, &byte, 1, 0) <= 0, "it answers");
}

static void talk_nonsense(void *arg)
{
	static const enum wire_kind no_questions[] = {WIRE_SEEN, WIRE_DIALLED, WIRE_KNOCK};
	char noise[4096];

	(void)arg;
	stand_alone();
	(void)lab_reflect();
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 31 + 7);
	for (size_t len = WIRE_LEN; len <= sizeof(noise); len *= 4) {
		cleanup_close int fd = dial();

		USERNS_CHECK(send(fd, noise, len, MSG_NOSIGNAL) > 0, "%m");
		expect_hung_up(fd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no_questions); i++) {
		struct wire_msg msg = {.kind = no_questions[i]};
		cleanup_close int fd = dial();
		uint8_t buf[WIRE_LEN];

		wire_encode(&msg, buf);
		USERNS_CHECK(send(fd, buf, sizeof(buf), MSG_NOSIGNAL) == sizeof(buf), "%m");
		expect_hung_up(fd);
	}
	must_still_reflect();
}

Test(natprobe_reflector, hangs_up_on_nonsense)
{
	userns_test(talk_nonsense, NULL, PATIENCE_MS);
}

/* Send @len bytes of a question; then a proper one, whose answer must be the only one. */
static void must_be_ignored(int fd, const struct wire_msg *question, size_t len)
{
	struct wire_msg proper = {.kind = WIRE_REFLECT, .token = 99}, answer;
	uint8_t buf[2 * WIRE_ASK_LEN] = {0};
	struct addr at = reflector_at(3900), from;
	int n;

	wire_encode(question, buf);
	USERNS_CHECK(sock_send_to(fd, buf, len, &at) == 0, "%m");
	wire_encode(&proper, buf);
	USERNS_CHECK(sock_send_to(fd, buf, WIRE_ASK_LEN, &at) == 0, "%m");
	USERNS_CHECK(readable(fd, 10000), "no answer");
	n = sock_receive_from(fd, buf, sizeof(buf), &from);
	USERNS_CHECK(n == WIRE_LEN && wire_decode(buf, (size_t)n, &answer) == 0, "%d bytes", n);
	USERNS_CHECK(answer.token == 99, "the wrong question was answered: %zu bytes of kind %d",
		     len, question->kind);
}

static void try_to_amplify(void *arg)
{
	struct wire_msg reflect = {.kind = WIRE_REFLECT, .token = 1};
	struct wire_msg elsewhere = {.kind = WIRE_DIAL, .token = 2, .port = 53};
	struct wire_msg silent = {.kind = WIRE_DIAL, .token = 3, .spot = SPOT_SILENT};
	struct wire_msg knock = {.kind = WIRE_KNOCK, .token = 4};
	struct addr any = addr_v4(INADDR_ANY, 0);
	cleanup_close int fd = sock_bind(SOCK_DGRAM, &any);

	(void)arg;
	stand_alone();
	(void)lab_reflect();
	must_be_ignored(fd, &reflect, WIRE_LEN);
	must_be_ignored(fd, &reflect, WIRE_ASK_LEN - 1);
	must_be_ignored(fd, &reflect, WIRE_ASK_LEN + 1);
	must_be_ignored(fd, &elsewhere, WIRE_ASK_LEN);
	must_be_ignored(fd, &silent, WIRE_ASK_LEN);
	must_be_ignored(fd, &knock, WIRE_ASK_LEN);
}

Test(natprobe_reflector, sends_nobody_more_than_he_sent)
{
	userns_test(try_to_amplify, NULL, PATIENCE_MS);
}

static void dial_too_often(void *arg)
{
	struct wire_msg question = {.kind = WIRE_DIAL, .spot = SPOT_OTHER_ADDR, .wait_ms = 100};
	cleanup_close int fd = -1;
	unsigned busy = 0;

	(void)arg;
	stand_alone();
	/* Nobody answers on any of them. */
	(void)lab_sh("nft -f - 2>&1 <<'RULES'\n"
		     "table ip t { chain c { type filter hook input priority 0\n"
		     "tcp dport 1-100 drop\n}\n}\nRULES");
	(void)lab_reflect();
	fd = dial();
	for (uint32_t i = 0; i < 20; i++) {
		uint8_t buf[WIRE_LEN];

		question.token = i;
		question.port = (uint16_t)(1 + i);
		wire_encode(&question, buf);
		USERNS_CHECK(send(fd, buf, sizeof(buf), MSG_NOSIGNAL) == sizeof(buf), "%m");
	}
	for (int i = 0; i < 20; i++) {
		struct wire_msg answer;
		uint8_t buf[WIRE_LEN];

		USERNS_CHECK(readable(fd, 10000), "no answer");
		USERNS_CHECK(recv(fd, buf, sizeof(buf), MSG_WAITALL) == sizeof(buf), "%m");
		USERNS_CHECK(wire_decode(buf, sizeof(buf), &answer) == 0, "an odd answer");
		busy += answer.outcome == WIRE_BUSY;
		USERNS_CHECK(answer.outcome == WIRE_BUSY || answer.outcome == WIRE_TIMEOUT, "%s",
			     wire_outcome_names[answer.outcome]);
	}
	USERNS_CHECK(busy == 12, "busy %u times", busy);
	must_still_reflect();
}

Test(natprobe_reflector, has_few_dials_under_way_for_one_asker)
{
	userns_test(dial_too_often, NULL, PATIENCE_MS);
}

/* Those who sit there say nothing, or want an answer in two hours. */
static void crowd(void *arg)
{
	const bool *waits = arg;
	struct rlimit limit;
	int fds[CROWD];
	json_t *found;

	USERNS_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	if (limit.rlim_max < CROWD + 100)
		userns_skip("a limit of %d open files", CROWD + 100);
	stand_alone();
	(void)lab_reflect();
	limit.rlim_cur = CROWD + 100;
	USERNS_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	for (size_t i = 0; i < CROWD; i++) {
		struct wire_msg later = {.kind = WIRE_LATER, .wait_ms = WIRE_LATER_MAX_MS};
		uint8_t buf[WIRE_LEN];

		fds[i] = dial();
		wire_encode(&later, buf);
		USERNS_CHECK(!*waits || send(fds[i], buf, sizeof(buf), MSG_NOSIGNAL) > 0, "%m");
	}
	must_still_reflect();
	found = json_loads(lab_sh("natprobe probe --quick --local 203.0.113.81 " LAB_REFLECTOR), 0,
			   NULL);
	USERNS_CHECK(found, "no declaration");
	USERNS_CHECK(strcmp(lab_word(json_object_get(found, "tcp"), "mapping"), "none") == 0,
		     "mapping");
	json_decref(found);
	for (size_t i = 0; i < CROWD; i++)
		(void)close(fds[i]);
}

Test(natprobe_reflector, serves_others_while_a_thousand_sit_there_and_say_nothing)
{
	userns_test(crowd, &(bool){false}, PATIENCE_MS);
}

Test(natprobe_reflector, serves_others_while_a_thousand_wait_for_hours)
{
	userns_test(crowd, &(bool){true}, PATIENCE_MS);
}

/* Sends a question, and waits for the answer to it. */
static void ask_udp(int fd, const struct wire_msg *question)
{
	struct addr at = reflector_at(3900), from;
	uint8_t buf[WIRE_ASK_LEN] = {0};
	struct wire_msg answer;
	int n;

	wire_encode(question, buf);
	USERNS_CHECK(sock_send_to(fd, buf, sizeof(buf), &at) == 0, "%m");
	USERNS_CHECK(readable(fd, 10000), "no answer");
	n = sock_receive_from(fd, buf, sizeof(buf), &from);
	USERNS_CHECK(n == WIRE_LEN && wire_decode(buf, (size_t)n, &answer) == 0, "%d bytes", n);
	USERNS_CHECK(answer.token == question->token, "an answer to something else");
}

static void crowd_of_datagrams(void *arg)
{
	struct wire_msg never = {.kind = WIRE_LATER, .token = 1, .wait_ms = WIRE_LATER_MAX_MS};
	struct wire_msg soon = {.kind = WIRE_LATER, .token = 2, .wait_ms = 100};
	struct wire_msg now = {.kind = WIRE_REFLECT, .token = 3};
	struct addr at = reflector_at(3900), from;
	uint8_t buf[WIRE_ASK_LEN] = {0};
	int fd = -1;

	(void)arg;
	stand_alone();
	(void)lab_reflect();
	wire_encode(&never, buf);
	for (uint32_t i = 0; i < WAITING; i++) {
		/* No host may ask so often. */
		if (i % 1000 == 0) {
			from = addr_v4(INADDR_LOOPBACK + i / 1000, 0);
			fd = sock_bind(SOCK_DGRAM, &from);
			USERNS_CHECK(fd >= 0, "%s", strerror(-fd));
		}
		/* A queue takes some hundreds. */
		if (i % 100 == 0)
			ask_udp(fd, &now);
		USERNS_CHECK(sock_send_to(fd, buf, sizeof(buf), &at) == 0, "%m");
	}
	ask_udp(fd, &soon);
}

Test(natprobe_reflector, speaks_later_while_thousands_wait_for_hours)
{
	userns_test(crowd_of_datagrams, NULL, PATIENCE_MS);
}

static void end_it(void *arg)
{
	pid_t pid;
	int status;

	(void)arg;
	stand_alone();
	pid = lab_reflect();
	USERNS_CHECK(kill(pid, SIGTERM) == 0, "%m");
	USERNS_CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
			     WEXITSTATUS(status) == 0,
		     "status %x", status);
}

Test(natprobe_reflector, ends_when_it_is_told_to)
{
	userns_test(end_it, NULL, PATIENCE_MS);
}

/* ---- no reflector ---- */

static void expect_failure(int status, const char *words)
{
	const char *text;
	int r = lab_try(&text, "natprobe probe " LAB_REFLECTOR " 2>&1");

	USERNS_CHECK(r == status, "exit status %d: %s", r, text);
	USERNS_CHECK(strstr(text, words), "'%s' does not say '%s'", text, words);
}

static void ask_nobody(void *arg)
{
	(void)arg;
	expect_failure(1, "no way to 203.0.113.80: Network is unreachable");
	stand_alone();
	expect_failure(1, "no reflector answers at 203.0.113.80:3900: TCP: Connection refused");
}

Test(natprobe_prober, says_that_no_reflector_answers)
{
	userns_test(ask_nobody, NULL, PATIENCE_MS);
}

static void ask_the_dumb(void *arg)
{
	uint64_t began = clock_now();
	struct addr at = reflector_at(3900);
	int listener, udp;

	(void)arg;
	stand_alone();
	listener = sock_listen(&at);
	udp = sock_bind(SOCK_DGRAM, &at);
	USERNS_CHECK(listener >= 0 && udp >= 0, "%m");
	expect_failure(1, "TCP: Connection timed out; UDP: Connection timed out");
	USERNS_CHECK(clock_now() - began < 20 * NS_PER_S, "that took too long");
}

Test(natprobe_prober, has_a_deadline_for_one_that_says_nothing)
{
	userns_test(ask_the_dumb, NULL, PATIENCE_MS);
}

/* How many connections to the reflector stand? */
static unsigned count_connections(void)
{
	FILE *f = fopen("/proc/net/tcp", "re");
	char line[256];
	unsigned n = 0;

	USERNS_CHECK(f, "%m");
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "507100CB:0F3C 01") != NULL;
	(void)fclose(f);
	return n;
}

/* Waits until the lifetimes are being measured, then kills the reflector. */
static pid_t start_killer(pid_t victim)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent && count_connections() < 10)
			(void)poll(NULL, 0, 5);
		_exit(kill(victim, SIGKILL));
	}
	USERNS_CHECK(pid > 0, "%m");
	return pid;
}

static void lose_it(void *arg)
{
	const char *text;
	json_t *found;
	pid_t killer;
	int r, status;

	(void)arg;
	stand_alone();
	killer = start_killer(lab_reflect());
	r = lab_try(&text, "natprobe probe --lifetime 5 " LAB_REFLECTOR);
	USERNS_CHECK(r == 0, "exit status %d", r);
	USERNS_CHECK(waitpid(killer, &status, 0) == killer && status == 0, "the killer failed");
	found = json_loads(text, 0, NULL);
	USERNS_CHECK(found, "no declaration: %s", text);
	USERNS_CHECK(!json_object_get(found, "timeouts"), "%s", text);
	json_decref(found);
}

Test(natprobe_prober, says_what_it_knows_when_the_reflector_dies)
{
	userns_test(lose_it, NULL, PATIENCE_MS);
}

/* ---- the command line ---- */

static void misuse(void *arg)
{
	static const char *const wrong[] = {
		"",
		"probe",
		"probe 192.0.2.1",
		"probe 192.0.2.1 192.0.2.1",
		"probe 192.0.2.1 2001:db8::1",
		"probe 192.0.2.1 example.org",
		"probe 192.0.2.1:80 192.0.2.2",
		"probe --port 0 192.0.2.1 192.0.2.2",
		"probe --port 65534 192.0.2.1 192.0.2.2",
		"probe --local x 192.0.2.1 192.0.2.2",
		"probe --lifetime 0 192.0.2.1 192.0.2.2",
		"probe --patience -1 192.0.2.1 192.0.2.2",
		"probe --no-such-thing 192.0.2.1 192.0.2.2",
		"reflect --quick 192.0.2.1 192.0.2.2",
		"reflect",
		"measure 192.0.2.1 192.0.2.2",
	};
	const char *text;

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int r = lab_try(&text, "natprobe %s 2>&1", wrong[i]);

		USERNS_CHECK(r == 2 && *text, "'%s': exit status %d", wrong[i], r);
	}
	(void)lab_sh("natprobe --help | grep -q usage:\n"
		     "natprobe probe --version | grep -q natprobe");
	stand_alone();
	USERNS_CHECK(lab_try(&text, "timeout 20 '" NATPROBE "' reflect 192.0.2.1 192.0.2.2 2>&1") ==
				     1 &&
			     strstr(text, "cannot reflect: TCP 192.0.2.1:3900: Cannot assign"),
		     "%s", text);
}

Test(natprobe_prober, refuses_a_wrong_command_line)
{
	userns_test(misuse, NULL, PATIENCE_MS);
}
