/* SPDX-License-Identifier: MIT */
/*
 * Interface for the reflector: the public side of a measurement, one process on
 * two addresses. It tells whoever asks how it sees him, and knocks at his door
 * from elsewhere when he asks it to; at nobody else's.
 */
#ifndef NATPROBE_REFLECT_H
#define NATPROBE_REFLECT_H

#include "base/addr.h"
#include "base/error.h"

/**
 * reflect() - serve until SIGTERM or SIGINT
 * @addrs: two addresses of this machine
 * @port: of its three ports the first
 *
 * Return: 0, or -errno with words.
 */
int reflect(const struct addr addrs[static 2], uint16_t port, struct error *err);

#endif
