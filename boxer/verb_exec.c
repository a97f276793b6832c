/* SPDX-License-Identifier: MIT */
#include "boxer/verbs.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "boxer/guest.h"
#include "boxer/local.h"
#include "boxer/node.h"
#include "boxer/sock.h"
#include "boxer/verb_local.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#define ANSWER_WAIT_S 5

static const char exec_usage[] =
	"usage: boxer exec [--id ID] -- PROGRAM [ARGUMENTS]\n\n"
	"Runs PROGRAM in this function so that its connections go through the node that\n"
	"is running here.\n\n"
	"  --id ID   which node, if several run here (default: BOXER_ID, or the only one)\n"
	"  --help    this text\n\n"
	"Exits as PROGRAM did; 125 no node answers, 126 PROGRAM can't be executed, 127 it\n"
	"was not found.\n";

static int ask_environment(const char *name, char *ret_text, size_t size, struct error *err)
{
	struct local_request request = {.version = LOCAL_VERSION, .op = LOCAL_ENV};
	char buf[sizeof(struct local_reply) + LOCAL_TEXT_MAX + 1];
	const struct timeval wait = {.tv_sec = ANSWER_WAIT_S};
	cleanup_close int fd = sock_connect_local(name);
	struct local_reply reply;
	ssize_t n;
	int r;

	if (fd < 0)
		return error_sys(err, -fd, "no node answers at @%s", name);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	r = sock_send_fds(fd, &request, sizeof(request), NULL, 0);
	if (r < 0)
		return error_sys(err, -r, "the node at @%s", name);
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	if (n < (ssize_t)sizeof(reply))
		return error_set(err, EPROTO, "the node at @%s gives no answer", name);
	(void)memcpy(&reply, buf, sizeof(reply));
	if (reply.version != LOCAL_VERSION)
		return error_set(err, EPROTO, "the node at @%s is of another version", name);
	if (reply.error)
		return error_sys(err, reply.error, "the node at @%s", name);
	buf[n] = '\0';
	(void)snprintf(ret_text, size, "%s", buf + sizeof(reply));
	return 0;
}

int verb_exec(int argc, char **argv)
{
	static const struct option options[] = {LOCAL_OPTIONS, {0}};
	struct local_line line = {.usage = exec_usage, .options = options, .has_program = true};
	char environment[LOCAL_TEXT_MAX + 1], name[64] = "";
	struct error err = {0};
	uint32_t number;
	int r, status = NODE_EXIT_FAILED;

	(void)local_next(&line, argc, argv);
	if (line.status != -1)
		return line.status;
	if (optind >= argc)
		return local_usage(argv[0], "-- PROGRAM is missing");
	r = local_find(line.id, &number, &err);
	if (r == 0) {
		(void)snprintf(name, sizeof(name), LOCAL_NAME_FMT, number);
		r = ask_environment(name, environment, sizeof(environment), &err);
	}
	if (r == 0) {
		guest_apply_environment(environment);
		status = guest_exec(argv + optind, &err);
	}
	(void)fprintf(stderr, "boxer exec: %s\n", err.text);
	return status;
}
