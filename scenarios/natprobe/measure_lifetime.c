/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * For each silence a door of its own, all at the same time, since a mapping
 * that was woken lives on. The reflector breaks the silence, half a step
 * away from the round numbers that people set their NATs to. What tells apart
 * the three kinds is what went before.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "scenarios/natprobe/door.h"

#include <string.h>

/* Linux takes a flow of datagrams for a stream when it goes on for 2 s both ways; in
 * between the shortest timeout there is, a second, must not end it. */
#define STREAM_ROUNDS 7
#define STREAM_PAUSE  (400 * NS_PER_MS)

/** struct sleeper - a door in silence, and the question that it waits for the answer to */
struct sleeper {
	struct door door;
	struct wire_msg ask;
	bool asleep;
};

static enum proto proto_of(enum lifetime which)
{
	return which == LIFETIME_TCP_ESTABLISHED ? PROTO_TCP : PROTO_UDP;
}

/* Every door asks, then every door hears. */
static void talk(struct sleeper *sleepers, unsigned n)
{
	uint64_t end = door_answer_end(sleepers[0].door.probe);
	struct wire_msg answer;

	for (unsigned i = 0; i < n; i++) {
		sleepers[i].ask = (struct wire_msg){.kind = WIRE_REFLECT};
		(void)door_post(&sleepers[i].door, SPOT_MAIN, &sleepers[i].ask);
	}
	for (unsigned i = 0; i < n; i++)
		(void)door_wait(&sleepers[i].door, SPOT_MAIN, &sleepers[i].ask, end, &answer);
}

/* What goes before the silence. */
static void warm_up(struct sleeper *sleepers, unsigned n, enum lifetime which)
{
	if (which == LIFETIME_TCP_ESTABLISHED)
		talk(sleepers, n);
	for (int i = 0; which == LIFETIME_UDP_STREAM && i < STREAM_ROUNDS; i++) {
		uint64_t next = clock_now() + STREAM_PAUSE;

		talk(sleepers, n);
		if (i + 1 < STREAM_ROUNDS)
			(void)door_poll(NULL, 0, next);
	}
}

static uint32_t silence_ms(const struct observed_lifetime *seen, unsigned step)
{
	return (step * 2 + 1) * seen->step_s * 500;
}

static void fall_asleep(struct sleeper *sleepers, unsigned n, const struct observed_lifetime *seen)
{
	for (unsigned i = 0; i < n; i++) {
		struct sleeper *s = &sleepers[i];

		s->ask = (struct wire_msg){.kind = WIRE_LATER,
					   .wait_ms = silence_ms(seen, i / LIFETIME_COPIES)};
		s->asleep = door_post(&s->door, SPOT_MAIN, &s->ask) == 0;
	}
}

static void wake_up(struct probe *p, struct sleeper *sleepers, unsigned n,
		    struct observed_lifetime *seen)
{
	uint64_t began = clock_now();
	struct wire_msg answer;

	for (unsigned i = 0; i < n; i++) {
		struct sleeper *s = &sleepers[i];
		uint64_t due = began + silence_ms(seen, i / LIFETIME_COPIES) * NS_PER_MS;

		if (s->asleep && door_wait_once(&s->door, SPOT_MAIN, &s->ask,
						due + p->grace + NS_PER_S / 5, &answer) == 0)
			seen->alive[i / LIFETIME_COPIES] = true;
	}
}

void measure_lifetime(struct probe *p, enum lifetime which)
{
	struct observed_lifetime *seen = &p->seen.lifetimes[which];
	unsigned step = (p->options.lifetime_s + LIFETIME_STEPS - 2) / (LIFETIME_STEPS - 1);
	/* One more, or the longest could not be seen to end. */
	unsigned steps = p->options.lifetime_s / step + 1;
	unsigned n = 0, wanted = steps * LIFETIME_COPIES;
	cleanup_free struct sleeper *sleepers = calloc(wanted, sizeof(*sleepers));

	if (!sleepers)
		return;
	while (n < wanted && door_open(&sleepers[n].door, p, proto_of(which), &p->local, 0) == 0)
		n++;
	if (n == wanted) {
		seen->steps = steps;
		seen->step_s = step;
		warm_up(sleepers, n, which);
		fall_asleep(sleepers, n, seen);
		wake_up(p, sleepers, n, seen);
	} else {
		probe_note(p, "%s: too few local ports or open files", lifetime_names[which]);
	}
	while (n--)
		door_close(&sleepers[n].door);
}
