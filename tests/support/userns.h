/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for tests that need a network of their own: a function runs in a
 * forked helper that is uid 0 of a fresh user namespace, with fresh net and
 * mount namespaces, as root and as an ordinary user alike. Criterion's worker
 * has two threads, so it can't enter a user namespace itself.
 *
 * Inside, USERNS_CHECK() and its like end the helper with a verdict; Criterion's
 * assertions must not be used there. The helper dies with the test.
 */
#ifndef TESTS_SUPPORT_USERNS_H
#define TESTS_SUPPORT_USERNS_H

#include <stdbool.h>

#define USERNS_TEXT_MAX 8192

/** enum userns_verdict - how the helper ended */
enum userns_verdict {
	USERNS_CRASHED, /* without a verdict: killed, or out of time */
	USERNS_PASSED,
	USERNS_FAILED,
	USERNS_SKIPPED, /* this kernel or user can't; @text names what is missing */
};

/** struct userns_result - what the helper has to say */
struct userns_result {
	enum userns_verdict verdict;
	char text[USERNS_TEXT_MAX];
};

/**
 * userns_run() - run @body in the helper and wait for it
 * @timeout_ms: then it is killed
 */
void userns_run(void (*body)(void *arg), void *arg, int timeout_ms,
		struct userns_result *ret_result);

/**
 * userns_test() - userns_run() as the whole of a Criterion test
 *
 * A skip is a failure when BOXLAB_MUST_WORK=1.
 */
void userns_test(void (*body)(void *arg), void *arg, int timeout_ms);

/* For the body. */

/**
 * userns_is_own() - is the user namespace this helper's, so that it may change limits?
 *
 * Not where root runs on a kernel that refuses it one.
 */
bool userns_is_own(void);
/** userns_say() - a line for the test's output. */
void userns_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** userns_fail() - the end: the test fails, for this reason. */
void userns_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
/** userns_skip() - the end: this kernel lacks something, named here. */
void userns_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/** USERNS_CHECK() - go on only if it is so; the words after it say what is not. */
#define USERNS_CHECK(condition, fmt, ...)                                                       \
	do {                                                                                    \
		if (!(condition))                                                               \
			userns_fail(__FILE__, __LINE__, "%s: " fmt, #condition, ##__VA_ARGS__); \
	} while (0)

#endif
