/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/verbs.h"

#include "base/cleanup.h"
#include "lab/lab_name.h"
#include "lab/read_all.h"
#include "lab/run.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

int verb_check_id(const char *id)
{
	if (lab_name_valid(id))
		return 0;
	(void)fprintf(stderr, "boxlab: \"%s\" is no id: a-z, 0-9 and \"-\", at most %d\n", id,
		      LAB_ID_MAX);
	return RUN_MISUSED;
}

int verb_unable(const struct error *err)
{
	(void)fprintf(stderr, "boxlab: %s\n", err->text);
	/* Its id is another lab's; everything else is the machine's fault. */
	if (err->code == EADDRINUSE)
		return RUN_MISUSED;
	(void)fputs("\"boxlab doctor\" says what this machine and this user can do\n", stderr);
	return RUN_UNABLE;
}

ssize_t verb_read_file(const char *file, char *buf, size_t size)
{
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : read_all(fd, buf, size);
}

int verb_tell(const char *file, int r, struct scenario_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		(void)fprintf(stderr, "%s\n", errors->text[i]);
	if (errors->more)
		(void)fprintf(stderr, "%s: and %zu more errors\n", file, errors->more);
	if (r < 0 && !errors->n)
		(void)fprintf(stderr, "boxlab: %s: %s\n", file, strerror(-r));
	scenario_errors_free(errors);
	return r < 0 ? RUN_MISUSED : 0;
}

static int read_scenario(const char *file, struct scenario **ret_scenario)
{
	cleanup_free char *text = malloc(SCENARIO_SIZE_MAX + 1);
	struct scenario_errors errors = {0};
	ssize_t len = text ? verb_read_file(file, text, SCENARIO_SIZE_MAX + 1) : -ENOMEM;
	int r;

	if (len < 0) {
		(void)fprintf(stderr, "boxlab: %s: %s\n", file, strerror((int)-len));
		return RUN_MISUSED;
	}
	r = scenario_read(text, (size_t)len, file, ret_scenario, &errors);
	return verb_tell(file, r, &errors);
}

int verb_load(const char *file, struct verb_input *ret_input)
{
	cleanup_free char *copy = strdup(file);
	struct error err;
	int r;

	*ret_input = (struct verb_input){0};
	r = read_scenario(file, &ret_input->scenario);
	if (r)
		return r;
	if (plan_make(ret_input->scenario, &ret_input->plan, &err) < 0) {
		(void)fprintf(stderr, "boxlab: %s: %s\n", file, err.text);
		return RUN_MISUSED;
	}
	ret_input->dir = copy ? realpath(dirname(copy), NULL) : NULL;
	if (!ret_input->dir) {
		(void)fprintf(stderr, "boxlab: %s: %s\n", file, strerror(errno));
		return RUN_MISUSED;
	}
	return 0;
}

void verb_unload(struct verb_input *input)
{
	plan_free(input->plan);
	scenario_free(input->scenario);
	free(input->dir);
	*input = (struct verb_input){0};
}
