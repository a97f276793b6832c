/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/result.h"

#include "base/cleanup.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct result *result_new(const struct plan *plan, uint64_t now)
{
	struct result *result = calloc(1, sizeof(*result));

	if (!result)
		return NULL;
	result->plan = plan;
	result->began_ns = now;
	(void)clock_gettime(CLOCK_REALTIME, &result->started);
	result->steps = calloc(plan->scenario->n_steps + RESULT_OWN_STEPS, sizeof(*result->steps));
	result->nats = calloc(plan->n_nats + 1, sizeof(*result->nats));
	result->wires = calloc(plan->n_wires + 1, sizeof(*result->wires));
	if (!result->steps || !result->nats || !result->wires) {
		result_free(result);
		return NULL;
	}
	return result;
}

void result_free(struct result *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->n_steps; i++) {
		free(result->steps[i].values);
		free(result->steps[i].programs);
	}
	for (size_t i = 0; i < result->n_files; i++)
		free(result->files[i]);
	free(result->files);
	free(result->faults);
	free(result->nats);
	free(result->wires);
	free(result->steps);
	free(result->paths);
	free(result);
}

struct result_step *result_add_step(struct result *result, const char *name, uint64_t now)
{
	struct result_step *step = &result->steps[result->n_steps++];

	assert(result->n_steps <= result->plan->scenario->n_steps + RESULT_OWN_STEPS);
	(void)snprintf(step->name, sizeof(step->name), "%s", name);
	step->start_ns = now - result->began_ns;
	return step;
}

void result_end_step(struct result *result, struct result_step *step, enum verdict status,
		     const char *reason, uint64_t now)
{
	step->status = status;
	step->duration_ns = now - result->began_ns - step->start_ns;
	(void)snprintf(step->reason, sizeof(step->reason), "%s", reason ? reason : "");
}

/* @array of @n elements with room for one more, which is zeroed. Return: it, or NULL. */
static void *grow(void *array, size_t n, size_t size)
{
	char *grown = reallocarray(array, n + 1, size);

	if (grown)
		(void)memset(grown + n * size, 0, size);
	return grown;
}

struct result_program *result_add_program(struct result_step *step, const char *node,
					  char *const *argv)
{
	struct result_program *grown = grow(step->programs, step->n_programs, sizeof(*grown));

	if (!grown)
		return NULL;
	step->programs = grown;
	grown += step->n_programs++;
	*grown = (struct result_program){.node = node, .argv = argv, .code = -1};
	return grown;
}

int result_add_value(struct result_step *step, const struct result_value *value)
{
	struct result_value *grown = grow(step->values, step->n_values, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	step->values = grown;
	grown[step->n_values++] = *value;
	return 0;
}

struct result_path *result_add_path(struct result *result)
{
	struct result_path *grown = grow(result->paths, result->n_paths, sizeof(*grown));

	if (!grown)
		return NULL;
	result->paths = grown;
	return &grown[result->n_paths++];
}

struct result_fault *result_add_fault(struct result *result)
{
	struct result_fault *grown = grow(result->faults, result->n_faults, sizeof(*grown));

	if (!grown)
		return NULL;
	result->faults = grown;
	return &grown[result->n_faults++];
}

int result_add_file(struct result *result, const char *name)
{
	cleanup_free char *copy = strdup(name);
	char **grown = copy ? grow(result->files, result->n_files, sizeof(*grown)) : NULL;

	if (!grown)
		return -ENOMEM;
	result->files = grown;
	grown[result->n_files++] = take_ptr(copy);
	return 0;
}

void result_conclude(struct result *result, uint64_t now)
{
	enum verdict worst = *result->reason ? result->verdict : VERDICT_PASS;

	for (size_t i = 0; i < result->n_steps; i++)
		if (result->steps[i].status > worst)
			worst = result->steps[i].status;
	result->verdict = worst;
	result->duration_ns = now - result->began_ns;
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_PASS] = "pass",
		[VERDICT_SKIP] = "skip",
		[VERDICT_FAIL] = "fail",
		[VERDICT_ERROR] = "error",
	};

	return names[verdict];
}
