/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for NATs made by hand: rulesets for nft(8) as text, and the three
 * machines around them, made by ip(8). It has nothing in common with the room
 * that makes the product's NATs: that is the point. For use in a userns helper.
 *
 *   inside 10.0.0.2, .3 ── lan  nat  wan 198.51.100.1, .2 ── outside 203.0.113.80, .81
 *
 * The helper's own network namespace is the outside.
 */
#ifndef TESTS_NATPROBE_LAB_H
#define TESTS_NATPROBE_LAB_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define LAB_REFLECTOR "203.0.113.80 203.0.113.81"

/**
 * struct handmade - a NAT, in the words that natprobe is to find
 * @mapping, @filtering, @allocation, @conflict, @hairpin, @unsolicited: as in its
 *	declaration
 * @strict: tracks TCP strictly
 * @no_syn_in: lets no SYN in, not even against one that went out
 * @pooling: NULL, or how two external addresses are given to the inside
 */
struct handmade {
	const char *mapping, *filtering, *allocation, *conflict, *hairpin, *unsolicited;
	bool strict, no_syn_in;
	const char *pooling;
};

/** lab_build() - the machines and the NAT; NULL for a plain router. */
void lab_build(const struct handmade *nat);
/**
 * lab_sh() - run a script that must succeed
 *
 * It may call natprobe by its name.
 *
 * Return: what it says, until the next one.
 */
const char *lab_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** lab_try() - as lab_sh(), but it may fail. Return: its exit status. */
int lab_try(const char **ret_text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** lab_reflect() - start a reflector outside and wait until it is ready. */
pid_t lab_reflect(void);
/** lab_probe() - run natprobe inside, with more options; it must succeed. Return: its JSON. */
json_t *lab_probe(const char *options);
/** lab_word() - a member of an object as text, "true" and "false" too; "" for none. */
const char *lab_word(const json_t *object, const char *key);

#endif
