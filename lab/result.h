/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for results: what a run has found, as plain data, and its form as
 * results.json (docs/results.schema.json). The result borrows names and command
 * lines from the plan, which must outlive it; what is made during the run, it
 * owns.
 */
#ifndef LAB_RESULT_H
#define LAB_RESULT_H

#include "base/error.h"
#include "lab/lab.h"
#include "lab/nat_compare.h"
#include "lab/plan.h"
#include "lab/proof.h"
#include "topo/wire.h"

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define RESULT_FILE	  "results.json"
#define RESULT_SCHEMA	  1
#define RESULT_OWN_STEPS  3 /* of the lab itself, before the scenario's: see lab/run */
#define RESULT_NAME_MAX	  128
#define RESULT_DETAIL_MAX 256
#define RESULT_WORD_MAX	  32

/** enum verdict - of a step and of the run; the worst of a run's steps is its own */
enum verdict {
	VERDICT_PASS,
	VERDICT_SKIP,  /* not tried: this machine can't, or an earlier step ended the run */
	VERDICT_FAIL,  /* an expectation failed */
	VERDICT_ERROR, /* the lab itself failed, or was ended */
};

/** struct result_value - a number that a program reported */
struct result_value {
	const char *label;
	const char *unit;
	double value;
};

/**
 * struct result_program - a program that a step started
 * @code: its exit code as a shell shows it, -1 when it never started
 * @out, @err: names of the files with its output; empty when there are none
 */
struct result_program {
	const char *node;
	char *const *argv;
	int code;
	char out[RESULT_NAME_MAX], err[RESULT_NAME_MAX];
};

/**
 * struct result_step - one step
 * @start_ns: since the run began
 * @reason: why it did not pass; empty when it did
 * @detail: what a person wants to know of it beyond its name; may be empty
 */
struct result_step {
	char name[RESULT_NAME_MAX];
	enum verdict status;
	uint64_t start_ns, duration_ns;
	char reason[ERROR_TEXT_MAX];
	char detail[RESULT_DETAIL_MAX];
	struct result_value *values;
	size_t n_values;
	struct result_program *programs;
	size_t n_programs;
};

/**
 * struct result_path - the way that one step's bytes took
 * @step: index of that step in struct result
 * @strategy: by what means Boxer made the connection; "none" without it
 * @sent, @received: what the program says it moved
 */
struct result_path {
	size_t step;
	const char *from, *to;
	uint16_t port;
	char strategy[RESULT_WORD_MAX];
	uint64_t sent, received;
	struct proof proof;
};

/**
 * struct result_fault - a NAT, a wire or a Boxer process that was changed
 * @step: index of that step in struct result
 * @nat, @wire, @member: the name of the one that was; the others are NULL
 * @what: in words
 * @at_ns, @undone_ns: since the run began; 0: it did not come to that
 */
struct result_fault {
	size_t step;
	const char *nat, *wire, *member;
	char what[RESULT_DETAIL_MAX];
	uint64_t at_ns, undone_ns;
};

/**
 * struct result_nat - what was measured of a NAT
 * @is_measured: else nobody tried, or it could not be
 */
struct result_nat {
	bool is_measured;
	struct nat_part measured;
	struct nat_differences differences;
};

/**
 * struct result_wire - what became of the packets of a wire
 * @is_counted: else nobody could say
 * @stats: indexed by enum scenario_way
 */
struct result_wire {
	bool is_counted;
	struct wire_stats stats[2];
};

/**
 * struct result - the whole run
 * @plan: what was built
 * @id: the lab's; empty when there was none
 * @verdict, @reason: result_conclude() sets the verdict; the reason is for what
 *	no step is to blame for, else empty
 * @started: by the wall clock, for people
 * @uids: how many uids are mapped in the lab; 0 when there was none
 * @steps: room for the scenario's and RESULT_OWN_STEPS more
 * @nats, @wires: parallel to plan.nats and plan.wires
 * @files: names in the result directory
 */
struct result {
	const struct plan *plan;
	char id[LAB_ID_MAX + 1];
	enum verdict verdict;
	char reason[ERROR_TEXT_MAX];
	struct timespec started;
	uint64_t began_ns, duration_ns;
	unsigned uids;
	struct result_step *steps;
	size_t n_steps;
	struct result_path *paths;
	size_t n_paths;
	struct result_fault *faults;
	size_t n_faults;
	struct result_nat *nats;
	struct result_wire *wires;
	char **files;
	size_t n_files;
};

/** result_new() - the result of a run of @plan that begins now. Return: it, or NULL (ENOMEM). */
struct result *result_new(const struct plan *plan, uint64_t now);
/** result_free() - NULL is legal. */
void result_free(struct result *result);
/** result_add_step() - the next step, begun now; there is room for every one. */
struct result_step *result_add_step(struct result *result, const char *name, uint64_t now);
/**
 * result_end_step() - its status and how long it took
 * @reason: NULL when it passed
 */
void result_end_step(struct result *result, struct result_step *step, enum verdict status,
		     const char *reason, uint64_t now);
/** result_add_program() - Return: it, or NULL (ENOMEM); valid until the next one is added. */
struct result_program *result_add_program(struct result_step *step, const char *node,
					  char *const *argv);
/** result_add_value() - Return: 0, or -ENOMEM. */
int result_add_value(struct result_step *step, const struct result_value *value);
/** result_add_path() - Return: it, zeroed, or NULL (ENOMEM); valid until the next one is added. */
struct result_path *result_add_path(struct result *result);
/** result_add_fault() - Return: it, zeroed, or NULL (ENOMEM); valid until the next one is added. */
struct result_fault *result_add_fault(struct result *result);
/** result_add_file() - a name is copied. Return: 0, or -ENOMEM. */
int result_add_file(struct result *result, const char *name);
/** result_conclude() - the run is over: its duration, and the worst of its steps. */
void result_conclude(struct result *result, uint64_t now);

/** verdict_name() - "pass", "skip", "fail", "error". */
const char *verdict_name(enum verdict verdict);
/** result_json() - the form of docs/results.schema.json. Return: a new reference, or NULL. */
json_t *result_json(const struct result *result);
/** result_write() - the same as text, or nothing. Return: 0, or -errno. */
int result_write(const struct result *result, int fd, struct error *err);

#endif
