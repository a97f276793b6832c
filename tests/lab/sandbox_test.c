/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 *	lab's pid 1 (uid 0) --- init of "fn0" (uid 0) --- program (uid 1000)
 *			        \_________ the sandbox __________/
 */
#include "tests/lab/helper.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(sandbox, .init = need_labs, .timeout = 120);

static struct outcome o;

Test(sandbox, programs_are_uid_1000_without_capabilities)
{
	HELPER(&o, "sandbox", "sh", "-c", "id -u; id -g; whoami; cat /proc/self/status");
	expect(&o, 0, "1000\n1000\nuser\n");
	expect(&o, 0, "\nUid:\t1000\t1000\t1000\t1000\n");
	expect(&o, 0, "\nGid:\t1000\t1000\t1000\t1000\n");
	expect(&o, 0,
	       "\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
	       "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
	       "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");
}

Test(sandbox, has_1024_descriptors_and_cannot_have_more)
{
	HELPER(&o, "sandbox", "sh", "-c",
	       "ulimit -Sn; ulimit -Hn; ulimit -Hc; lab-probe nofile 1025");
	expect(&o, 0, "1024\n1024\n0\nEPERM\n");
}

/* What a program tries, and what may become of it, depending on which wall it meets first. */
static const struct {
	const char *what, *on, *result;
} trials[] = {
	{"mount", "", "EPERM"},
	{"remount", "/etc", "EPERM"},
	{"remount", "/usr", "EPERM"},
	{"remount", "/proc/sys", "EPERM"},
	{"umount", "/proc", "EPERM"},
	{"umount", "/tmp", "EPERM"},
	{"link", "lo", "EPERM"},
	{"raw", "", "EPERM"},
	{"netns", "", "EPERM"},
	{"userns", "", "ENOSPC"},
	{"hostname", "elsewhere", "EPERM"},
	{"uid", "0", "EPERM EINVAL"},
	{"trace", "1", "EPERM"},
	{"getfd", "1", "EPERM"},
	{"rewrite", "/proc/sys/kernel/panic", "EROFS EACCES"},
	{"rewrite", "/proc/sys/vm/swappiness", "EROFS EACCES"},
	{"rewrite", "/proc/sys/net/ipv4/ip_forward", "EROFS EACCES"},
	{"create", "/x", "EROFS"},
	{"create", "/etc/x", "EROFS"},
	{"create", "/run/x", "EROFS"},
	{"create", "/dev/x", "EROFS"},
	{"create", "/usr/x", "EROFS"},
	{"create", "/var/x", "EROFS"},
	{"create", "/opt/x", "EROFS"},
	{"create", "/home/x", "EROFS"},
	{"create", "/var/task/x", "EROFS"},
	{"create", "/tmp/x", "allowed"},
	{"create", "/var/tmp/x", "allowed"},
	{"create", "/dev/shm/x", "allowed"},
};

Test(sandbox, programs_can_do_no_harm)
{
	static char script[8192];
	size_t used = 0;
	char *line = o.out;

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		used += (size_t)snprintf(script + used, sizeof(script) - used, "lab-probe %s %s\n",
					 trials[i].what, trials[i].on);
	HELPER(&o, "sandbox", "sh", "-c", script);
	cr_assert_eq(o.code, 0, "%s", o.out);
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		char *end = strchr(line, '\n');

		cr_assert_not_null(end, "%s", o.out);
		*end = '\0';
		cr_expect(*line && strstr(trials[i].result, line), "%s %s: %s", trials[i].what,
			  trials[i].on, line);
		line = end + 1;
	}
}

Test(sandbox, its_init_survives_its_programs)
{
	HELPER(&o, "sandbox", "sh", "-c",
	       "for i in $(seq 64); do kill -$i 1; done 2>/dev/null; lab-probe kill 1 >&2;"
	       "cat /proc/1/environ /proc/1/maps; ls /proc/1/fd; echo still here");
	expect(&o, 0, "still here");
	cr_expect(!strstr(o.out, "PATH="), "%s", o.out);
}

Test(sandbox, programs_see_nothing_of_the_users_environment)
{
	cr_assert(setenv("SECRET", "12345", 1) == 0);
	HELPER(&o, "sandbox", "sh", "-c", "env | sort | grep -v ^PWD; pwd");
	expect(&o, 0,
	       "HOME=/tmp\nLANG=C.UTF-8\nLD_LIBRARY_PATH=/opt/lib\n"
	       "PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	       "TERM=dumb\nTMPDIR=/tmp\n/var/task\n");
	cr_expect(!strstr(o.out, "SECRET"), "%s", o.out);
}

Test(sandbox, programs_may_have_more_environment_and_other_values)
{
	HELPER(&o, "fds", "sh", "-c", "echo $COLOUR $PATH $HOME");
	expect(&o, 0, "blue /opt/bin:/bin /tmp\n");
}

Test(sandbox, inherits_exactly_the_given_descriptors)
{
	HELPER(&o, "fds", "lab-probe", "fds");
	expect(&o, 0, "0 /dev/null\n1 pipe:[");
	expect(&o, 0, "\n3 pipe:[");
	expect(&o, 0, "\n4 /dev/null\n5 pipe:[");
	cr_expect(!strstr(o.out, "\n6 "), "%s", o.out);
	HELPER(&o, "sandbox", "lab-probe", "fds");
	expect(&o, 0, "\n2 pipe:[");
	cr_expect(!strstr(o.out, "\n3 "), "%s", o.out);
}

/* /dev/stdout must not be closed to them, only because a pipe has an owner. */
Test(sandbox, programs_may_open_the_labs_pipes_again)
{
	HELPER(&o, "fds", "sh", "-c", ": < /dev/fd/3 && echo opened");
	expect(&o, 0, "opened\n");
}

Test(sandbox, pins_programs_to_a_processor)
{
	HELPER(&o, "fds", "sh", "-c", "grep Cpus_allowed_list /proc/self/status");
	expect(&o, 0, "Cpus_allowed_list:\t0\n");
}

Test(sandbox, has_its_own_names_and_files)
{
	HELPER(&o, "sandbox", "sh", "-c",
	       "hostname; cat /etc/hostname /etc/boxlab-test /etc/deep/er/file /run/boxlab/test "
	       "/etc/resolv.conf; grep fn0 /etc/hosts; stat -c %a /etc/passwd; "
	       "getent passwd 1000; getent group 1000; getent hosts fn0; test -e /etc/ld.so.cache && echo those of the machine");
	expect(&o, 0,
	       "fn0\nfn0\nof the spec\ndeep\nin run\nnameserver 192.0.2.53\n127.0.1.1\tfn0\n444\n"
	       "user:x:1000:1000:");
	expect(&o, 0, "user:x:1000:\n127.0.1.1       fn0\nthose of the machine\n");
}

Test(sandbox, hides_homes_and_shows_only_its_own_processes_and_network)
{
	HELPER(&o, "sandbox", "sh", "-c",
	       "ls /home /root /run | sort -u | tr '\\n' ' '; echo; ls /sys/class/net; "
	       "ls -d /proc/[0-9]* | wc -l");
	expect(&o, 0, "/home: /root: /run: boxlab");
	expect(&o, 0, "\nlo\n");
}

Test(sandbox, has_shared_memory_devices_and_proc)
{
	HELPER(&o, "sandbox", "sh", "-c",
	       "echo a > /dev/null && head -c 8 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; "
	       "echo b > /dev/shm/x && cat /dev/shm/x; echo d | cat /dev/fd/0;"
	       "ls /dev | tr '\\n' ' '; stat -c %a /tmp /dev/shm; cat /proc/sys/kernel/hostname");
	expect(&o, 0, "8\n4\nb\nd\n");
	expect(&o, 0, "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ");
	expect(&o, 0, "1777\n1777\nfn0\n");
}

Test(sandbox, tells_exit_codes_signals_and_failed_execs_apart)
{
	HELPER(&o, "sandbox", "sh", "-c", "exit 42");
	expect(&o, 42, "");
	HELPER(&o, "sandbox", "sh", "-c", "kill -TERM $$");
	expect(&o, 128 + 15, "");
	HELPER(&o, "sandbox", "no-such-program");
	expect(&o, 127, "exec: ENOENT\n");
	HELPER(&o, "sandbox", "/etc");
	expect(&o, 127, "exec: EACCES\n");
}

Test(sandbox, reports_all_ends_however_late_they_are_read)
{
	HELPER(&o, "burst", "300");
	expect(&o, 0, "started 256, then EAGAIN\nended 256\n");
}

Test(sandbox, bounds_the_size_of_a_request)
{
	HELPER(&o, "large", "65000");
	expect(&o, 0, "65000\ntaken\n");
	HELPER(&o, "large", "65536");
	expect(&o, 0, "E2BIG\n");
}

Test(sandbox, dies_with_everything_in_it)
{
	HELPER(&o, "death", "sh", "-c", "setsid sleep 1000 & nohup sleep 1000 & echo; sleep 1000");
	expect(&o, 0, "event 1 of handle 0, then 0, signal ESRCH\nend of file: 0\n");
}

Test(sandbox, starts_quickly)
{
	char n[16];

	for (unsigned i = 4; i <= 64; i *= 16) {
		(void)snprintf(n, sizeof(n), "%u", test_count(i));
		HELPER(&o, "many", n);
		expect(&o, 0, " sandboxes: ms each:");
		(void)fputs(o.out, stderr);
	}
}

Test(sandbox, shows_the_task_even_below_a_closed_directory)
{
	char dir[] = "/tmp/boxlab test-XXXXXX";
	char task[64], command[256];

	cr_assert_not_null(mkdtemp(dir)); /* mode 700 */
	(void)snprintf(task, sizeof(task), "%s/my task", dir);
	cr_assert(mkdir(task, 0755) == 0 && chmod(task, 0755) == 0);
	(void)snprintf(command, sizeof(command), "echo from the task > '%s/file'", task);
	cr_assert(system(command) == 0);
	cr_assert(setenv("LAB_TASK", task, 1) == 0);
	HELPER(&o, "sandbox", "cat", "file");
	expect(&o, 0, "from the task\n");
	HELPER(&o, "sandbox", "lab-probe", "create", "/var/task/x");
	expect(&o, 0, "EROFS\n");
	/* One that is closed itself: root's programs have another uid, so words are due. */
	cr_assert(chmod(task, 0700) == 0);
	HELPER(&o, "sandbox", "cat", "file");
	if (strstr(o.out, "chmod"))
		expect(&o, 3, "my task has mode 0700");
	else
		expect(&o, 0, "from the task\n");
	(void)snprintf(command, sizeof(command), "rm -r '%s'", dir);
	cr_assert(system(command) == 0);
}

/* What is installed is found from where it lies, wherever DESTDIR has put it. */
Test(sandbox, finds_installed_programs)
{
	static const char script[] =
		"set -e; umask 022; p=\"$1/dest dir/usr\"; b=$(dirname \"$2\")\n"
		"chmod 755 \"$1\"; mkdir -p \"$p/bin\"; cd \"$p/bin\"\n"
		"mkdir -p " BOXLAB_BIN_TO_LIB " " BOXLAB_BIN_TO_LIBEXEC "\n"
		"cp \"$2\" boxlab; cp /bin/true boxer; ln -s boxer boxerd; cp /bin/true unrelated\n"
		"cp \"$b/lab-probe\" " BOXLAB_BIN_TO_LIBEXEC "/pingpong; cd " BOXLAB_BIN_TO_LIB "\n"
		"touch libboxer.so.0 libc.so; ln -s libboxer.so.0 libboxer.so; cd /\n"
		"\"$p/bin/boxlab\" sandbox sh -c 'echo $(ls /opt/bin) : $(ls /opt/lib); boxer && "
		"boxerd && pingpong fds | head -1'\n"
		"rm -r \"$1\"\n";
	char dir[] = "/tmp/boxlab-test-XXXXXX";

	cr_assert_not_null(mkdtemp(dir));
	COMMAND(&o, "sh", "-c", script, "sh", dir, helper_path("lab-helper"));
	expect(&o, 0, "boxer boxerd pingpong : libboxer.so libboxer.so.0\n0 /dev/null\n");
}
