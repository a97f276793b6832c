/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/doctor.h"
#include "lab/run.h"
#include "lab/verbs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: boxlab doctor [--json]\n"
	"\n"
	"Try what labs need of this kernel and this user, and say what would help where\n"
	"something is missing.\n"
	"\n"
	"  --json   the same for programs\n"
	"\n"
	"Exit status: 0 nothing is missing; 3 something is.\n";

static const char *const statuses[] = {
	[DOCTOR_UNTRIED] = "untried",
	[DOCTOR_OK] = "ok",
	[DOCTOR_MISSING] = "missing",
};

static void print(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];

		(void)printf("%-8s %-18s %s\n", statuses[finding->status], finding->name,
			     finding->detail);
		if (finding->status == DOCTOR_MISSING)
			(void)printf("%-8s %-18s needed for: %s\n", "", "", finding->need);
		if (*finding->remedy)
			(void)printf("%-8s %-18s what helps: %s\n", "", "", finding->remedy);
	}
}

static int print_json(const struct doctor *doctor, bool ok)
{
	json_t *checks = json_array();
	json_t *root;
	int r;

	for (size_t i = 0; i < doctor->n; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];

		(void)json_array_append_new(
			checks, json_pack("{ss ss ss ss ss}", "name", finding->name, "need",
					  finding->need, "status", statuses[finding->status],
					  "detail", finding->detail, "remedy", finding->remedy));
	}
	root = json_pack("{sb so}", "ok", ok, "checks", checks);
	r = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;
	json_decref(root);
	(void)putchar('\n');
	return r;
}

int verb_doctor(int argc, char **argv)
{
	cleanup_with(doctor_free) struct doctor doctor = {0};
	bool ok = true, json;
	int r = verb_only_json(argc, argv, usage, 0, &json);

	if (r >= 0)
		return r;
	r = doctor_examine(&doctor);
	if (r < 0) {
		(void)fprintf(stderr, "boxlab: %s\n", strerror(-r));
		return RUN_UNABLE;
	}
	for (size_t i = 0; i < doctor.n; i++)
		ok = ok && doctor.findings[i].status == DOCTOR_OK;
	if (json)
		(void)print_json(&doctor, ok);
	else
		print(&doctor);
	return ok ? RUN_PASSED : RUN_UNABLE;
}
