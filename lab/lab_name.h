/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the names of running labs: the abstract sockets "@boxlab/UID/ID"
 * of the caller's network namespace and user. A name lives exactly as long as
 * the front process that holds it.
 */
#ifndef LAB_LAB_NAME_H
#define LAB_LAB_NAME_H

#include "base/error.h"
#include "lab/lab.h"

#include <stdbool.h>
#include <stddef.h>

#define LAB_NAMES_MAX 256

/** struct lab_names - the labs of this user, sorted */
struct lab_names {
	char ids[LAB_NAMES_MAX][LAB_ID_MAX + 1];
	size_t n;
};

/** lab_name_valid() - [a-z0-9-], 1 to LAB_ID_MAX characters, not led by "-". */
bool lab_name_valid(const char *id);
/**
 * lab_name_listen() - take a name
 * @id: NULL: one is made up
 * @ret_id: the name taken
 *
 * Return: a listening socket, or -errno with words (-EADDRINUSE: it is taken).
 */
int lab_name_listen(const char *id, char ret_id[static LAB_ID_MAX + 1], struct error *err);
/** lab_name_list() - all labs of this user, from /proc/net/unix. Return: 0, or -errno. */
int lab_name_list(struct lab_names *ret_names, struct error *err);
/**
 * lab_name_connect() - connect to a lab of this user
 * @id: its id, or the beginning of exactly one; NULL or "": the only one
 * @ret_id: the full id
 *
 * Return: the socket, or -errno with words that list what exists (-ENOENT, -ENOTUNIQ).
 */
int lab_name_connect(const char *id, char ret_id[static LAB_ID_MAX + 1], struct error *err);

#endif
