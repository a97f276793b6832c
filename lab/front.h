/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the front process: the part of a lab that stays in the user's
 * own world. It holds the door (the abstract socket by which the lab is found),
 * opens files of the result directory for pid 1, passes clients and signals on
 * to it, and waits for it to end.
 */
#ifndef LAB_FRONT_H
#define LAB_FRONT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FRONT_NAME_MAX 1024 /* a file's name, with its directories */

/** enum front_op - what pid 1 asks on the socket "rpc" */
enum front_op {
	FRONT_CREATE = 1, /* .text names a file: a reply follows, with a descriptor if .code is 0 */
	FRONT_FAILED,	  /* the lab could not be built: .code and .text; no reply */
};

/** struct front_request - from pid 1 */
struct front_request {
	uint32_t op;
	int32_t code;
	char text[ERROR_TEXT_MAX];
};

/** struct front_reply - to pid 1 */
struct front_reply {
	int32_t code; /* positive errno, 0 for success */
	char text[ERROR_TEXT_MAX];
};

/** enum front_news - what the front process says on the socket "news" */
enum front_news {
	NEWS_GO = 1, /* ids are mapped: begin */
	NEWS_CLIENT, /* with the socket of a client */
	NEWS_END,    /* the user wants the lab to end */
};

/**
 * struct front - what the front process holds
 * @out_dir: the result directory or -1; the caller's
 * @door: listens on the lab's name
 * @signals: signalfd for SIGINT and SIGTERM
 * @rpc, @news: sockets to pid 1
 * @pidfd: pid 1
 * @ended_by: how many signals have come
 * @failure: what FRONT_FAILED said; .code is 0 until then
 */
struct front {
	int out_dir;
	int door;
	int signals;
	int rpc;
	int news;
	int pidfd;
	unsigned ended_by;
	struct error failure;
};

/**
 * front_run() - serve pid 1 until it ends
 *
 * Return: its exit code, 128+n when signal n killed it, or -errno with words
 * when it could not build the lab.
 */
int front_run(struct front *front, struct error *err);

#endif
