/* SPDX-License-Identifier: MIT */
#include "boxer/shim/pending.h"

#include <stdatomic.h>
#include <stddef.h>

/* A function may have 1024 descriptors open (BOXER.md); each cookie has PROBES places. */
#define SLOTS  2048u
#define PROBES 16u

static _Atomic uint64_t slots[SLOTS];
static _Atomic unsigned n_used;

/* The kernel gives cookies out one after the other, so they spread as they are. */
static _Atomic uint64_t *slot(uint64_t cookie, unsigned probe)
{
	return &slots[(cookie + probe) % SLOTS];
}

static _Atomic uint64_t *find(uint64_t cookie)
{
	for (unsigned i = 0; i < PROBES; i++)
		if (atomic_load(slot(cookie, i)) == cookie)
			return slot(cookie, i);
	return NULL;
}

void pending_add(uint64_t cookie)
{
	if (!cookie || find(cookie))
		return;
	for (unsigned i = 0; i < PROBES; i++) {
		uint64_t none = 0;

		if (atomic_compare_exchange_strong(slot(cookie, i), &none, cookie)) {
			atomic_fetch_add(&n_used, 1);
			return;
		}
	}
	if (atomic_exchange(slot(cookie, 0), cookie) == 0)
		atomic_fetch_add(&n_used, 1);
}

bool pending_has(uint64_t cookie)
{
	return cookie && find(cookie);
}

void pending_drop(uint64_t cookie)
{
	_Atomic uint64_t *found = cookie ? find(cookie) : NULL;

	if (found && atomic_compare_exchange_strong(found, &cookie, 0))
		atomic_fetch_sub(&n_used, 1);
}

bool pending_any(void)
{
	return atomic_load_explicit(&n_used, memory_order_relaxed) != 0;
}
