/* SPDX-License-Identifier: MIT */
/*
 * Interface for writing JSON: events and the answers of the boxer command. Keys
 * are ours and plain; texts are anybody's, and escaped to ASCII.
 */
#ifndef BOXER_JSON_H
#define BOXER_JSON_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * json_put_text() - a string, with its quotes, for a buffer
 *
 * What does not fit is cut at a whole character. Nothing is terminated.
 *
 * Return: the length; 0 when there is no room for the quotes.
 */
size_t json_put_text(char *out, size_t size, const char *text);

/** struct json - a document under way; zero, but for @out */
struct json {
	FILE *out;
	bool comma;
};

/*
 * One value each. @key: NULL in an array and at the top.
 */
/** json_open(), json_close() - an object ('{', '}') or an array ('[', ']'). */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_number(struct json *j, const char *key, uint64_t value);
/** json_ms() - nanoseconds, as milliseconds. */
void json_ms(struct json *j, const char *key, uint64_t ns);
void json_bool(struct json *j, const char *key, bool value);
/** json_text() - NULL becomes null. */
void json_text(struct json *j, const char *key, const char *value);
/** json_addr() - no address becomes null. */
void json_addr(struct json *j, const char *key, const struct addr *value);
/** json_end() - the end of the line; another document may follow. */
void json_end(struct json *j);

#endif
