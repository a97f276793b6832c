/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the init of a sandbox: its pid 1, and the messages that it and
 * the lab's pid 1 send each other over a SOCK_SEQPACKET socket. Both are one
 * program, so the messages are structs in host byte order.
 */
#ifndef LAB_SANDBOX_INIT_H
#define LAB_SANDBOX_INIT_H

#include "lab/sandbox.h"

/** enum init_op - what the lab asks for */
enum init_op {
	INIT_SPAWN = 1,
	INIT_SIGNAL,
};

/**
 * struct init_head - what a request begins with
 * @handle: which program
 * @signal: INIT_SIGNAL: the signal for its process group
 * @cpu, @tty: INIT_SPAWN: see struct sandbox_program
 * @n_fds: how many descriptors the program gets
 * @no_fds: bit n is set when its descriptor n is /dev/null; the others are attached
 * @argc, @envc: how many strings of each follow
 * @size: bytes of them
 */
struct init_head {
	uint32_t op;
	uint32_t handle;
	int32_t signal;
	int32_t cpu;
	uint32_t tty;
	uint32_t n_fds;
	uint32_t no_fds;
	uint32_t argc;
	uint32_t envc;
	uint32_t size;
};

/**
 * struct init_request - one request, INIT_SIGNAL without strings
 * @strings: arguments, then environment, each NUL-terminated
 */
struct init_request {
	struct init_head head;
	char strings[SANDBOX_REQUEST_MAX];
};

/** enum init_news - what the init reports */
enum init_news {
	INIT_READY = 1, /* first message: the sandbox is built */
	INIT_FAILED,	/* first message: .error and .text say why it is not */
	INIT_ENDED,	/* a program has ended, or could not be executed */
};

/** struct init_report - one report; what it does not use is 0 */
struct init_report {
	uint32_t what;
	uint32_t handle;
	int32_t error; /* positive errno */
	int32_t status;
};

/** struct init_first - the first report, INIT_READY or INIT_FAILED */
struct init_first {
	struct init_report report;
	char text[ERROR_TEXT_MAX];
};

/**
 * sandbox_init() - the life of a sandbox's pid 1
 * @spec: what to build
 * @control: socket to the lab's pid 1
 * @guest_userns: the user namespace of programs, or -1
 */
void sandbox_init(const struct sandbox_spec *spec, int control, int guest_userns)
	__attribute__((noreturn));

/**
 * init_exec() - become a program: in a child of the init
 * @request: INIT_SPAWN
 * @fds: the attached descriptors, in order
 * @guest_userns: the user namespace of programs, or -1
 * @report: a CLOEXEC descriptor that gets a positive errno (int) on failure
 */
void init_exec(struct init_request *request, const int *fds, int guest_userns, int report)
	__attribute__((noreturn));

#endif
