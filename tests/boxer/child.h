/* SPDX-License-Identifier: MIT */
/*
 * Interface for the programs that a test runs: started with pipes, heard by
 * their event lines, ended with the test. For use in the helper of
 * tests/support/userns: what does not come by the deadline fails the test there,
 * with everything that the program has said.
 */
#ifndef TESTS_BOXER_CHILD_H
#define TESTS_BOXER_CHILD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CHILD_PATIENCE_MS 30000
#define CHILD_TEXT_MAX	  65536

/* Where a child finds the other end of @events: for --events. */
#define CHILD_EVENTS "3"

/**
 * struct child - a running program
 * @in, @out: its standard input and output; -1 after child_close_in()
 * @events: its event lines
 * @errors: a file that holds its standard error
 */
struct child {
	pid_t pid;
	int pidfd;
	int in, out, events, errors;
	char text[CHILD_TEXT_MAX]; /* all of @events so far */
	size_t len, read;	   /* how much there is, how much was looked at */
};

/**
 * child_start() - run @argv
 * @prepare: called in the child before the program is executed; NULL: nothing.
 *	It may change what an exec keeps and must not return on failure
 */
void child_start(struct child *c, const char *const *argv, void (*prepare)(void));
/** child_tell() - write to its standard input. */
void child_tell(struct child *c, const char *text);
/** child_close_in() - the end of its standard input. */
void child_close_in(struct child *c);
/** child_hear() - read its standard output up to the end of the line, which is cut off. */
void child_hear(struct child *c, char *ret_line, size_t size);
/** child_hear_all() - read its standard output until it is closed. */
void child_hear_all(struct child *c, char *ret_text, size_t size);
/** child_event() - wait for its next event of that name. Return: the caller's. */
json_t *child_event(struct child *c, const char *name);
/** child_await() - child_event(), and forget it. */
void child_await(struct child *c, const char *name);
/** child_has_said() - has the event come so far? Waits for nothing. */
bool child_has_said(struct child *c, const char *name);
/** child_drain() - take in what it has said, so that it need not wait for a full pipe. */
void child_drain(struct child *c);
/** child_signal() - send it a signal. */
void child_signal(const struct child *c, int signal);
/** child_is_running() - it has not ended yet. */
bool child_is_running(const struct child *c);
/** child_end() - wait for its end and forget it. Return: its exit code, or minus the signal. */
int child_end(struct child *c);
/** child_errors() - what it has written to its standard error; valid after child_end() too. */
const char *child_errors(const struct child *c);
/** child_memory_kb() - its resident memory. */
size_t child_memory_kb(const struct child *c);
/** child_descriptors() - how many it has open. */
size_t child_descriptors(const struct child *c);
/** child_descriptors_at_rest() - the fewest of many looks: it may have one for a moment. */
size_t child_descriptors_at_rest(const struct child *c);
/** child_await_descriptors() - wait until it has @wanted of them. */
void child_await_descriptors(const struct child *c, size_t wanted);
/** child_await_descriptors_below() - wait until it has fewer than @limit. */
void child_await_descriptors_below(const struct child *c, size_t limit);

/** json_text(), json_number() - a field of an event; the test fails without it. */
const char *json_text(const json_t *event, const char *field);
json_int_t json_number(const json_t *event, const char *field);

#endif
