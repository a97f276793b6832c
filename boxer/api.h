/* SPDX-License-Identifier: MIT */
/*
 * Interface for the local API's server: it listens on "@boxer/ID", answers the
 * requests of boxer/local.h, and owns the two shared pages.
 */
#ifndef BOXER_API_H
#define BOXER_API_H

#include "boxer/frame.h"
#include "boxer/reason.h"

#include <stdbool.h>
#include <stdint.h>

#define API_DIALLING_MAX 256 /* programs whose connect() is worked on at once */
#define API_QUEUED_MAX	 768 /* programs whose connect() waits for that */
#define API_QUEUED_SHARE 4   /* or fewer, see sock_quota() */
#define API_CLIENTS_MAX	 256 /* connections that have asked nothing; the oldest gives way */

struct api;
struct node;

/** api_new() - Return: 0; -EADDRINUSE when another node has this id here; -errno. */
int api_new(struct node *node, struct api **ret_api);
/** api_free() - NULL is legal. */
void api_free(struct api *api);
/** api_member_put() - tell who watches: @member is there, @is_new or with another record. */
void api_member_put(struct api *api, const struct frame_member *member, bool is_new);
/** api_member_gone() - tell who watches: @member is no longer in the table. */
void api_member_gone(struct api *api, const struct frame_member *member, enum reason reason);
/** api_show_members() - bring the shared page up to date. */
void api_show_members(struct api *api);

#endif
