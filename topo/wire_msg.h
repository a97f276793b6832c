/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the words between wires_run() and those that steer it: one
 * request and one answer, each one packet of a local socket between two processes
 * of one program, hence plain structs.
 */
#ifndef TOPO_WIRE_MSG_H
#define TOPO_WIRE_MSG_H

#include "topo/wire.h"

enum wire_op {
	WIRE_OP_SET = 1,
	WIRE_OP_STATS,
	WIRE_OP_RESTART,
};

/**
 * struct wire_request - see wires_set(), wires_stats() and wires_restart()
 * @serial: comes back in the answer, so that a late one is known
 */
struct wire_request {
	uint64_t serial;
	uint32_t op;
	int32_t end;
	uint64_t link;
	struct fate_spec spec;
};

/**
 * struct wire_answer - to a request
 * @code: 0 or -errno
 * @stats: to WIRE_OP_STATS
 */
struct wire_answer {
	uint64_t serial;
	int64_t code;
	struct wire_stats stats;
};

#endif
