/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the limits of this machine and this user, held against what a
 * plan needs. Most are shared with others, and how much of them is taken nobody
 * tells: what passes here may still be refused by the kernel, later and in its
 * own words.
 */
#ifndef LAB_LIMITS_H
#define LAB_LIMITS_H

#include "base/error.h"
#include "lab/needs.h"

/**
 * limits_check() - may this user have so much?
 *
 * A limit that can't be read is none.
 *
 * Return: 0, or -ENOSPC with the limit and what would raise it in @err.
 */
int limits_check(const struct needs *needs, struct error *err);

#endif
