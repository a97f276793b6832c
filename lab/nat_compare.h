/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the comparison of a NAT's declaration with what was measured of it:
 * pure functions, which also know what can't be told apart from outside, and what can't
 * be measured. What was not measured is never a difference.
 */
#ifndef LAB_NAT_COMPARE_H
#define LAB_NAT_COMPARE_H

#include "lab/nat_json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAT_DIFFERENCES_MAX 32
#define NAT_DIFFERENCE_MAX  96

/** struct nat_differences - sentences: "mapping (tcp): declared eim, measured apdm" */
struct nat_differences {
	char text[NAT_DIFFERENCES_MAX][NAT_DIFFERENCE_MAX];
	size_t n;
};

/**
 * nat_compare() - what differs
 * @grain_s: how far apart the silences were by which timeouts were measured
 * @ret_differences: in the order of the table of keys
 */
void nat_compare(const struct nat *declared, const struct nat_part *measured, uint32_t grain_s,
		 struct nat_differences *ret_differences);

/** struct nat_missing - names: "conflict (udp)" */
struct nat_missing {
	const char *text[NAT_DIFFERENCES_MAX];
	size_t n;
};

/**
 * nat_missing() - what should have been measured, and was not
 * @declared: what can be measured depends on it
 * @quick: mapping, filtering, allocation, hairpinning and the answer to a SYN alone
 */
void nat_missing(const struct nat *declared, const struct nat_part *measured, bool quick,
		 struct nat_missing *ret_missing);

#endif
