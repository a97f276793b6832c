/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the caller's terminal while it shows another one: raw, its size
 * handed on, bytes carried both ways.
 */
#ifndef LAB_TERMINAL_H
#define LAB_TERMINAL_H

#include "base/error.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <termios.h>

/**
 * struct terminal - what is shown where
 * @master: the far side of the other terminal
 * @raw: the caller's terminal was put into raw mode; @saved is what it was
 * @typed, @n_typed: typed, and not yet taken by @master
 * @input: the caller's stdin has not ended
 */
struct terminal {
	int master;
	bool raw;
	struct termios saved;
	char typed[4096];
	size_t n_typed;
	bool input;
};

/** terminal_size() - of the caller's terminal; 24 lines of 80 when there is none. */
struct winsize terminal_size(void);
/** terminal_enter() - begin to show @master, which stays the caller's. Return: 0, or -errno. */
int terminal_enter(struct terminal *terminal, int master, struct error *err);
/** terminal_leave() - as before. */
void terminal_leave(struct terminal *terminal);
/** terminal_resize() - hand the size on. */
void terminal_resize(const struct terminal *terminal);
/**
 * terminal_poll() - what to wait for
 * @ret_fds: [0] the other terminal, [1] the caller's stdin; left as they are where
 *	     there is nothing to wait for
 */
void terminal_poll(const struct terminal *terminal, struct pollfd ret_fds[static 2]);
/** terminal_take_input() - the caller's stdin is readable. */
void terminal_take_input(struct terminal *terminal);
/** terminal_write_typed() - as much of it as the other terminal takes. */
void terminal_write_typed(struct terminal *terminal);
/**
 * terminal_show() - what the other terminal prints, until it has no more for now
 *
 * Return: 0, -EIO when nobody is behind it any more, or -errno of the caller's stdout.
 */
int terminal_show(struct terminal *terminal);

#endif
