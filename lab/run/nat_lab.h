/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for labs that are made for NATs alone: bodies for lab_start(). Each NAT
 * gets a topology of its own: a host behind it that has two addresses, and a
 * reflector with two public ones.
 */
#ifndef LAB_RUN_NAT_LAB_H
#define LAB_RUN_NAT_LAB_H

#include "lab/lab.h"
#include "lab/nat_named.h"

#include <stdbool.h>

/**
 * struct nat_lab_probe - what to measure
 * @lifetime_s: how long mappings live, as far as this; 0: not at all
 * @json: a list for programs
 * @summary: a line for each; else a table
 */
struct nat_lab_probe {
	const struct nat_named *nats;
	size_t n_nats;
	unsigned lifetime_s;
	bool json;
	bool summary;
};

/**
 * nat_lab_probe() - measure NATs, several at a time, and print what was found
 * @arg: a struct nat_lab_probe
 *
 * Return: an enum run_exit: RUN_FAILED when any is not as declared.
 */
int nat_lab_probe(struct lab *lab, void *arg);
/**
 * nat_lab_rules() - load a NAT and print its rules, as nft shows them
 * @arg: a struct nat_named
 *
 * Return: an enum run_exit.
 */
int nat_lab_rules(struct lab *lab, void *arg);

#endif
