/* SPDX-License-Identifier: MIT */
/*
 * Interface for a joiner: a program that takes part in a cluster by libboxer; the
 * test is that program. For use in the helper of tests/support/userns.
 */
#ifndef TESTS_BOXER_JOINER_H
#define TESTS_BOXER_JOINER_H

#include "boxer/boxer.h"
#include "tests/boxer/cluster.h"

/** joiner_options() - with which it joins; @c and @name must outlive them. */
struct boxer_options joiner_options(const struct cluster *c, const char *name);
/** joiner_join() - with a node of its own. */
struct boxer *joiner_join(const struct cluster *c, const char *name);
/** joiner_open() - by the node of member @id, which is there already. */
struct boxer *joiner_open(uint32_t id);

#endif
