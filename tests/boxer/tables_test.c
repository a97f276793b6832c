/* SPDX-License-Identifier: MIT */
/* The tables: reasons, strategies, and what is known of a NAT. */
#include "base/cleanup.h"
#include "boxer/profile.h"
#include "boxer/reason.h"
#include "boxer/strategy.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
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
		"port-not-kept",
		"unreachable",
		"local-resource",
		"left",
	};

	cr_assert_geq((size_t)REASON_MAX, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		cr_expect_str_eq(reason_name((enum reason)i), names[i]);
}

static struct profile observed(uint16_t local_port, uint16_t observed_port)
{
	struct addr local = addr_v4(0x0a000002, local_port);
	struct addr seen = addr_v4(0xcb007109, observed_port);
	struct profile p = {0};

	profile_observe(&p, &local, &seen);
	return p;
}

Test(profile, knows_nothing_at_first)
{
	struct profile p = {0};
	struct addr a = addr_v4(1, 1), before = a;

	cr_expect_eq(p.ports, PROFILE_PORTS_UNKNOWN);
	cr_expect_eq(profile_external(&p, 80, &a), -ENODATA);
	cr_expect(addr_equal(&a, &before));
}

Test(profile, predicts_the_port_of_a_nat_that_keeps_ports)
{
	struct profile p = observed(4000, 4000);
	struct addr expected = addr_v4(0xcb007109, 80), a;

	cr_expect_eq(p.ports, PROFILE_PORTS_KEPT);
	cr_expect_eq(p.external.port, 0);
	cr_assert_eq(profile_external(&p, 80, &a), 0);
	cr_expect(addr_equal(&a, &expected));
}

Test(profile, does_not_guess_behind_a_nat_that_changes_ports)
{
	struct profile p = observed(4000, 4001);
	struct addr a = addr_v4(1, 1), before = a;

	cr_expect_eq(p.ports, PROFILE_PORTS_CHANGED);
	cr_expect_eq(profile_external(&p, 80, &a), -ENODATA);
	cr_expect(addr_equal(&a, &before));
}

Test(profile, believes_the_last_observation)
{
	struct addr local = addr_v4(0x0a000002, 4000), seen = addr_v4(0xcb00710a, 4001);
	struct profile p = observed(4000, 4000);

	profile_observe(&p, &local, &seen);
	cr_expect_eq(p.ports, PROFILE_PORTS_CHANGED);
	seen.port = 4000;
	profile_observe(&p, &local, &seen);
	cr_expect_eq(p.ports, PROFILE_PORTS_KEPT);
	cr_expect_eq(addr_v4_value(&p.external), 0xcb00710a);
}

/* Two of the numbers are on the wire. */
Test(strategy, is_found_by_the_number_of_the_protocol)
{
	cr_assert(strategy_by_id(1) && strategy_by_id(2));
	cr_expect_str_eq(strategy_by_id(1)->name, "sequential");
	cr_expect_not(strategy_by_id(1)->keeps_socket);
	cr_expect_str_eq(strategy_by_id(2)->name, "simultaneous");
	cr_expect(strategy_by_id(2)->keeps_socket);
}

Test(strategy, table_is_whole)
{
	const struct strategy *rows[256];
	size_t n = 0;

	for (unsigned id = 0; id < 256; id++) {
		const struct strategy *s = strategy_by_id(id);

		if (!s)
			continue;
		cr_expect_eq(s->id, id);
		cr_expect(s->name && *s->name && s->applies, "%u", id);
		for (size_t i = 0; i < n; i++)
			cr_expect_str_neq(rows[i]->name, s->name);
		rows[n++] = s;
	}
	cr_expect_null(strategy_by_id(0));
	cr_expect_null(strategy_by_id(256 + 1));
	cr_expect_null(strategy_by_id(UINT32_MAX));
}

static const struct {
	bool waits;
	enum profile_ports ports;
	const char *chosen; /* NULL: none */
	enum reason reason;
} choices[] = {
	{true, PROFILE_PORTS_KEPT, "sequential", REASON_NONE},
	{false, PROFILE_PORTS_KEPT, "simultaneous", REASON_NONE},
	{true, PROFILE_PORTS_CHANGED, NULL, REASON_PORT_NOT_KEPT},
	{false, PROFILE_PORTS_CHANGED, NULL, REASON_PORT_NOT_KEPT},
	{true, PROFILE_PORTS_UNKNOWN, NULL, REASON_PORT_NOT_KEPT},
	{false, PROFILE_PORTS_UNKNOWN, NULL, REASON_PORT_NOT_KEPT},
};

Test(strategy, is_chosen_by_what_waits_and_what_is_known)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		struct profile p = {.ports = choices[i].ports};
		struct strategy_request request = {.waits = choices[i].waits, .self = &p};
		enum reason reason = REASON_MAX;
		const struct strategy *s = strategy_choose(&request, &reason);

		cr_expect_eq(reason, choices[i].reason, "row %zu: %s", i, reason_name(reason));
		cr_assert_eq(s != NULL, choices[i].chosen != NULL, "row %zu", i);
		if (s)
			cr_expect_str_eq(s->name, choices[i].chosen);
	}
}
