/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 *	client ("lab-helper exec ...") --- @boxlab/UID/ID --- front process
 *	   \______________________________________________________ pid 1 --- fn0 fn1 fn2
 */
#include "tests/lab/helper.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/door_msg.h"
#include "lab/lab_name.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#define OTHER_UID 12345 /* of nobody here */

static struct outcome o;
static pid_t front;

static void start_lab(void)
{
	char line[64];
	int out;

	need_labs();
	cr_assert(setenv("LAB_ID", helper_id(), 1) == 0);
	front = START(&out, "up", "3");
	cr_assert(wait_line(out, line, sizeof(line)));
	(void)close(out);
}

TestSuite(door, .init = start_lab, .timeout = 120);
/* Those that start labs of their own. */
TestSuite(door_alone, .init = need_labs, .timeout = 120);

Test(door, gives_a_program_the_clients_stdin_and_stdout)
{
	COMMAND(&o, "sh", "-c",
		"echo hello | \"$0\" exec $1 fn1 -- sh -c 'hostname; cat; pwd; id -u'",
		helper_path("lab-helper"), helper_id());
	expect(&o, 0, "fn1\nhello\n/var/task\n1000\n");
	COMMAND(&o, "sh", "-c", "\"$0\" exec $1 fn1 sh -c 'echo out; echo err >&2' 2>/dev/null",
		helper_path("lab-helper"), helper_id());
	expect(&o, 0, "out\n");
	cr_expect(!strstr(o.out, "err"));
	COMMAND(&o, "sh", "-c", "\"$0\" exec $1 fn1 lab-probe fds <&- >/dev/null",
		helper_path("lab-helper"), helper_id());
	expect(&o, 0, "");
}

Test(door, passes_exit_codes_on)
{
	HELPER(&o, "exec", helper_id(), "fn0", "--", "sh", "-c", "exit 42");
	expect(&o, 42, "");
	HELPER(&o, "exec", helper_id(), "fn0", "sh", "-c", "kill -SEGV $$");
	expect(&o, 128 + SIGSEGV, "");
	HELPER(&o, "exec", helper_id(), "fn0", "no-such-program");
	expect(&o, 127, "boxlab: fn0: no-such-program: No such file or directory\n");
	HELPER(&o, "exec", helper_id(), "fn0", "/etc");
	expect(&o, 126, "boxlab: fn0: /etc: Permission denied\n");
}

Test(door, refuses_unknown_labs_and_machines_with_those_that_exist)
{
	HELPER(&o, "exec", helper_id(), "fn9", "true");
	expect(&o, 2, "no machine \"fn9\" is here; there is: fn0, fn1, fn2\n");
	HELPER(&o, "exec", "no-such-lab", "fn0", "true");
	expect(&o, 2, "no lab \"no-such-lab\" is running. Running: ");
	expect(&o, 2, helper_id());
	HELPER(&o, "down", "no-such-lab");
	expect(&o, 2, "no lab \"no-such-lab\" is running. Running: ");
	HELPER(&o, "exec", helper_id(), "fn0");
	expect(&o, 2, "usage: boxlab exec ");
	HELPER(&o, "exec", helper_id(), "fn0", "--");
	expect(&o, 2, "usage: boxlab exec ");
}

Test(door, takes_the_beginning_of_an_id)
{
	char longer[64], line[64];
	pid_t second;
	int out;

	(void)snprintf(longer, sizeof(longer), "%s-more", helper_id());
	cr_assert(setenv("LAB_ID", longer, 1) == 0);
	second = START(&out, "up", "1");
	cr_assert(wait_line(out, line, sizeof(line)));
	/* An id that is the beginning of another is still that one. */
	HELPER(&o, "exec", helper_id(), "fn2", "true");
	expect(&o, 0, "");
	longer[strlen(longer) - 3] = '\0';
	HELPER(&o, "exec", longer, "fn0", "true");
	expect(&o, 0, "");
	HELPER(&o, "exec", longer, "fn2", "true");
	expect(&o, 2, "there is: fn0\n");
	HELPER(&o, "exec", "t", "fn0", "true");
	expect(&o, 2, "which lab? Running: ");
	HELPER(&o, "down", longer);
	expect(&o, 0, "");
	cr_expect_eq(wait_code(second), 0);
}

/* In a network namespace of its own, where it is the only one. */
Test(door_alone, needs_no_id_when_there_is_one_lab)
{
	COMMAND(&o, "unshare", "-rn", "sh", "-c",
		"\"$0\" up 2 | { read id; \"$0\" exec - fn1 hostname; \"$0\" ls | tr -s ' '; \"$0\" down; "
		"echo down $?; \"$0\" ls; \"$0\" exec - fn0 true; echo $?; }",
		helper_path("lab-helper"));
	expect(&o, 0, "fn1\nLAB MACHINE ROLE INSIDE OUTSIDE\nlab-");
	expect(&o, 0, " fn0 function 10.0.0.2 203.1.0.1\nlab-");
	expect(&o, 0,
	       " fn1 function 10.0.0.3 203.1.0.1\ndown 0\nboxlab: no lab is running. "
	       "Running: none\n2\n");
}

Test(door, ls_shows_labs_and_forgets_them)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "%-12s  fn2 ", helper_id());
	HELPER(&o, "ls");
	expect(&o, 0, line);
	(void)snprintf(line, sizeof(line), "\"id\": \"%s\"", helper_id());
	HELPER(&o, "ls", "--json");
	expect(&o, 0, line);
	expect(&o, 0, "\"inside\": \"10.0.0.4\"");
	cr_assert(kill(front, SIGKILL) == 0);
	cr_assert_eq(wait_code(front), 128 + SIGKILL);
	HELPER(&o, "ls");
	cr_expect(o.code == 0 && !strstr(o.out, helper_id()), "%s", o.out);
}

Test(door_alone, lists_many_machines)
{
	char line[64];
	pid_t many;
	int out;

	cr_assert(setenv("LAB_ID", helper_id(), 1) == 0);
	many = START(&out, "up", "40");
	cr_assert(wait_line(out, line, sizeof(line)));
	COMMAND(&o, "sh", "-c", "\"$0\" ls | grep -c \"^$1 .* fn\"", helper_path("lab-helper"),
		helper_id());
	expect(&o, 0, "40\n");
	HELPER(&o, "down", helper_id());
	expect(&o, 0, "");
	cr_expect_eq(wait_code(many), 0);
}

Test(door, down_ends_the_lab_and_waits_for_it)
{
	HELPER(&o, "down", helper_id());
	expect(&o, 0, "");
	cr_expect_eq(waitpid(front, NULL, WNOHANG), front);
	HELPER(&o, "exec", helper_id(), "fn0", "true");
	expect(&o, 2, "no lab");
}

Test(door_alone, down_now_ends_a_lab_that_does_not_listen)
{
	char line[64];
	pid_t deaf;
	int out;

	cr_assert(setenv("LAB_ID", helper_id(), 1) == 0);
	deaf = START(&out, "deaf", "x");
	cr_assert(wait_line(out, line, sizeof(line)));
	HELPER(&o, "ls");
	expect(&o, 0, "  (busy)\n");
	HELPER(&o, "down", helper_id());
	expect(&o, 3, "is busy; --now kills it");
	HELPER(&o, "down", "--now", helper_id());
	expect(&o, 0, "");
	cr_expect_eq(wait_code(deaf), 128 + SIGKILL);
}

/* Until @command succeeds in fn0: each try is a program there. */
static void until(const char *command)
{
	uint64_t deadline = clock_now() + 10 * NS_PER_S;

	do {
		HELPER(&o, "exec", helper_id(), "fn0", "sh", "-c", command);
	} while (o.code != 0 && clock_now() < deadline);
	cr_assert_eq(o.code, 0, "never: %s", command);
}

Test(door, kills_the_program_of_a_client_who_has_gone)
{
	char line[64];
	int out;
	pid_t client = START(&out, "exec", helper_id(), "fn0", "sh", "-c",
			     "echo $$ >/tmp/polite; echo; exec sleep 1000");

	(void)wait_line(out, line, sizeof(line));
	cr_assert(kill(client, SIGKILL) == 0);
	until("! kill -0 $(cat /tmp/polite)");
	client = START(&out, "exec", helper_id(), "fn0", "sh", "-c",
		       "trap 'echo heard >>/tmp/heard' HUP TERM; echo $$ >/tmp/stubborn; echo; "
		       "while :; do sleep 0.1; done");
	(void)wait_line(out, line, sizeof(line));
	cr_assert(kill(client, SIGKILL) == 0);
	until("! kill -0 $(cat /tmp/stubborn)");
	HELPER(&o, "exec", helper_id(), "fn0", "cat", "/tmp/heard");
	expect(&o, 0, "heard\nheard\n");
}

Test(door, hands_the_clients_signals_on)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		char script[128], line[64];
		int out;
		pid_t client;

		(void)snprintf(script, sizeof(script),
			       "trap 'exit 77' %d; echo ready; while :; do sleep 0.01; done",
			       signals[i]);
		client = START(&out, "exec", helper_id(), "fn0", "sh", "-c", script);
		cr_assert(wait_line(out, line, sizeof(line)));
		cr_assert(kill(client, signals[i]) == 0);
		cr_expect_eq(wait_code(client), 77, "signal %d", signals[i]);
		(void)close(out);
	}
}

Test(door, tells_clients_when_the_lab_ends)
{
	char line[64];
	int out;
	pid_t client = START(&out, "exec", helper_id(), "fn0", "sh", "-c", "echo; sleep 1000");

	(void)wait_line(out, line, sizeof(line));
	HELPER(&o, "down", helper_id());
	expect(&o, 0, "");
	cr_assert(wait_line(out, line, sizeof(line)));
	cr_expect(strstr(line, "has ended"), "%s", line);
	cr_expect_eq(wait_code(client), 128 + SIGKILL);
}

/* The @n-th child of a process, or 0. */
static pid_t child_of(pid_t pid, int n)
{
	char path[64];
	int child = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	cr_assert_not_null(f);
	for (int i = 0; i <= n; i++)
		if (fscanf(f, "%d", &child) != 1)
			child = 0;
	(void)fclose(f);
	return child;
}

Test(door, tells_clients_when_their_machine_dies)
{
	char line[64];
	int out;
	pid_t client = START(&out, "exec", helper_id(), "fn1", "sh", "-c", "echo; sleep 1000");

	(void)wait_line(out, line, sizeof(line));
	cr_assert(kill(child_of(child_of(front, 0), 1), SIGKILL) == 0);
	cr_expect_eq(wait_code(client), 128 + SIGKILL);
	HELPER(&o, "exec", helper_id(), "fn1", "true");
	expect(&o, 2, "no machine \"fn1\"");
	HELPER(&o, "exec", helper_id(), "fn0", "true");
	expect(&o, 0, "");
}

Test(door, bounds_the_size_of_a_command)
{
	static char text[40001];

	(void)memset(text, 'x', sizeof(text) - 1);
	HELPER(&o, "exec", helper_id(), "fn0", "echo", text);
	expect(&o, 2, "echo: over 32768 bytes of arguments");
	text[30000] = '\0';
	HELPER(&o, "exec", helper_id(), "fn0", "sh", "-c", "echo ${#1}", "sh", text);
	expect(&o, 0, "30000\n");
}

/* A connection to a lab of @uid, or -1. */
static int knock(unsigned uid, const char *id)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "boxlab/%u/%s", uid, id);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

Test(door, outlives_nonsense_and_crowds)
{
	struct door_reply reply;
	struct door_head head = {.version = DOOR_VERSION + 1, .op = DOOR_LIST};
	int fds[70];
	char byte;
	int sock = knock(geteuid(), helper_id());

	cr_assert(send(sock, "?", 1, 0) == 1);
	cr_expect(recv(sock, &reply, sizeof(reply), 0) == sizeof(reply) &&
		  reply.what == DOOR_REFUSED && strstr(reply.text, "another version"));
	cr_assert(send(sock, &head, sizeof(head), 0) == sizeof(head));
	cr_expect(recv(sock, &reply, sizeof(reply), 0) == sizeof(reply) &&
		  reply.what == DOOR_REFUSED && strstr(reply.text, "another version"));
	head = (struct door_head){.version = DOOR_VERSION, .op = DOOR_SIGNAL, .signal = SIGKILL};
	cr_assert(send(sock, &head, sizeof(head), 0) == sizeof(head));
	cr_expect(recv(sock, &reply, sizeof(reply), 0) == sizeof(reply) &&
		  reply.what == DOOR_REFUSED);
	head = (struct door_head){.version = DOOR_VERSION, .op = DOOR_EXEC, .argc = 1};
	cr_assert(send(sock, &head, sizeof(head), 0) == sizeof(head));
	cr_expect(recv(sock, &reply, sizeof(reply), 0) == sizeof(reply) &&
		  reply.what == DOOR_REFUSED);
	(void)close(sock);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = knock(geteuid(), helper_id());
	/* The last is sent away: there is room for 64. */
	cr_expect_eq(read(fds[ARRAY_SIZE(fds) - 1], &byte, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
	HELPER(&o, "exec", helper_id(), "fn0", "echo", "still here");
	expect(&o, 0, "still here\n");
}

/* As somebody else, at the door of the test's user. */
static int knock_as_other(void *arg)
{
	unsigned *uid = arg;
	char byte;
	int sock;

	if (*uid != 0 || setresgid(OTHER_UID, OTHER_UID, OTHER_UID) < 0 ||
	    setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0)
		return 124;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	sock = knock(*uid, helper_id());
	if (sock < 0)
		return 123;
	return read(sock, &byte, 1) == 0 ? 0 : 1;
}

Test(door, is_closed_to_other_users)
{
	unsigned uid = geteuid();

	child_run(&o, knock_as_other, &uid);
	if (o.code == 124)
		cr_skip_test("only root can be somebody else");
	expect(&o, 0, "");
	COMMAND(&o, "setpriv", "--reuid=12345", "--regid=12345", "--clear-groups",
		helper_path("lab-helper"), "exec", helper_id(), "fn0", "true");
	cr_expect_neq(o.code, 0, "%s", o.out);
}

/* As somebody else, take a name of the test's user, and wait to be killed. */
static int pretend(const char *id, unsigned uid, int ready)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "boxlab/%u/%s", uid, id);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (uid != 0 || setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    bind(fd, (const struct sockaddr *)&addr,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0 ||
	    listen(fd, 8) < 0)
		return 1;
	(void)!write(ready, "", 1);
	while (pause() < 0)
		;
	return 0;
}

Test(door_alone, of_another_user_under_our_name_is_not_entered)
{
	const char *id = helper_id();
	unsigned uid = geteuid();
	int fds[2];
	char byte;
	pid_t pid;

	cr_assert(pipe(fds) == 0);
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		_exit(pretend(id, uid, fds[1]));
	}
	(void)close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		cr_skip_test("only root can be somebody else");
	HELPER(&o, "exec", id, "fn0", "true");
	expect(&o, 3, "is another user's");
	(void)kill(pid, SIGKILL);
	(void)wait_code(pid);
}

/*
 * A terminal: the test holds its far side, the client has it as its own and shows
 * the machine's terminal in it.
 */
struct tty {
	int master, slave;
	pid_t client;
	struct termios before;
	char seen[65536];
	size_t n;
};

static struct tty tty;

static void open_tty(const char *verb)
{
	const struct winsize size = {.ws_row = 33, .ws_col = 99};
	int unlock = 0;

	tty.master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert(tty.master >= 0 && ioctl(tty.master, TIOCSPTLCK, &unlock) == 0);
	tty.slave = ioctl(tty.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert(tty.slave >= 0 && ioctl(tty.master, TIOCSWINSZ, &size) == 0);
	cr_assert(tcgetattr(tty.slave, &tty.before) == 0);
	tty.client = fork();
	if (tty.client > 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	(void)ioctl(tty.slave, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		(void)dup2(tty.slave, i);
	(void)setenv("TERM", "dumb", 1);
	if (strcmp(verb, "shell") == 0)
		(void)execl(helper_path("lab-helper"), "lab-helper", "shell", helper_id(), "fn1",
			    NULL);
	else
		(void)execl(helper_path("lab-helper"), "lab-helper", "exec", "--tty", helper_id(),
			    "fn1", "sh", "-c", "tty; stty size; exit 9", NULL);
	_exit(125);
}

static void type(const char *text)
{
	cr_assert_eq(write(tty.master, text, strlen(text)), (ssize_t)strlen(text));
}

/* Until @text is shown; then all that was before is forgotten. */
static void until_shown(const char *text)
{
	uint64_t deadline = clock_now() + 20 * NS_PER_S;
	struct pollfd p = {.fd = tty.master, .events = POLLIN};
	char *found;

	while (!(found = strstr(tty.seen, text))) {
		ssize_t n;

		cr_assert(clock_now() < deadline && tty.n < sizeof(tty.seen) - 1,
			  "never shown: \"%s\"; but:\n%s", text, tty.seen);
		if (poll(&p, 1, 100) <= 0)
			continue;
		n = read(tty.master, tty.seen + tty.n, sizeof(tty.seen) - 1 - tty.n);
		cr_assert(n > 0, "end of terminal, never shown: \"%s\"; but:\n%s", text, tty.seen);
		tty.n += (size_t)n;
		tty.seen[tty.n] = '\0';
	}
	found += strlen(text);
	tty.n -= (size_t)(found - tty.seen);
	(void)memmove(tty.seen, found, tty.n + 1);
}

static bool same_mode(void)
{
	struct termios now;

	return tcgetattr(tty.slave, &now) == 0 && now.c_lflag == tty.before.c_lflag &&
	       now.c_iflag == tty.before.c_iflag && now.c_oflag == tty.before.c_oflag;
}

Test(door, shell_has_a_terminal_with_job_control)
{
	const struct winsize size = {.ws_row = 44, .ws_col = 111};

	open_tty("shell");
	/* What is typed is shown too, so no expected text is typed as it is. */
	type("PS1=; echo s''tart; tty; stty size; id -un; hostname\r");
	until_shown("start\r\n/dev/pts/0\r\n33 99\r\nuser\r\nfn1\r\n");
	cr_expect(!same_mode());
	type("sleep 1000 & jobs | sed 's/^/jobs: /'\r");
	until_shown("jobs: [1]");
	type("kill %1; wait; sh -c 'echo be\"\"fore; exec sleep 1000'\r");
	until_shown("before\r\n");
	type("\003");
	until_shown("^C");
	type("\r echo th''en $?\r");
	until_shown("then ");
	type("echo loo''ping; until [ \"$(stty size)\" = \"44 111\" ]; do :; done; echo re''sized\r");
	/* Not while readline waits: it gets the size and sets it again. */
	until_shown("looping\r\n");
	cr_assert(ioctl(tty.master, TIOCSWINSZ, &size) == 0);
	until_shown("resized\r\n");
	type("test -w /dev/tty && test -O $(tty) && echo ow''ner\r");
	until_shown("owner\r\n");
	type("exit 5\r");
	cr_expect_eq(wait_code(tty.client), 5);
	cr_expect(same_mode());
}

Test(door, exec_can_have_a_terminal)
{
	open_tty("exec");
	until_shown("/dev/pts/0\r\n33 99\r\n");
	cr_expect_eq(wait_code(tty.client), 9);
	cr_expect(same_mode());
}

Test(door, a_shell_dies_with_its_terminal)
{
	open_tty("shell");
	type("echo $$ >/tmp/shell; echo re''ady\r");
	until_shown("ready\r\n");
	(void)close(tty.slave);
	(void)close(tty.master);
	(void)wait_code(tty.client);
	HELPER(&o, "exec", helper_id(), "fn1", "sh", "-c",
	       "for i in $(seq 500); do kill -0 $(cat /tmp/shell) || exit 0; sleep 0.01; done; "
	       "exit 1");
	expect(&o, 0, "");
}

Test(door, a_shell_takes_a_script_from_a_pipe)
{
	COMMAND(&o, "sh", "-c", "echo 'hostname; exit 4' | \"$0\" shell $1 fn2",
		helper_path("lab-helper"), helper_id());
	expect(&o, 4, "fn2\n");
}

Test(doctor, tells_what_this_machine_can_do)
{
	HELPER(&o, "doctor");
	cr_expect(o.code == 0 || o.code == 3, "%s", o.out);
	cr_expect((o.code == 3) == (strstr(o.out, "\nmissing ") != NULL), "%s", o.out);
	cr_expect(o.code || strstr(o.out, "numgen, hash, connlimit, limit, reject"), "%s", o.out);
	HELPER(&o, "doctor", "--json");
	cr_expect(strstr(o.out, o.code ? "\"ok\": false" : "\"ok\": true"), "%s", o.out);
}

Test(doctor, names_what_is_missing, .init = need_labs)
{
	COMMAND(&o, "unshare", "-Ur", "sh", "-c",
		"echo 0 > /proc/sys/user/max_user_namespaces; exec \"$0\" doctor",
		helper_path("lab-helper"));
	expect(&o, 3, "missing  user namespace");
	expect(&o, 3, "what helps: user.max_user_namespaces is 0: sysctl -w");
	expect(&o, 3, "untried  sandbox");
	COMMAND(&o, "unshare", "-Ur", "sh", "-c",
		"echo 3 > /proc/sys/user/max_net_namespaces; exec \"$0\" doctor",
		helper_path("lab-helper"));
	expect(&o, 3, "enough for 1 functions; the least is user.max_net_namespaces");
	expect(&o, 3, "ok       network namespace");
	expect(&o, 3, "missing  nftables NAT");
}
