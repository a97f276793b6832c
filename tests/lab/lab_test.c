/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 *	test --- front process --- lab's pid 1 --- inits --- programs
 *	 |	       \____ kill -9 takes all of it ____/
 *	 nsprobe: nothing of it is left
 */
#include "tests/lab/helper.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/nsprobe.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

/* It takes some 50 ms; but all the machine's namespaces are ended by one thread. */
#define GONE_MS 10000

TestSuite(lab, .init = need_labs, .timeout = 240);

static struct outcome o;

Test(lab, ends_with_the_code_of_its_body)
{
	HELPER(&o, "leave", "0");
	expect(&o, 0, "");
	HELPER(&o, "leave", "7");
	expect(&o, 7, "");
}

Test(lab, ends_with_that_code_even_where_ended_children_are_ignored)
{
	COMMAND(&o, "sh", "-c", "trap '' CHLD INT TERM; exec \"$0\" leave 7",
		helper_path("lab-helper"));
	expect(&o, 7, "");
}

Test(lab, is_uid_0_of_its_own_world)
{
	HELPER(&o, "pid1", "sh", "-c",
	       "id -u; id -g; ls /sys/class/net; ls -d /proc/[0-9]* | wc -w; pwd; umask");
	expect(&o, 0, " uids\n0\n0\nlo\n");
	expect(&o, 0, "\n/\n0022\n");
}

Test(lab, may_write_its_own_sysctls_and_no_global_one)
{
	HELPER(&o, "pid1", "sh", "-c",
	       "cd /opt/bin; for i in net/ipv4/ip_forward kernel/panic vm/swappiness fs/file-max; "
	       "do ./lab-probe rewrite /proc/sys/$i; done | sed s/EROFS/EACCES/");
	expect(&o, 0, " uids\nallowed\nEACCES\nEACCES\nEACCES\n");
}

Test(lab, sees_the_hosts_files_read_only)
{
	HELPER(&o, "pid1", "sh", "-c",
	       "for i in / /usr /etc /var /opt /opt/bin /dev /sys; do "
	       "/opt/bin/lab-probe create $i/boxlab-test; done | sort -u");
	expect(&o, 0, " uids\nEROFS\n");
}

Test(lab, makes_files_below_the_result_directory_only)
{
	char dir[] = "/tmp/boxlab-test-XXXXXX";
	char command[256];

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(command, sizeof(command), "mkdir %s/out && ln -s .. %s/out/up", dir, dir);
	cr_assert(system(command) == 0);
	(void)snprintf(command, sizeof(command), "%s/out", dir);
	cr_assert(setenv("LAB_OUT", command, 1) == 0);
	HELPER(&o, "files", "a", "b/c/d", "b/e", "a", "../x", "/tmp/x", "b/../../x", "./x", "b//x",
	       "b/", "..", "", "up/x", "up/new/x", "a/x");
	expect(&o, 0, "a: ok\nb/c/d: ok\nb/e: ok\nEEXIST: a: ");
	for (const char *const *refused =
		     (const char *const[]){"../x", "/tmp/x", "b/../../x", "./x", "b//x", "b/", "..",
					   "", NULL};
	     *refused; refused++) {
		(void)snprintf(command, sizeof(command), "\nEINVAL: %s: not a name below",
			       *refused);
		expect(&o, 0, command);
	}
	expect(&o, 0, "\nENOTDIR: up/x: ");
	expect(&o, 0, "\nENOTDIR: up/new/x: ");
	expect(&o, 0, "\nENOTDIR: a/x: ");
	(void)snprintf(command, sizeof(command),
		       "cd %s && find . -type f | sort | xargs echo && cat out/a && rm -r %s", dir,
		       dir);
	COMMAND(&o, "sh", "-c", command);
	expect(&o, 0, "./out/a ./out/b/c/d ./out/b/e\nhello");
}

Test(lab, without_a_result_directory_makes_no_files)
{
	HELPER(&o, "files", "a");
	expect(&o, 0, "ENOENT: a: the lab has no result directory\n");
}

Test(lab, an_id_is_taken_once)
{
	char line[64];
	pid_t first;
	int out;

	cr_assert(setenv("LAB_ID", helper_id(), 1) == 0);
	first = START(&out, "up", "0");
	cr_assert(wait_line(out, line, sizeof(line)));
	cr_expect_str_eq(line, helper_id());
	HELPER(&o, "leave", "0");
	expect(&o, 3, "is running already");
	cr_assert(kill(first, SIGTERM) == 0);
	cr_expect_eq(wait_code(first), 0);
	HELPER(&o, "leave", "0");
	expect(&o, 0, "");
	cr_assert(setenv("LAB_ID", "No/Id", 1) == 0);
	HELPER(&o, "leave", "0");
	expect(&o, 3, "is no id");
}

Test(lab, ends_gently_at_the_first_signal)
{
	static const int signals[] = {SIGINT, SIGTERM};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		char line[64];
		int out;
		pid_t front = START(&out, "up", "1");

		cr_assert(wait_line(out, line, sizeof(line)));
		cr_assert(kill(front, signals[i]) == 0);
		cr_expect_eq(wait_code(front), 0);
		(void)close(out);
	}
}

Test(lab, ends_at_once_at_the_second_signal)
{
	char line[64];
	int out;
	pid_t front = START(&out, "deaf", "x");

	cr_assert(wait_line(out, line, sizeof(line)));
	cr_assert(kill(front, SIGINT) == 0);
	/* Until it has been taken: two that wait at once are one. */
	for (;;) {
		char path[64], status[4096];
		cleanup_close int fd = -1;
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)front);
		fd = open(path, O_RDONLY);
		n = read(fd, status, sizeof(status) - 1);
		cr_assert_gt(n, 0);
		status[n] = '\0';
		if (strstr(status, "ShdPnd:\t0000000000000000"))
			break;
	}
	cr_assert(kill(front, SIGINT) == 0);
	cr_expect_eq(wait_code(front), 128 + SIGKILL);
	(void)close(out);
}

static pid_t only_child(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	cr_assert(f && fscanf(f, "%d", &child) == 1, "%s", path);
	(void)fclose(f);
	return child;
}

Test(lab, tells_when_its_pid_1_was_killed)
{
	char line[64];
	int out;
	pid_t front = START(&out, "deaf", "x");

	cr_assert(wait_line(out, line, sizeof(line)));
	cr_assert(kill(only_child(front), SIGKILL) == 0);
	cr_expect_eq(wait_code(front), 128 + SIGKILL);
	(void)close(out);
}

Test(lab, refuses_a_user_who_is_nobody)
{
	COMMAND(&o, "unshare", "-U", helper_path("lab-helper"), "leave", "0");
	expect(&o, 3, "is nobody in particular here");
}

Test(lab, names_the_sysctl_that_forbids_it)
{
	COMMAND(&o, "unshare", "-Ur", "sh", "-c",
		"echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" leave 0",
		helper_path("lab-helper"));
	expect(&o, 3, "user.max_user_namespaces is 0");
	COMMAND(&o, "unshare", "-Ur", "sh", "-c",
		"echo 0 > /proc/sys/user/max_net_namespaces && exec \"$0\" leave 0",
		helper_path("lab-helper"));
	expect(&o, 3, "raise the sysctls user.max_*_namespaces");
}

/* The body of a child: the helper's outcome becomes its own. */
static int become_helper(const char *mode, const char *arg1, const char *arg2, const char *arg3)
{
	(void)execl(helper_path("lab-helper"), "lab-helper", mode, arg1, arg2, arg3, NULL);
	return 125;
}

/* Around the lab: a user namespace with enough ids, in which no other one can be made. */
static int without_userns(void *arg)
{
	(void)arg;
	if (nsprobe_enter() < 0 || nsprobe_limit("user", 0) < 0)
		return 124;
	return become_helper("pid1", "sh", "-c", "id -u; /opt/bin/lab-probe create /x");
}

static int without_userns_in_sandbox(void *arg)
{
	(void)arg;
	if (nsprobe_enter() < 0 || nsprobe_limit("user", 0) < 0)
		return 124;
	return become_helper("sandbox", "sh", "-c", "id; lab-probe trace 1; lab-probe mount");
}

static bool may_be_wide(void)
{
	char text[256] = "";
	cleanup_close int fd = open("/proc/self/uid_map", O_RDONLY);

	(void)!read(fd, text, sizeof(text) - 1);
	return geteuid() == 0 && !strstr(text, "         1\n");
}

Test(lab, of_root_does_without_a_user_namespace_where_there_is_none)
{
	if (!may_be_wide())
		cr_skip_test("only for the machine's root");
	child_run(&o, without_userns, NULL);
	expect(&o, 0, " of 0 uids\n0\nEROFS\n");
	child_run(&o, without_userns_in_sandbox, NULL);
	expect(&o, 0, "uid=1000(user) gid=1000(user) groups=1000(user)\nEPERM\nEPERM\n");
}

/* For below: start "up N", its stdout in @ret_out. */
static pid_t start_up(const char *n, int *ret_out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(fds[1], STDOUT_FILENO);
		_exit(become_helper("up", n, NULL, NULL));
	}
	(void)close(fds[1]);
	*ret_out = fds[0];
	return pid;
}

/* The moment of a fault, not a wait for a state. */
static void moment(unsigned *seed, unsigned max_us)
{
	const struct timespec t = {.tv_nsec = (long)((unsigned)rand_r(seed) % max_us) * 1000};

	(void)nanosleep(&t, NULL);
}

enum phase { STARTING, RUNNING, ENDING, PHASES };

static int kill_once(enum phase phase, unsigned *seed)
{
	char line[64], left[256];
	uint64_t before;
	int out = -1;
	int r;
	pid_t front = start_up("4", &out);

	if (front < 0)
		return 124;
	if (phase == STARTING)
		moment(seed, 30000);
	else if (!wait_line(out, line, sizeof(line)))
		return 123;
	if (phase == ENDING)
		(void)kill(front, SIGTERM);
	if (phase != STARTING)
		moment(seed, 10000);
	(void)kill(front, SIGKILL);
	before = clock_now();
	(void)waitpid(front, NULL, 0);
	(void)close(out);
	r = nsprobe_none_left(GONE_MS, left, sizeof(left));
	if (r < 0)
		(void)printf("left: %s (%s)\n", left, strerror(-r));
	else
		(void)printf(" %u", (unsigned)((clock_now() - before) / NS_PER_MS));
	return r < 0 ? 1 : 0;
}

static int kill_often(void *arg)
{
	unsigned seed = (unsigned)clock_now();
	unsigned n = *(unsigned *)arg;
	int code = 0;

	if (nsprobe_enter() < 0)
		return 124;
	(void)printf("seed %u; gone after, in ms:", seed);
	for (unsigned i = 0; i < n && !code; i++)
		code = kill_once(i % 2 ? STARTING : (i / 2) % 2 ? RUNNING : ENDING, &seed);
	(void)putchar('\n');
	return code;
}

Test(lab, leaves_nothing_when_its_front_process_is_killed)
{
	unsigned n = test_count(32);

	child_run(&o, kill_often, &n);
	(void)fputs(o.out, stderr);
	expect(&o, 0, "seed");
}

static int end_once(void *arg)
{
	char left[256];
	int out, status;
	pid_t front;

	(void)arg;
	if (nsprobe_enter() < 0)
		return 124;
	front = start_up("4", &out);
	if (!wait_line(out, left, sizeof(left)) || kill(front, SIGTERM) < 0)
		return 123;
	(void)waitpid(front, &status, 0);
	if (nsprobe_none_left(GONE_MS, left, sizeof(left)) < 0)
		(void)printf("left: %s\n", left);
	return WIFEXITED(status) && !*left ? WEXITSTATUS(status) : 1;
}

Test(lab, leaves_nothing_when_it_ends)
{
	child_run(&o, end_once, NULL);
	expect(&o, 0, "");
}

/* The probe itself must see what is there. */
static int look_at_a_lab(void *arg)
{
	char left[256];
	int out;
	pid_t front;

	(void)arg;
	if (nsprobe_enter() < 0)
		return 124;
	front = start_up("4", &out);
	if (!wait_line(out, left, sizeof(left)))
		return 123;
	(void)nsprobe_none_left(0, left, sizeof(left));
	(void)printf("left: %s\n", left);
	(void)kill(front, SIGKILL);
	return 0;
}

Test(nsprobe, counts_the_namespaces_of_a_running_lab, .init = need_labs)
{
	child_run(&o, look_at_a_lab, NULL);
	/* Of each kind one for pid 1 and one for each of four machines. */
	expect(&o, 0, "5 net, 5 mnt, 5 pid, 5 uts, 5 ipc\n");
}
