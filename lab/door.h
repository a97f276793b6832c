/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a lab's door, the side of pid 1: it serves the clients that the
 * front process passes on (boxlab exec, shell, ls, down). One descriptor stands
 * for all of them, so it fits into any event loop:
 *
 *	lab_fd() readable:	door_serve(door, lab_next_client(lab));
 *	door_fd() readable:	door_dispatch(door);
 *	a sandbox's event:	if (!door_event(door, &event)) it is one of ours;
 *	before sandbox_kill():	door_forget(door, sandbox);
 *
 * The door borrows sandboxes from its caller and owns its clients.
 */
#ifndef LAB_DOOR_H
#define LAB_DOOR_H

#include "lab/door_msg.h"
#include "lab/sandbox.h"

#include <stdbool.h>
#include <stddef.h>

#define DOOR_CLIENTS_MAX 64

/** struct door_ops - what the door asks its caller */
struct door_ops {
	/** @sandbox: the sandbox of that node; NULL when there is none */
	struct sandbox *(*sandbox)(void *arg, const char *node);
	/** @node: describe node number @i; false when there are not so many */
	bool (*node)(void *arg, size_t i, struct door_node *ret_node);
	/**
	 * @state: what the NAT of that name remembers, or all of them for "", as JSON
	 * Return: a descriptor of a file with it, or -errno
	 */
	int (*state)(void *arg, const char *nat, struct error *err);
	/** @end: a client wants the lab to end; called from door_dispatch() */
	void (*end)(void *arg);
};

struct door;

/** door_new() - Return: 0, or -errno. @ops stays the caller's. */
int door_new(const struct door_ops *ops, void *arg, struct door **ret_door);
/** door_free() - send all clients away, who then know that the lab has ended; NULL is legal. */
void door_free(struct door *door);
/** door_fd() - readable when door_dispatch() has something to do. */
int door_fd(const struct door *door);
/** door_serve() - @client becomes the door's; beyond DOOR_CLIENTS_MAX it is sent away. */
void door_serve(struct door *door, int client);
/** door_dispatch() - hear clients and look at deadlines; never blocks. */
void door_dispatch(struct door *door);
/** door_event() - Return: true when @event was of a client's program. */
bool door_event(struct door *door, const struct sandbox_event *event);
/** door_forget() - @sandbox has ended or is about to: tell those who are in it. */
void door_forget(struct door *door, const struct sandbox *sandbox);

#endif
