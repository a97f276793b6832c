/* SPDX-License-Identifier: MIT */
/* The tables: reasons, strategies, and what is known of a NAT. */
#include "base/cleanup.h"
#include "boxer/reason.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

Test(reason, has_a_name_of_its_own)
{
	for (int i = 0; i < REASON_MAX; i++) {
		const char *name = reason_name((enum reason)i);

		cr_assert(name && *name, "reason %d", i);
		cr_expect_str_neq(name, "unknown");
		for (const char *c = name; *c; c++)
			cr_expect(islower((unsigned char)*c) || *c == '-', "%s", name);
		for (int j = 0; j < i; j++)
			cr_expect_str_neq(name, reason_name((enum reason)j));
	}
}

Test(reason, has_an_errno_that_connect_may_give)
{
	cr_expect_eq(reason_errno(REASON_NONE), 0);
	for (int i = REASON_NONE + 1; i < REASON_MAX; i++) {
		int error = reason_errno((enum reason)i);

		cr_expect(error > 0 && strerrorname_np(error), "%s: %d",
			  reason_name((enum reason)i), error);
	}
	/* These two are what programs act upon. */
	cr_expect_eq(reason_errno(REASON_REFUSED), ECONNREFUSED);
	cr_expect_eq(reason_errno(REASON_TIMEOUT), ETIMEDOUT);
}

Test(reason, of_a_newer_peer_is_unknown)
{
	static const unsigned numbers[] = {REASON_MAX, REASON_MAX + 1, 65535, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		cr_expect_str_eq(reason_name((enum reason)numbers[i]), "unknown");
		cr_expect_eq(reason_errno((enum reason)numbers[i]), EIO);
	}
}

/* The numbers are the protocol's: a row put in between would change them. */
Test(reason, has_the_number_of_the_protocol)
{
	static const char *const names[] = {
		"none",
		"timeout",
		"seed-unreachable",
		"wrong-key",
		"wrong-version",
		"protocol-violation",
		"duplicate-name",
		"duplicate-address",
		"cluster-full",
		"not-a-member",
		"no-link",
		"refused",
		"not-intercepted",
		"port-unknown",
		"unreachable",
		"local-resource",
		"left",
		"lost",
		"duplicate-id",
		"surplus",
		"no-strategy",
		"not-allowed",
		"not-found",
		"relay-failed",
		"reset",
		"busy",
	};

	cr_assert_geq((size_t)REASON_MAX, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		cr_expect_str_eq(reason_name((enum reason)i), names[i]);
}
