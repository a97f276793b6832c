/* SPDX-License-Identifier: MIT */
/*
 * Interface for errors with words: where -errno alone would lose what the
 * kernel or a parser said (a refused nft message, a line of a scenario), a
 * function takes a struct error, fills it and returns the same -errno. Callers
 * wrap it outwards: "cannot apply the topology: fn0: sysctl ...: Permission
 * denied".
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define ERROR_TEXT_MAX 1024

/**
 * struct error - an errno and the sentence that explains it
 * @code: positive errno; 0 when no error is held
 * @text: the sentence, without a newline
 */
struct error {
	int code;
	char text[ERROR_TEXT_MAX];
};

/**
 * error_set() - say what went wrong
 * @err: where to say it; NULL when the caller wants the code alone
 * @code: positive errno
 * @fmt: the sentence; strerror(@code) is NOT appended
 *
 * Return: -@code, so that a caller may return it at once.
 */
int error_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** error_sys() - as error_set(), with ": " and strerror(@code) appended. */
int error_sys(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * error_wrap() - put context before the sentence that @err holds
 * @err: an error already set; may be NULL
 * @fmt: the context; ": " follows it
 *
 * Return: -@err->code, or -EIO when @err is NULL.
 */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
