/* SPDX-License-Identifier: MIT */
/*
 * Interface for what is printed: the declaration of the NAT, and the evidence
 * that it rests on; both as JSON.
 */
#ifndef NATPROBE_DECLARE_H
#define NATPROBE_DECLARE_H

#include "scenarios/natprobe/probe.h"
#include "scenarios/natprobe/verdict.h"

#include <stdio.h>

/** declare() - print the declaration, one line. */
void declare(FILE *f, const struct verdict *v);
/** declare_absent() - print what is missing in it, one line each. */
void declare_absent(FILE *f, const struct probe *p, const struct verdict *v);
/** declare_evidence() - print all that was seen. */
void declare_evidence(FILE *f, const struct probe *p, const struct verdict *v);

#endif
