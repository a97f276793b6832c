/* SPDX-License-Identifier: MIT */
/* Events: whatever goes in, every line is one JSON object. */
#include "boxer/events.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

/* The one line that was emitted, parsed. */
static json_t *emitted(const struct event_field *fields)
{
	char line[LINE_MAX_BYTES];
	struct events events;
	json_error_t error;
	json_t *object;
	ssize_t n;
	int p[2];

	cr_assert_eq(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	events_init(&events, p[1]);
	events_emit(&events, "test", fields);
	n = read(p[0], line, sizeof(line) - 1);
	(void)close(p[0]);
	(void)close(p[1]);
	cr_assert_gt(n, 0);
	cr_assert_eq(line[n - 1], '\n');
	line[n - 1] = '\0';
	cr_assert_null(strchr(line, '\n'), "more than one line");
	object = json_loads(line, 0, &error);
	cr_assert(object, "%s: %s", error.text, line);
	cr_assert_str_eq(json_string_value(json_object_get(object, "event")), "test");
	cr_assert(json_is_number(json_object_get(object, "t")), "%s", line);
	return object;
}

#define EMITTED(...) emitted((const struct event_field[]){__VA_ARGS__, {.kind = EVENT_END}})

Test(events, are_json_objects_with_typed_fields)
{
	struct addr with_port = addr_v4(0xcb007109, 80), without = addr_v4(0xc6120001, 0);
	json_t *e = EMITTED(EV_NUMBER("id", UINT32_MAX), EV_MS("ms", 1234567), EV_TEXT("name", "a"),
			    EV_ADDR("to", &with_port), EV_ADDR("overlay", &without));

	cr_expect_eq(json_integer_value(json_object_get(e, "id")), UINT32_MAX);
	cr_expect_float_eq(json_real_value(json_object_get(e, "ms")), 1.235, 1e-9);
	cr_expect_str_eq(json_string_value(json_object_get(e, "name")), "a");
	cr_expect_str_eq(json_string_value(json_object_get(e, "to")), "203.0.113.9:80");
	cr_expect_str_eq(json_string_value(json_object_get(e, "overlay")), "198.18.0.1");
	json_decref(e);
}

Test(events, keep_text_that_json_would_not)
{
	static const char text[] = "\"quoted\" \\ back\nnew\ttab\x01\x1f";
	json_t *e = EMITTED(EV_TEXT("text", text), EV_TEXT("none", NULL));

	cr_expect_str_eq(json_string_value(json_object_get(e, "text")), text);
	cr_expect_str_eq(json_string_value(json_object_get(e, "none")), "");
	json_decref(e);
}

/* Whatever the length of the first text, the second field is whole or not there. */
Test(events, cut_text_that_is_too_long_and_stay_json)
{
	static const char *const kinds[] = {"x", "\"", "\n", "\xc3"};
	static char text[LINE_MAX_BYTES];

	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		for (size_t len = 0; len < sizeof(text); len++) {
			const char *second;
			json_t *e;

			(void)memset(text, kinds[kind][0], len);
			text[len] = '\0';
			e = EMITTED(EV_TEXT("a", text), EV_TEXT("b", "xy"), EV_NUMBER("c", 123));
			second = json_string_value(json_object_get(e, "b"));
			if (second)
				cr_assert_eq(strncmp(second, "xy", strlen(second)), 0);
			json_decref(e);
		}
}

Test(events, go_nowhere_without_a_descriptor)
{
	struct events events;

	events_init(&events, -1);
	EMIT(&events, "test", EV_NUMBER("id", 1));
}

Test(events, ignore_a_reader_that_went_away)
{
	struct events events;
	int p[2];

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	(void)close(p[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	events_init(&events, p[1]);
	EMIT(&events, "test", EV_NUMBER("id", 1));
	(void)close(p[1]);
}

/* A reader that does not read must not stop the process; it is told what it missed. */
Test(events, are_left_out_and_counted_when_nobody_reads)
{
	struct events events;
	char text[65536];
	int fds[2];

	cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	/* The writer's end blocks, as the one that a node is given does. */
	cr_assert_eq(fcntl(fds[1], F_SETFL, 0), 0);
	events_init(&events, fds[1]);
	for (unsigned i = 0; i < 5000; i++)
		EMIT(&events, "member", EV_NUMBER("id", i));
	while (read(fds[0], text, sizeof(text)) > 0)
		;
	EMIT(&events, "member", EV_NUMBER("id", 5000));
	text[read(fds[0], text, sizeof(text) - 1)] = '\0';
	cr_expect(strstr(text, "\"event\": \"lost\", \"count\": "), "%s", text);
	cr_expect(strstr(text, "\"id\": 5000}"), "%s", text);
	(void)close(fds[0]);
	(void)close(fds[1]);
}
