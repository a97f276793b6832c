/* SPDX-License-Identifier: MIT */
/*
 * Interface for the socket options that an accepted connection has from its
 * listener, and a connected one from its program. A connection that came another
 * way must be given them.
 */
#ifndef BOXER_SHIM_OPTIONS_H
#define BOXER_SHIM_OPTIONS_H

/**
 * options_inherit() - make @fd as though @listener had accepted it
 *
 * Sets only what differs. What can't be read or set stays as it is.
 */
void options_inherit(int listener, int fd);
/** options_copy() - make the connection @to what a program has made of its socket @from. */
void options_copy(int from, int to);

#endif
