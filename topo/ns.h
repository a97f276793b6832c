/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for network namespaces as descriptors. A namespace has no name
 * here: who holds the descriptor owns it. The functions that change into a
 * namespace come back before they return.
 */
#ifndef TOPO_NS_H
#define TOPO_NS_H

#include "base/error.h"

/** ns_new() - a new network namespace. Return: its descriptor, or -errno. */
int ns_new(struct error *err);
/** ns_current() - the caller's own network namespace. Return: a descriptor, or -errno. */
int ns_current(struct error *err);
/** ns_socket() - socket() as if called inside @netns. Return: a descriptor, or -errno. */
int ns_socket(int netns, int domain, int type, int protocol, struct error *err);
/**
 * ns_call() - run @fn inside @netns and come back
 *
 * Return: what @fn returned, or -errno when the namespace could not be entered.
 * Failing to come back ends the process: it would go on in a wrong world.
 */
int ns_call(int netns, int (*fn)(void *arg), void *arg, struct error *err);

#endif
