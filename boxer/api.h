/* SPDX-License-Identifier: MIT */
/*
 * Interface for the local API's server: it listens on "@boxer/ID", answers the
 * requests of boxer/local.h, and owns the two shared pages.
 */
#ifndef BOXER_API_H
#define BOXER_API_H

#include <stdint.h>

#define API_DIALLING_MAX 256 /* programs that wait in connect() at once */
#define API_CLIENTS_MAX	 256 /* connections at once; the longest silent gives way */

struct api;
struct node;

/** api_new() - Return: 0; -EADDRINUSE when another node has this id here; -errno. */
int api_new(struct node *node, struct api **ret_api);
/** api_free() - NULL is legal. */
void api_free(struct api *api);
/** api_show_members() - bring the shared page up to date. */
void api_show_members(struct api *api);

#endif
