/* SPDX-License-Identifier: MIT */
/*
 * Interface for the directory of a node, BOXER_DIR: node.dir. The guest's files lie
 * there, and perhaps a link to the shim. It is this user's alone.
 */
#ifndef BOXER_DIRECTORY_H
#define BOXER_DIRECTORY_H

struct node;

/** directory_make() - for the id that the node has. Return: 0; -EPERM: another user's; -errno. */
int directory_make(struct node *node);
/** directory_remove() - unless the caller gave it, or there is still something in it. */
void directory_remove(const struct node *node);

#endif
