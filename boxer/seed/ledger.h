/* SPDX-License-Identifier: MIT */
/*
 * Interface for the ledger: it keeps the seed's state file true. Ids are written
 * before they are used. That somebody joins or leaves is written before it is told,
 * but who, only a moment later, at once for all of that moment: who reads the file of
 * a seed that was killed in it knows that it does not know all. A file that can't be
 * written is tried again in time, and no join waits for that.
 */
#ifndef BOXER_SEED_LEDGER_H
#define BOXER_SEED_LEDGER_H

#include "base/error.h"

#include <stdint.h>

#define LEDGER_NS      (500 * 1000000ULL)  /* for more changes to come */
#define LEDGER_BUSY_NS (2 * 1000000000ULL) /* the same, if it was written that lately */

struct seed;

/** ledger_open() - with what the file says. Return: 0, or -errno with words. */
int ledger_open(struct seed *seed, struct error *err);
/** ledger_close() - as of now, for good; before members are let go. */
void ledger_close(struct seed *seed);
/** ledger_change() - a place is being taken, with an id below @seed->next_id, or left. */
void ledger_change(struct seed *seed);

#endif
