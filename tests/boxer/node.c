/* SPDX-License-Identifier: MIT */
#include "tests/boxer/node.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void node_start(struct child *n, const struct cluster *c, const char *verb, const char *name, ...)
{
	const char *argv[NODE_ARGUMENTS_MAX] = {
		BOXER_PATH,  verb,	 "--seed",     c->text,	 "--key-file",
		CLUSTER_KEY, "--events", CHILD_EVENTS, "--name", name,
	};
	va_list ap;

	va_start(ap, name);
	for (size_t i = 10; i < NODE_ARGUMENTS_MAX - 1; i++) {
		argv[i] = va_arg(ap, const char *);
		if (!argv[i])
			break;
	}
	va_end(ap);
	child_start(n, argv, NULL);
}

void node_exec(struct child *n, ...)
{
	const char *argv[NODE_ARGUMENTS_MAX] = {BOXER_PATH, "exec"};
	va_list ap;

	va_start(ap, n);
	for (size_t i = 2; i < NODE_ARGUMENTS_MAX - 1; i++) {
		argv[i] = va_arg(ap, const char *);
		if (!argv[i])
			break;
	}
	va_end(ap);
	child_start(n, argv, NULL);
}

uint32_t node_id(struct child *n)
{
	json_t *event = child_event(n, "joined");
	json_int_t id = json_number(event, "id");

	json_decref(event);
	return (uint32_t)id;
}

void node_stop(struct child *n)
{
	child_signal(n, SIGTERM);
	node_check_end(n, 0, "");
}

void node_check_end(struct child *n, int status, const char *words)
{
	int got = child_end(n);

	USERNS_CHECK(got == status, "ended with %d, not %d\n%s\n%s", got, status, n->text,
		     child_errors(n));
	USERNS_CHECK(strstr(child_errors(n), words), "'%s' does not say '%s'", child_errors(n),
		     words);
}

void node_check_failed(struct child *n, const char *reason)
{
	json_t *event = child_event(n, "failed");
	char words[64];

	USERNS_CHECK(strcmp(json_text(event, "reason"), reason) == 0, "%s: %s\n%s",
		     json_text(event, "reason"), json_text(event, "text"), n->text);
	json_decref(event);
	(void)snprintf(words, sizeof(words), "(%s)", reason);
	node_check_end(n, 125, words);
}

const char *node_read_file(const char *path)
{
	static char text[16384];
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}
