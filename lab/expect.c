/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/expect.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND	    127
#define EXIT_BOXER	    125 /* Boxer itself failed */

#define TOKEN_MAX 256

int expect_code(const struct expect_end *end)
{
	if (end->exec_error)
		return end->exec_error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	if (WIFSIGNALED(end->status))
		return 128 + WTERMSIG(end->status);
	return WEXITSTATUS(end->status);
}

const char *expect_describe(const struct expect_end *end, char buf[static EXPECT_STATUS_MAX])
{
	if (end->exec_error)
		(void)snprintf(buf, EXPECT_STATUS_MAX, "could not be executed: %s",
			       strerror(end->exec_error));
	else if (WIFSIGNALED(end->status))
		(void)snprintf(buf, EXPECT_STATUS_MAX, "was killed by signal %d (%s)",
			       WTERMSIG(end->status), strsignal(WTERMSIG(end->status)));
	else
		(void)snprintf(buf, EXPECT_STATUS_MAX, "ended with exit code %d",
			       WEXITSTATUS(end->status));
	return buf;
}

/* Is it the exit code of the program, and not of who should have started it? */
static bool is_own_code(const struct expect_end *end)
{
	int code = expect_code(end);

	if (end->exec_error || WIFSIGNALED(end->status))
		return false;
	if (code == EXIT_NOT_EXECUTABLE || code == EXIT_NOT_FOUND)
		return false;
	return !(end->by_boxer && code == EXIT_BOXER);
}

int expect_exit(enum scenario_exit want, const struct expect_end *end, struct error *err)
{
	char how[EXPECT_STATUS_MAX];

	if (end->exec_error)
		return error_set(err, EXPECT_UNMET, "%s", expect_describe(end, how));
	switch (want) {
	case EXIT_ANY:
		return 0;
	case EXIT_ZERO:
		if (expect_code(end) == 0)
			return 0;
		return error_set(err, EXPECT_UNMET, "%s", expect_describe(end, how));
	case EXIT_NONZERO:
		break;
	}
	if (expect_code(end) == 0)
		return error_set(err, EXPECT_UNMET, "succeeded, but should have failed");
	if (!is_own_code(end))
		return error_set(err, EXPECT_UNMET,
				 "%s, which is not a failure of its own and so proves nothing",
				 expect_describe(end, how));
	return 0;
}

int expect_dropped(const char *nat, uint64_t before, uint64_t after, bool listening,
		   struct error *err)
{
	if (!listening)
		return error_set(err, EXPECT_UNMET,
				 "nobody was listening, so that %s was not put to the test", nat);
	if (after <= before)
		return error_set(err, EXPECT_UNMET,
				 "%s dropped no packet, so something else refused the connection",
				 nat);
	return 0;
}

static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

/* "a, b, c" as far as there is room */
static void list_keys(const json_t *object, char *buf, size_t size)
{
	const char *key;
	json_t *value;
	size_t len = 0;

	*buf = '\0';
	/* jansson's iteration takes no const, and changes nothing. */
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		int n = snprintf(buf + len, size - len, "%s%s", len ? ", " : "", key);

		if (n < 0 || (size_t)n >= size - len) {
			(void)snprintf(buf + len, size - len, "%s", len ? ", ..." : "...");
			return;
		}
		len += (size_t)n;
	}
}

/*
 * Take one reference token, with ~1 and ~0 decoded.
 *
 * Return: what follows it, or NULL when it is malformed or too long.
 */
static const char *take_token(const char *p, char token[static TOKEN_MAX])
{
	size_t n = 0;

	for (; *p && *p != '/'; p++) {
		if (n + 1 == TOKEN_MAX)
			return NULL;
		if (*p != '~')
			token[n++] = *p;
		else if (p[1] == '0' || p[1] == '1')
			token[n++] = *++p == '0' ? '~' : '/';
		else
			return NULL;
	}
	token[n] = '\0';
	return p;
}

/* RFC 6901, 4: digits without a leading zero. Return: false when it is no index. */
static bool parse_index(const char *token, size_t *ret_index)
{
	size_t index = 0;

	if (!*token || (*token == '0' && token[1]))
		return false;
	for (const char *p = token; *p; p++) {
		if (*p < '0' || *p > '9' || index > SIZE_MAX / 10 - 1)
			return false;
		index = index * 10 + (size_t)(*p - '0');
	}
	*ret_index = index;
	return true;
}

/* @done characters of @pointer led to @value; go on by @token. */
static int step_down(const json_t *value, const char *token, const char *pointer, size_t done,
		     const json_t **ret_value, struct error *err)
{
	const char *here = done ? pointer : "the document";
	int len = done ? (int)done : (int)strlen(here);
	const json_t *found = NULL;
	char keys[512];
	size_t index;

	if (json_is_object(value)) {
		found = json_object_get(value, token);
		list_keys(value, keys, sizeof(keys));
		if (!found)
			return error_set(err, ENOENT, "%.*s has no \"%s\"; it has: %s", len, here,
					 token, *keys ? keys : "nothing");
	} else if (json_is_array(value)) {
		if (!parse_index(token, &index))
			return error_set(err, ENOENT,
					 "%.*s is an array, and \"%s\" is no index of it", len,
					 here, token);
		found = json_array_get(value, index);
		if (!found)
			return error_set(err, ENOENT, "%.*s has %zu elements, no number %zu", len,
					 here, json_array_size(value), index);
	} else {
		return error_set(err, ENOENT, "%.*s is %s and has no \"%s\"", len, here,
				 type_name(value), token);
	}
	*ret_value = found;
	return 0;
}

int expect_pointer(const json_t *doc, const char *pointer, const json_t **ret_value,
		   struct error *err)
{
	const char *p = pointer;
	char token[TOKEN_MAX];
	int r;

	while (*p) {
		size_t done = (size_t)(p - pointer);

		p = *p == '/' ? take_token(p + 1, token) : NULL;
		if (!p)
			return error_set(err, EINVAL, "\"%s\" is no JSON pointer (RFC 6901)",
					 pointer);
		r = step_down(doc, token, pointer, done, &doc, err);
		if (r < 0)
			return r;
	}
	*ret_value = doc;
	return 0;
}

int expect_number(const json_t *doc, const char *pointer, double *ret_value, struct error *err)
{
	const json_t *value;
	int r = expect_pointer(doc, pointer, &value, err);

	if (r < 0)
		return r;
	if (!json_is_number(value))
		return error_set(err, EINVAL, "%s is %s, not a number",
				 *pointer ? pointer : "the document", type_name(value));
	*ret_value = json_number_value(value);
	return 0;
}

int expect_document(const char *text, size_t len, json_t **ret_doc, struct error *err)
{
	json_error_t problem;
	json_t *doc;

	if (!len)
		return error_set(err, EINVAL, "it printed nothing, where JSON was expected");
	doc = json_loadb(text, len, JSON_DECODE_ANY, &problem);
	if (!doc)
		return error_set(err, EINVAL, "its output is not JSON: line %d, column %d: %s",
				 problem.line, problem.column, problem.text);
	*ret_doc = doc;
	return 0;
}
