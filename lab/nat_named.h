/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for NATs that a person names on a command line: a preset, one of the nine
 * pairs of mapping and filtering ("adm-eif"), or a file that declares one.
 */
#ifndef LAB_NAT_NAMED_H
#define LAB_NAT_NAMED_H

#include "topo/nat.h"

#define NAT_NAMED_MAX 128

/** struct nat_named - a NAT and what it was called */
struct nat_named {
	char name[NAT_NAMED_MAX];
	struct nat nat;
};

/** nat_named_find() - Return: 0, or the exit code after words on stderr. */
int nat_named_find(const char *name, struct nat_named *ret_nat);
/**
 * nat_named_all() - all that can be measured: the presets that translate, and the pairs
 *
 * Return: how many, or -ENOMEM; free() the array.
 */
int nat_named_all(struct nat_named **ret_nats);

#endif
