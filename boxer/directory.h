/* SPDX-License-Identifier: MIT */
/*
 * Interface for the directory of a node, BOXER_DIR: node.dir. The guest's files lie
 * there, and perhaps a link to the shim. It is this user's, and nobody else may write there.
 */
#ifndef BOXER_DIRECTORY_H
#define BOXER_DIRECTORY_H

struct node;

/** directory_check() - before joining, of one that the caller gave. Return: as directory_make(). */
int directory_check(struct node *node);
/** directory_make() - for the id that the node has. Return: 0; -errno: the node has failed. */
int directory_make(struct node *node);
/** directory_remove() - unless the caller gave it, or there is still something in it. */
void directory_remove(const struct node *node);

#endif
