/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the comparison of a NAT's declaration with what was measured of it:
 * a pure function, which also knows what can't be told apart from outside. What was
 * not measured is never a difference.
 */
#ifndef LAB_NAT_COMPARE_H
#define LAB_NAT_COMPARE_H

#include "lab/nat_json.h"

#include <stddef.h>

#define NAT_DIFFERENCES_MAX 32
#define NAT_DIFFERENCE_MAX  96

/** struct nat_differences - sentences: "mapping (tcp): declared eim, measured apdm" */
struct nat_differences {
	char text[NAT_DIFFERENCES_MAX][NAT_DIFFERENCE_MAX];
	size_t n;
};

/** nat_compare() - @ret_differences: in the order of the table of keys. */
void nat_compare(const struct nat *declared, const struct nat_part *measured,
		 struct nat_differences *ret_differences);

#endif
