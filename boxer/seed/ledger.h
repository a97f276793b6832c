/* SPDX-License-Identifier: MIT */
/*
 * Interface for the ledger: it keeps the seed's state file true. Ids are written
 * before they are used. Who holds which place is written a moment after it has
 * changed, once for all that change in that moment: a seed that is killed in it has
 * lost no more than the reservation, for a member's claim is believed without one.
 */
#ifndef BOXER_SEED_LEDGER_H
#define BOXER_SEED_LEDGER_H

#include "base/error.h"

#include <stdint.h>

#define LEDGER_NS (500 * 1000000ULL) /* between a change and its writing */

struct seed;

/** ledger_open() - with what the file says. Return: 0, or -errno with words. */
int ledger_open(struct seed *seed, struct error *err);
/** ledger_close() - as of now, for good; before members are let go. */
void ledger_close(struct seed *seed);
/** ledger_use_id() - @id is going to be used. */
void ledger_use_id(struct seed *seed, uint32_t id);
/** ledger_changed() - a place has been taken or left. */
void ledger_changed(struct seed *seed);

#endif
