/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for members: the Boxer processes of a run, the seed and one node per
 * function. What they do is learnt from the lines that they write to --events
 * (boxer/events.h), which are kept in NODE-events.jsonl.
 */
#ifndef LAB_RUN_MEMBER_H
#define LAB_RUN_MEMBER_H

#include "lab/run/world.h"

#define MEMBER_KEY_FILE "/run/boxer.key"

/**
 * member_start() - the seed, a node, or a node with its guest; again when it has ended
 *
 * Return: 0, or -errno.
 */
int member_start(struct machine *machine, struct error *err);
/** member_stop() - by that signal. Its end is no trouble then. */
void member_stop(struct member *member, int signal);
/** member_runs() - it was started and has not ended. */
bool member_runs(const struct member *member);
/** member_takes_part() - it was started, no step wants it to end, and it is not surplus. */
bool member_takes_part(const struct member *member);
/** member_free() - NULL is legal; its process is not touched. */
void member_free(struct member *member);
/** member_log() - the file that its events are kept in, open for reading too, or -1. */
int member_log(const struct member *member);
/** member_is_up() - the seed has listened, the node has joined. */
bool member_is_up(const struct member *member);
/** member_control_port() - where a node's control connections leave from, as it told; else 0. */
uint16_t member_control_port(const struct member *member);
/** member_knows() - @member has told that the node of that index is a member. */
bool member_knows(const struct member *member, size_t index);
/** member_is_measuring() - @member has told of its NAT, but not yet whom that lets in. */
bool member_is_measuring(const struct member *member);
/** member_is_linked() - @member has told of a control link to the node of that index. */
bool member_is_linked(const struct member *member, size_t index);
/** member_is_decided() - ... or that there will be none. */
bool member_is_decided(const struct member *member, size_t index);
/** member_is_barred() - its last word on the node of that index is that there is no link. */
bool member_is_barred(const struct member *member, size_t index);

#endif
