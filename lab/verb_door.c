/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs that knock at a running lab's door: exec, shell, ls, down.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/door_client.h"
#include "lab/lab_name.h"
#include "lab/run.h"
#include "lab/verbs.h"

#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Of exec and shell, as shells have them. */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND	    127
#define EXIT_SIGNAL	    128

#define END_PATIENCE_MS 60000 /* for a lab that says it will end */

static const char exec_usage[] =
	"usage: boxlab exec [--tty] LAB MACHINE [--] COMMAND [ARGUMENT]...\n"
	"\n"
	"Run a command in a machine of a running lab, with this command's own stdin,\n"
	"stdout and stderr. LAB may be the beginning of an id, or \"-\" when only one\n"
	"lab is running.\n"
	"\n"
	"  --tty   give it a terminal of its own, as \"boxlab shell\" does\n"
	"\n"
	"Exit status: the command's own; 126 it can't be executed; 127 it was not found;\n"
	"128+n signal n killed it, 137 also when the lab ended meanwhile; 2 no such lab\n"
	"or machine; 3 the lab could not start it.\n";

static const char shell_usage[] =
	"usage: boxlab shell LAB MACHINE\n"
	"\n"
	"Open a shell in a machine of a running lab. LAB may be the beginning of an id,\n"
	"or \"-\" when only one lab is running. Exit status: see \"boxlab exec --help\".\n";

static const char ls_usage[] = "usage: boxlab ls [--json]\n"
			       "\n"
			       "List this user's running labs and their machines.\n"
			       "\n"
			       "  --json   the same for programs\n";

static const char down_usage[] =
	"usage: boxlab down [--now] [LAB]\n"
	"\n"
	"End a running lab, and come back when it is gone. LAB may be the beginning of an\n"
	"id, or be left out when only one lab is running.\n"
	"\n"
	"  --now   do not ask it: kill it. Nothing of it will be left either\n"
	"\n"
	"Exit status: 0 it is gone; 2 no such lab; 3 it did not end.\n";

static int complain(const struct error *err)
{
	(void)fprintf(stderr, "boxlab: %s\n", err->text);
	switch (err->code) {
	case ENOENT:
	case ENOTUNIQ:
	case EINVAL:
	case E2BIG:
		return RUN_MISUSED;
	case ECONNRESET:
		return EXIT_SIGNAL + SIGKILL;
	default:
		return RUN_UNABLE;
	}
}

/** open_lab() - "-" is the only one */
static int open_lab(const char *id, struct door_lab *ret_lab, struct error *err)
{
	return door_open(id && strcmp(id, "-") == 0 ? NULL : id, ret_lab, err);
}

/** have_standard_fds() - so that nothing else gets the numbers 0 to 2 */
static void have_standard_fds(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd < 3)
		fd = dup(fd);
	if (fd >= 0)
		(void)close(fd);
}

static int run_there(const char *id, const struct door_order *order)
{
	cleanup_close int sock = -1;
	struct door_lab lab;
	int exec_error, status;
	struct error err;

	have_standard_fds();
	if (open_lab(id, &lab, &err) < 0)
		return complain(&err);
	sock = lab.sock;
	if (door_exec(&lab, order, &exec_error, &status, &err) < 0)
		return complain(&err);
	if (exec_error) {
		(void)fprintf(stderr, "boxlab: %s: %s: %s\n", order->node, order->argv[0],
			      strerror(exec_error));
		return exec_error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
}

int verb_exec(int argc, char **argv)
{
	static const struct option options[] = {
		{"tty", no_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct door_order order = {0};
	int opt;

	/* "+": what comes after LAB is the command's. */
	while ((opt = getopt_long(argc, argv, "+th", options, NULL)) != -1) {
		if (opt != 't')
			return verb_usage(exec_usage, opt == 'h');
		order.tty = true;
	}
	argv += optind;
	argc -= optind;
	if (argc < 3)
		return verb_usage(exec_usage, false);
	order.node = argv[1];
	order.argv = &argv[2];
	if (strcmp(argv[2], "--") == 0)
		order.argv++;
	if (!order.argv[0])
		return verb_usage(exec_usage, false);
	return run_there(argv[0], &order);
}

int verb_shell(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
	static char sh[] = "sh", c[] = "-c";
	static char script[] = "command -v bash >/dev/null && exec bash; exec sh";
	static char *const shell[] = {sh, c, script, NULL};
	/* A shell that is fed by a pipe wants no terminal: it would echo its input. */
	struct door_order order = {.argv = shell, .tty = isatty(STDIN_FILENO)};
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return verb_usage(shell_usage, opt == 'h');
	if (argc - optind != 2)
		return verb_usage(shell_usage, false);
	order.node = argv[optind + 1];
	return run_there(argv[optind], &order);
}

static json_t *describe(const struct door_node *node)
{
	char inside[ADDR_TEXT_MAX], external[ADDR_TEXT_MAX];

	return json_pack("{ss ss ss ss}", "name", node->name, "role", node->role, "inside",
			 addr_format_host(&node->inside, inside), "external",
			 addr_format_host(&node->external, external));
}

static void print_node(const char *id, const struct door_node *node)
{
	char inside[ADDR_TEXT_MAX], external[ADDR_TEXT_MAX];

	(void)printf("%-12s  %-12s  %-8s  %-15s  %s\n", id, node->name, node->role,
		     addr_format_host(&node->inside, inside),
		     addr_format_host(&node->external, external));
}

/**
 * list_lab() - print it, or append it to @labs
 *
 * Return: 0, or -errno: -EAGAIN when it is busy, -ECONNRESET when it has just ended.
 */
static int list_lab(const char *id, json_t *labs, struct error *err)
{
	struct door_node nodes[DOOR_NODES_MAX];
	cleanup_close int sock = -1;
	struct door_lab lab;
	json_t *machines;
	size_t first = 0;
	int n;

	n = door_open(id, &lab, err);
	if (n < 0)
		return n;
	sock = lab.sock;
	machines = json_array();
	while ((n = door_list(&lab, first, nodes, err)) > 0) {
		for (int i = 0; i < n; i++) {
			if (labs)
				(void)json_array_append_new(machines, describe(&nodes[i]));
			else
				print_node(id, &nodes[i]);
		}
		first += (size_t)n;
	}
	if (!labs && n == -EAGAIN)
		(void)printf("%-12s  (busy)\n", id);
	if (labs && (n == 0 || n == -EAGAIN))
		(void)json_array_append_new(labs, json_pack("{ss sb sO}", "id", id, "busy",
							    n == -EAGAIN, "machines", machines));
	json_decref(machines);
	return n;
}

static int list_all(bool json)
{
	cleanup_free struct lab_names *names = calloc(1, sizeof(*names));
	json_t *labs = json ? json_array() : NULL;
	struct error err = {.code = ENOMEM, .text = "out of memory"};
	int code = RUN_PASSED;
	int r;

	if (!names || lab_name_list(names, &err) < 0) {
		json_decref(labs);
		return complain(&err);
	}
	if (!json && names->n)
		(void)printf("%-12s  %-12s  %-8s  %-15s  %s\n", "LAB", "MACHINE", "ROLE", "INSIDE",
			     "OUTSIDE");
	for (size_t i = 0; i < names->n; i++) {
		r = list_lab(names->ids[i], labs, &err);
		/* One that has just ended is no longer to be listed. */
		if (r < 0 && r != -EAGAIN && r != -ECONNRESET && r != -ENOENT && r != -ECONNREFUSED)
			code = complain(&err);
	}
	if (json) {
		(void)json_dumpf(labs, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(labs);
	}
	return code;
}

int verb_ls(int argc, char **argv)
{
	bool json;
	int r = verb_only_json(argc, argv, ls_usage, 0, &json);

	return r >= 0 ? r : list_all(json);
}

/** front_of() - a pidfd of the lab's front process; -1 when it is not to be seen from here */
static int front_of(const struct door_lab *lab)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(lab->sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0)
		return -1;
	return pidfd_open(peer.pid, 0);
}

/** wait_until_gone() - pid 1 (which holds the other end of our socket), then the front process */
static int wait_until_gone(const struct door_lab *lab, int front, struct error *err)
{
	uint64_t deadline = clock_now() + END_PATIENCE_MS * NS_PER_MS;
	struct pollfd fds[] = {
		{.fd = lab->sock, .events = POLLRDHUP},
		{.fd = front, .events = POLLIN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		uint64_t now = clock_now();

		if (fds[i].fd >= 0 &&
		    poll(&fds[i], 1, deadline > now ? (int)((deadline - now) / NS_PER_MS) : 0) <= 0)
			return error_set(err, ETIMEDOUT,
					 "the lab \"%s\" has not ended; --now kills it", lab->id);
	}
	return 0;
}

static int end(const char *id, bool now)
{
	cleanup_close int sock = -1;
	cleanup_close int front = -1;
	struct door_lab lab;
	struct error err;
	int r;

	if (open_lab(id, &lab, &err) < 0)
		return complain(&err);
	sock = lab.sock;
	front = front_of(&lab);
	if (!now)
		r = door_end(&lab, &err);
	else if (front < 0 || pidfd_send_signal(front, SIGKILL, NULL, 0) < 0)
		r = error_set(&err, ESRCH, "the process of \"%s\" is not to be seen from here",
			      lab.id);
	else
		r = 0;
	if (r == -EAGAIN)
		(void)error_set(&err, EAGAIN, "the lab \"%s\" is busy; --now kills it", lab.id);
	if (!r)
		r = wait_until_gone(&lab, front, &err);
	return r < 0 ? complain(&err) : RUN_PASSED;
}

int verb_down(int argc, char **argv)
{
	static const struct option options[] = {
		{"now", no_argument, NULL, 'n'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool now = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt != 'n')
			return verb_usage(down_usage, opt == 'h');
		now = true;
	}
	if (argc - optind > 1)
		return verb_usage(down_usage, false);
	return end(argv[optind], now);
}
