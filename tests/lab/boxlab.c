/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"
#include "tests/support/jsonschema.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

const char *boxlab_path(const struct boxlab *b, const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	return path;
}

void boxlab_open(struct boxlab *b, const char *scenario)
{
	FILE *f;

	*b = (struct boxlab){.dir = "/tmp/boxlab-test-XXXXXX"};
	/* Programs of a root's lab run as somebody else, and start in this directory. */
	cr_assert(mkdtemp(b->dir) && chmod(b->dir, 0755) == 0, "%s: %m", b->dir);
	f = fopen(boxlab_path(b, "scenario.yaml"), "we");
	cr_assert(f && fputs(scenario, f) >= 0 && fclose(f) == 0);
}

void boxlab_close(struct boxlab *b)
{
	struct outcome outcome;

	json_decref(b->results);
	COMMAND(&outcome, "rm", "-rf", b->dir);
	cr_assert_eq(outcome.code, 0, "%s", outcome.out);
}

void boxlab_load(struct boxlab *b)
{
	json_t *schema = json_load_file(SOURCE_DIR "/docs/results.schema.json", 0, NULL);
	json_error_t why;
	struct error err;

	cr_assert(schema);
	if (access(boxlab_path(b, "out/results.json"), F_OK) == 0) {
		b->results = json_load_file(boxlab_path(b, "out/results.json"), 0, &why);
		cr_assert(b->results, "%s: line %d", why.text, why.line);
		cr_assert_eq(jsonschema_check(schema, b->results, &err), 0, "%s", err.text);
	}
	json_decref(schema);
}

void boxlab_run(struct boxlab *b)
{
	char file[PATH_MAX], out[PATH_MAX];

	(void)strcpy(file, boxlab_path(b, "scenario.yaml"));
	(void)strcpy(out, boxlab_path(b, "out"));
	COMMAND(&b->ended, helper_path("boxlab"), "run", file, "--out", out);
	boxlab_load(b);
}

void boxlab_try(struct boxlab *b, const char *scenario)
{
	boxlab_open(b, scenario);
	boxlab_run(b);
}

pid_t boxlab_start(struct boxlab *b, int *ret_out)
{
	char program[PATH_MAX], file[PATH_MAX], out[PATH_MAX];
	int fds[2];
	pid_t pid;

	(void)strcpy(program, helper_path("boxlab"));
	(void)strcpy(file, boxlab_path(b, "scenario.yaml"));
	(void)strcpy(out, boxlab_path(b, "out"));
	cr_assert(pipe2(fds, O_CLOEXEC) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(fds[1], STDOUT_FILENO) >= 0 && dup2(fds[1], STDERR_FILENO) >= 0)
			(void)execl(program, program, "run", file, "--out", out, NULL);
		_exit(125);
	}
	(void)close(fds[1]);
	*ret_out = fds[0];
	return pid;
}

const json_t *boxlab_step(const struct boxlab *b, const char *name)
{
	const json_t *steps = json_object_get(b->results, "steps");
	const json_t *step = NULL;
	size_t i = 0;

	do
		step = json_array_get(steps, i++);
	while (step && strcmp(boxlab_text(step, "name"), name) != 0);
	cr_assert(step, "there is no step \"%s\":\n%s", name, b->ended.out);
	return step;
}

const char *boxlab_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void boxlab_expect_step(const struct boxlab *b, const char *name, const char *status,
			const char *reason)
{
	const json_t *step = boxlab_step(b, name);

	cr_expect_str_eq(boxlab_text(step, "status"), status, "%s:\n%s", name, b->ended.out);
	if (reason)
		cr_expect(strstr(boxlab_text(step, "reason"), reason),
			  "%s: expected \"%s\" in the reason, got \"%s\"", name, reason,
			  boxlab_text(step, "reason"));
	else
		cr_expect_str_empty(boxlab_text(step, "reason"));
}

void boxlab_expect(const struct boxlab *b, int code, const char *verdict)
{
	cr_assert(b->results, "there are no results:\n%s", b->ended.out);
	cr_expect_eq(b->ended.code, code, "code %d:\n%s", b->ended.code, b->ended.out);
	cr_expect_str_eq(boxlab_text(b->results, "verdict"), verdict, "%s", b->ended.out);
}
