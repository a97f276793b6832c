/* SPDX-License-Identifier: MIT */
#include "boxer/events.h"

#include "base/clock.h"
#include "boxer/json.h"

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

/* Return: 0 when the field does not fit; then nothing of it counts. */
static size_t put_field(char *out, size_t size, const struct event_field *f)
{
	char text[ADDR_TEXT_MAX];
	size_t n = (size_t)snprintf(out, size, ", \"%s\": ", f->key);
	size_t value = 0;

	if (n >= size)
		return 0;
	switch (f->kind) {
	case EVENT_NUMBER:
		value = (size_t)snprintf(out + n, size - n, "%" PRIu64, f->number);
		break;
	case EVENT_MS:
		value = (size_t)snprintf(out + n, size - n, "%.3f", (double)f->number / 1e6);
		break;
	case EVENT_TEXT:
		value = json_put_text(out + n, size - n, f->text ? f->text : "");
		break;
	case EVENT_ADDR:
		value = json_put_text(out + n, size - n, addr_format(f->addr, text));
		break;
	case EVENT_END:
		break;
	}
	return value > 0 && n + value < size ? n + value : 0;
}

/*
 * A process has one place for its events. A reader that does not read must not
 * stop a seed or a node: after a moment's patience lines are left out, and counted.
 */
static bool clogged;
static uint64_t lost;

/* Below PIPE_BUF a pipe that polls writable takes the whole line without blocking. */
static bool can_write(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, clogged ? 0 : EVENTS_PATIENCE_MS) == 1;
}

static void write_line(int fd, const char *line, size_t n)
{
	(void)!write(fd, line, n);
}

void events_init(struct events *events, int fd)
{
	events->fd = fd;
}

void events_emit(const struct events *events, const char *event, const struct event_field *fields)
{
	char line[LINE_MAX_BYTES];
	size_t n;

	if (events->fd < 0)
		return;
	n = (size_t)snprintf(line, sizeof(line), "{\"t\": %.6f, \"event\": \"%s\"",
			     (double)clock_now() / 1e9, event);
	for (const struct event_field *f = fields; f->kind != EVENT_END; f++)
		n += put_field(line + n, sizeof(line) - n - 3, f);
	line[n++] = '}';
	line[n++] = '\n';
	clogged = !can_write(events->fd);
	if (clogged) {
		lost++;
		return;
	}
	if (lost > 0) {
		char note[128];
		int len = snprintf(note, sizeof(note),
				   "{\"t\": %.6f, \"event\": \"lost\", \"count\": %" PRIu64 "}\n",
				   (double)clock_now() / 1e9, lost);

		lost = 0;
		write_line(events->fd, note, (size_t)len);
	}
	/* One write a line: below PIPE_BUF it is whole or not there. */
	write_line(events->fd, line, n);
}
