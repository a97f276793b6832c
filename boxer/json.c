/* SPDX-License-Identifier: MIT */
#include "boxer/json.h"

#include <inttypes.h>

size_t json_put_text(char *out, size_t size, const char *text)
{
	size_t n = 0;

	if (size < 3)
		return 0;
	out[n++] = '"';
	for (; *text && n + 8 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c < 0x20 || c >= 0x7f) {
			n += (size_t)snprintf(out + n, size - n, "\\u%04x", c);
		} else {
			out[n++] = (char)c;
		}
	}
	out[n++] = '"';
	return n;
}

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		(void)fputs(", ", j->out);
	if (key)
		(void)fprintf(j->out, "\"%s\": ", key);
	j->comma = true;
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	(void)fputc(bracket, j->out);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	(void)fputc(bracket, j->out);
	j->comma = true;
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	(void)fprintf(j->out, "%" PRIu64, value);
}

void json_ms(struct json *j, const char *key, uint64_t ns)
{
	begin(j, key);
	(void)fprintf(j->out, "%.3f", (double)ns / 1e6);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	(void)fputs(value ? "true" : "false", j->out);
}

void json_text(struct json *j, const char *key, const char *value)
{
	char text[1024];

	begin(j, key);
	if (value)
		(void)fwrite(text, 1, json_put_text(text, sizeof(text), value), j->out);
	else
		(void)fputs("null", j->out);
}

void json_addr(struct json *j, const char *key, const struct addr *value)
{
	char text[ADDR_TEXT_MAX];

	json_text(j, key, value->family ? addr_format(value, text) : NULL);
}

void json_end(struct json *j)
{
	(void)fputc('\n', j->out);
	j->comma = false;
}
