/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Reflectors are started first, all of them. When one says that it is ready, the
 * targets that it serves may begin: as many probers run at a time as was asked for,
 * each in one of as many slots. A reflector that ends takes its targets with it.
 *
 * On a busy machine an answer may come too late for a prober. So what is not as
 * declared, or not known as it should be, is measured once more when that is over and
 * the machine is calm, a few at a time: it takes two to be believed.
 */
#include "lab/run/natcheck.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/run/child.h"
#include "lab/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NATPROBE    SANDBOX_TOOLS "/bin/natprobe"
#define PATIENCE_NS (30 * NS_PER_S)
#define ARGS_MAX    16
#define TRIES	    2
#define SILENCES    40 /* that natprobe divides a lifetime into */
#define CALM	    4  /* at a time, of those that are tried again */

/** struct mirror - a reflector, running; @child.arg is the check */
struct mirror {
	struct child child;
	bool ready;
};

/** struct slot - a prober, running, or free: then @target is NULL */
struct slot {
	struct child child;
	struct natcheck_target *target;
	uint64_t began;
};

struct natcheck {
	struct ev_loop *loop;
	struct natcheck_options options;
	const struct natcheck_reflector *reflectors;
	size_t n_reflectors;
	struct natcheck_target *targets;
	size_t n_targets;
	size_t next; /* target; all before it have begun */
	struct natcheck_target **again;
	size_t n_again, next_again;
	size_t n_running;
	size_t left;
	struct mirror *mirrors;
	struct slot *slots;
	size_t n_slots;
};

static void pump(struct natcheck *check);

static void finish(struct natcheck *check, struct natcheck_target *target)
{
	target->done = true;
	check->left--;
}

/* What was not measured is not known to be as declared. */
static void expect_all(struct natcheck_target *target, bool quick)
{
	struct nat_missing missing;
	struct error *err = &target->failure;
	size_t len = 0;

	nat_missing(target->declared, &target->measured, quick, &missing);
	if (!missing.n)
		return;
	err->code = ENODATA;
	for (size_t i = 0; i < missing.n && len < sizeof(err->text); i++)
		len += (size_t)snprintf(err->text + len, sizeof(err->text) - len, "%s%s",
					i ? ", " : "not measured: ", missing.text[i]);
}

static void read_verdict(const struct natcheck_options *options, struct slot *slot)
{
	struct natcheck_target *target = slot->target;
	const struct child *child = &slot->child;

	target->took_ns = clock_now() - slot->began;
	if (!child_passed(child))
		(void)child_complaint(child, "natprobe", &target->failure);
	else if (nat_part_read(child->out.text, child->out.len, "natprobe", &target->measured,
			       &target->failure) == 0)
		nat_compare(target->declared, &target->measured, 1 + options->lifetime_s / SILENCES,
			    &target->differences);
	if (!target->failure.code && !target->differences.n)
		expect_all(target, options->quick);
}

/*
 * How long mappings live takes too long to be asked twice; and a prober that failed had
 * waited for long.
 */
static bool wants_another(const struct natcheck *check, const struct natcheck_target *target)
{
	return target->tries < TRIES && !check->options.lifetime_s &&
	       (target->differences.n || target->failure.code == ENODATA);
}

static void on_prober(struct child *child)
{
	struct natcheck *check = child->arg;
	struct slot *slot = (struct slot *)(void *)child;
	struct natcheck_target *target = slot->target;

	if (!child->ended)
		return;
	read_verdict(&check->options, slot);
	slot->target = NULL;
	check->n_running--;
	if (wants_another(check, target))
		check->again[check->n_again++] = target;
	else
		finish(check, target);
	pump(check);
}

/** struct words - an argument vector in the making; execv() changes nothing in it */
struct words {
	char *argv[ARGS_MAX + 1];
	char text[ARGS_MAX][ADDR_TEXT_MAX];
	size_t n;
};

static void add_word(struct words *words, const char *word)
{
	(void)snprintf(words->text[words->n], sizeof(words->text[0]), "%s", word);
	words->argv[words->n] = words->text[words->n];
	words->n++;
}

static void add_address(struct words *words, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	add_word(words, addr_format_host(addr, text));
}

static int start_prober(struct natcheck *check, struct slot *slot, struct natcheck_target *target)
{
	const struct addr *addrs = check->reflectors[target->reflector].addrs;
	unsigned lifetime_s = check->options.lifetime_s;
	struct words words = {0};
	char number[16];

	add_word(&words, NATPROBE);
	add_word(&words, "probe");
	add_word(&words, "--local");
	add_address(&words, &target->local);
	if (target->second.family != AF_UNSPEC) {
		add_word(&words, "--second");
		add_address(&words, &target->second);
	}
	if (check->options.quick)
		add_word(&words, "--quick");
	if (lifetime_s) {
		(void)snprintf(number, sizeof(number), "%u", lifetime_s);
		add_word(&words, "--lifetime");
		add_word(&words, number);
	}
	add_address(&words, &addrs[0]);
	add_address(&words, &addrs[1]);
	(void)memset(slot, 0, sizeof(*slot));
	slot->target = target;
	slot->began = clock_now();
	target->tries++;
	target->failure = (struct error){0};
	target->differences.n = 0;
	slot->child.on_news = on_prober;
	slot->child.arg = check;
	return child_start(&slot->child, check->loop, target->netns, words.argv,
			   PATIENCE_NS + 2 * lifetime_s * NS_PER_S, &target->failure);
}

static struct slot *free_slot(struct natcheck *check)
{
	for (size_t i = 0; i < check->n_slots; i++)
		if (!check->slots[i].target)
			return &check->slots[i];
	return NULL;
}

/* The next one, if one more may be under way now; in order, so that nobody is forgotten. */
static struct natcheck_target *next_target(struct natcheck *check)
{
	struct natcheck_target *target;
	const struct mirror *mirror;

	if (check->next == check->n_targets) {
		if (check->next_again == check->n_again || check->n_running >= CALM)
			return NULL;
		return check->again[check->next_again++];
	}
	target = &check->targets[check->next];
	mirror = &check->mirrors[target->reflector];
	if (!mirror->ready && !mirror->child.ended)
		return NULL;
	check->next++;
	return target;
}

static void pump(struct natcheck *check)
{
	struct natcheck_target *target;
	struct slot *slot;

	while ((slot = free_slot(check)) && (target = next_target(check))) {
		struct mirror *mirror = &check->mirrors[target->reflector];

		if (mirror->child.ended) {
			(void)child_complaint(&mirror->child, "natprobe", &target->failure);
			finish(check, target);
		} else if (start_prober(check, slot, target) < 0) {
			slot->target = NULL;
			finish(check, target);
		} else {
			check->n_running++;
		}
	}
}

/* Those that it serves would wait in vain. */
static void give_up(struct natcheck *check, const struct mirror *mirror)
{
	for (size_t i = 0; i < check->n_slots; i++) {
		struct slot *slot = &check->slots[i];

		if (!slot->target || &check->mirrors[slot->target->reflector] != mirror)
			continue;
		child_end(&slot->child);
		check->n_running--;
		(void)child_complaint(&mirror->child, "natprobe", &slot->target->failure);
		finish(check, take_ptr(slot->target));
	}
}

static void on_mirror(struct child *child)
{
	struct natcheck *check = child->arg;
	struct mirror *mirror = (struct mirror *)(void *)child;

	mirror->ready = memchr(child->out.text, '\n', child->out.len);
	if (child->ended)
		give_up(check, mirror);
	pump(check);
}

static int start_mirror(struct natcheck *check, size_t i, struct error *err)
{
	const struct natcheck_reflector *reflector = &check->reflectors[i];
	struct mirror *mirror = &check->mirrors[i];
	struct words words = {0};

	add_word(&words, NATPROBE);
	add_word(&words, "reflect");
	add_address(&words, &reflector->addrs[0]);
	add_address(&words, &reflector->addrs[1]);
	mirror->child.on_news = on_mirror;
	mirror->child.arg = check;
	return child_start(&mirror->child, check->loop, reflector->netns, words.argv, 0, err);
}

int natcheck_start(struct ev_loop *loop, const struct natcheck_options *options,
		   const struct natcheck_reflector *reflectors, size_t n_reflectors,
		   struct natcheck_target *targets, size_t n_targets, struct natcheck **ret_check,
		   struct error *err)
{
	struct natcheck *check = calloc(1, sizeof(*check));
	int r = 0;

	if (!check)
		return error_sys(err, ENOMEM, "the NATs");
	*check = (struct natcheck){
		.loop = loop,
		.options = *options,
		.reflectors = reflectors,
		.n_reflectors = n_reflectors,
		.targets = targets,
		.n_targets = n_targets,
		.left = n_targets,
		.n_slots = options->at_a_time,
	};
	check->mirrors = calloc(n_reflectors + 1, sizeof(*check->mirrors));
	check->slots = calloc(check->n_slots + 1, sizeof(*check->slots));
	check->again = calloc(n_targets + 1, sizeof(*check->again));
	if (!check->mirrors || !check->slots || !check->again)
		r = error_sys(err, ENOMEM, "the NATs");
	for (size_t i = 0; r == 0 && i < n_reflectors; i++)
		r = start_mirror(check, i, err);
	if (r < 0)
		natcheck_free(check);
	else
		*ret_check = check;
	return r;
}

size_t natcheck_left(const struct natcheck *check)
{
	return check->left;
}

void natcheck_free(struct natcheck *check)
{
	if (!check)
		return;
	for (size_t i = 0; check->slots && i < check->n_slots; i++)
		child_end(&check->slots[i].child);
	for (size_t i = 0; check->mirrors && i < check->n_reflectors; i++)
		child_end(&check->mirrors[i].child);
	free(check->again);
	free(check->slots);
	free(check->mirrors);
	free(check);
}
