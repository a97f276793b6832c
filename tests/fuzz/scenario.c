/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario: whatever the text is, there are errors, sorted and each with its
 * place, or there is a plan that topo would build, and that prints as JSON.
 */
#include "tests/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "lab/plan.h"
#include "tests/fuzz/file.h"
#include "topo/topo_check.h"

#include <errno.h>
#include <jansson.h>

#define FILE_NAME "t.yaml"
/* Larger ones are the same code, only slower. */
#define PRINTED_MAX 64

static void check_place(const char *text, struct where at, struct where inner, size_t len)
{
	char place[64];

	FUZZ_CHECK(!strchr(text, '\n'));
	FUZZ_CHECK(at.line >= 1 && at.line <= len + 1 && at.column >= 1 && at.column <= len + 1);
	if (inner.line)
		return; /* it is named by that file's name */
	(void)snprintf(place, sizeof(place), "%s:%u:%u: ", FILE_NAME, at.line, at.column);
	FUZZ_CHECK(strncmp(text, place, strlen(place)) == 0 && text[strlen(place)]);
}

static void check_errors(const struct scenario_errors *errors, size_t len)
{
	FUZZ_CHECK(errors->n > 0 && errors->n <= SCENARIO_ERRORS_MAX);
	for (size_t i = 0; i < errors->n; i++) {
		struct where at = errors->at[i];

		check_place(errors->text[i], at, errors->inner[i], len);
		FUZZ_CHECK(i == 0 || errors->at[i - 1].line < at.line ||
			   (errors->at[i - 1].line == at.line &&
			    errors->at[i - 1].column <= at.column));
	}
}

static void check_printed(const struct plan *plan)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *json;

	FUZZ_CHECK(out);
	FUZZ_CHECK(plan_print_json(plan, out) == 0 && fclose(out) == 0);
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	FUZZ_CHECK(json);
	json_decref(json);
	free(text);
	text = NULL;
	out = open_memstream(&text, &len);
	FUZZ_CHECK(out);
	plan_print(plan, out);
	FUZZ_CHECK(fclose(out) == 0 && len > 0);
	free(text);
}

static void check_plan(const struct scenario *scenario)
{
	struct topo_index index;
	struct plan *plan;
	struct error err = {0};
	int r = plan_make(scenario, &plan, &err);

	if (r < 0) {
		FUZZ_CHECK(r == -EINVAL && err.text[0]);
		return;
	}
	if (topo_check(&plan->spec, &index, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		FUZZ_CHECK(!"what is planned can be built");
	}
	topo_index_done(&index);
	if (plan->n_nodes <= PRINTED_MAX)
		check_printed(plan);
	plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = file_split(data, size);
	cleanup_free uint8_t *text = fuzz_copy(data, len);
	struct scenario *scenario = NULL;
	struct scenario_errors errors;
	int r;

	r = scenario_read((const char *)text, len, FILE_NAME, &scenario, &errors);
	FUZZ_CHECK(r == 0 || (r == -EINVAL && !scenario));
	if (r < 0)
		check_errors(&errors, len);
	else
		check_plan(scenario);
	scenario_free(scenario);
	scenario_errors_free(&errors);
	return 0;
}
