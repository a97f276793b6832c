/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a capture of what must not be on the public side: packets with a
 * private source. It reads the wire, and shares neither code nor data with the
 * rules that count and drop such packets.
 */
#ifndef TESTS_TOPO_CAPTURE_H
#define TESTS_TOPO_CAPTURE_H

#include <stdint.h>

/** capture_open() - begin to capture what arrives on any interface of @netns. Return: a descriptor. */
int capture_open(int netns);
/** capture_count() - how many packets were captured since the last call. */
uint64_t capture_count(int fd);

#endif
