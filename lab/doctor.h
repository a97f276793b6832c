/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the doctor: what this kernel and this user can do. Each check
 * does the thing itself, in a lab that exists for that only, by the same code as
 * a run; where it fails, the kernel's words and what would help are kept.
 */
#ifndef LAB_DOCTOR_H
#define LAB_DOCTOR_H

#include <stddef.h>

#define DOCTOR_TEXT_MAX 512

/** enum doctor_status - what became of a check */
enum doctor_status {
	DOCTOR_UNTRIED, /* something that it needs is missing */
	DOCTOR_OK,
	DOCTOR_MISSING,
};

/**
 * struct doctor_finding - a check and what it found
 * @name: what was looked at
 * @need: what for
 * @detail: what was found, or what the kernel said
 * @remedy: what would help; "" unless missing
 */
struct doctor_finding {
	const char *name;
	const char *need;
	enum doctor_status status;
	char detail[DOCTOR_TEXT_MAX];
	char remedy[DOCTOR_TEXT_MAX];
};

/** struct doctor - all checks, in the order in which one needs another */
struct doctor {
	struct doctor_finding *findings;
	size_t n;
};

/** doctor_examine() - do all checks. Return: 0, or -errno; doctor_free() it then too. */
int doctor_examine(struct doctor *ret_doctor);
/** doctor_free() - zeroed is legal. */
void doctor_free(struct doctor *doctor);

#endif
