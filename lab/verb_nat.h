/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between the verb "nat" and its own verbs. Each gets "boxlab nat VERB" as
 * argv[0], and returns the exit code.
 */
#ifndef LAB_VERB_NAT_H
#define LAB_VERB_NAT_H

int verb_nat_list(int argc, char **argv);
int verb_nat_show(int argc, char **argv);
int verb_nat_probe(int argc, char **argv);
int verb_nat_state(int argc, char **argv);

#endif
