/* SPDX-License-Identifier: MIT */
/* Interface within mesh: the messages, and the two sides (see mesh.c). */
#ifndef SCENARIOS_MESH_H
#define SCENARIOS_MESH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define MESH_MAX      128 /* functions; each has as many connections, and 1,024 descriptors */
#define MESH_NAME_MAX 32

/** enum mesh_op - the first word of each connection to a server */
enum mesh_op {
	ORDER_READY = 0x6d657301, /* struct mesh_order; answered with the own number, 32 bits */
	ORDER_GO,		  /* the word alone; answered with a struct mesh_call each */
	ORDER_TELL,		  /* the word alone; answered with a struct mesh_visit each */
	ORDER_CALL,		  /* struct mesh_hello; answered with one */
};

/** struct mesh_order - there are @count, from @prefix0 on, who listen on @port */
struct mesh_order {
	uint32_t op;
	uint32_t count, timeout_s;
	uint16_t port;
	char prefix[MESH_NAME_MAX];
};

/** struct mesh_hello - what a caller says, and what it hears */
struct mesh_hello {
	uint32_t op;
	uint32_t caller, callee;
	uint64_t nonce;
};

/**
 * struct mesh_call - what came of a call
 * @error: errno, 0 when it was answered
 * @heard: the answer
 * @ns: from connect() to the answer
 */
struct mesh_call {
	int32_t error;
	struct mesh_hello sent, heard;
	uint64_t ns;
};

/** struct mesh_visit - a caller, as the callee has seen it; @times: how often */
struct mesh_visit {
	uint32_t times;
	uint64_t nonce;
};

/** mesh_resolve() - @prefix@number by its name. Return: 0, or -ENOENT. */
int mesh_resolve(const char *prefix, unsigned number, uint16_t port, struct sockaddr_in *ret);
/** mesh_serve() - listen for ever. Return: an exit status. */
int mesh_serve(uint16_t port);
/** mesh_conduct() - make them connect, judge, print. Return: an exit status. */
int mesh_conduct(const struct mesh_order *order);

#endif
