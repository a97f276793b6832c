/* SPDX-License-Identifier: MIT */
/*
 * Interface for the status: what a node knows of itself, of its links and of the
 * data connections it made, for `boxer status` and libboxer (struct local_status).
 */
#ifndef BOXER_STATUS_H
#define BOXER_STATUS_H

struct node;

/** status_page() - Return: a sealed memory file that holds a struct local_status, or -errno. */
int status_page(const struct node *node);

#endif
