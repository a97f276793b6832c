/* SPDX-License-Identifier: MIT */
/*
 * Interface for tshark with Boxer's dissector. For use in the helper of
 * tests/support/userns.
 */
#ifndef TESTS_BOXER_TSHARK_H
#define TESTS_BOXER_TSHARK_H

#include <stddef.h>

#define TSHARK_TEXT_MAX (1024 * 1024)

/* Filters: what a dissector says of frames that are not as they should be. */
#define TSHARK_MALFORMED   "boxer.cut or boxer.left_over or boxer.bad_value or boxer.unknown_type"
#define TSHARK_UNDECODED   "boxer.continuation or boxer.not_captured or boxer.other_version"
#define TSHARK_OUT_OF_STEP "boxer.before_proof"
#define TSHARK_LUA_ERROR   "_ws.expert.message contains \"Lua\""
#define TSHARK_ANYTHING_WRONG                                                     \
	TSHARK_MALFORMED " or " TSHARK_UNDECODED " or " TSHARK_OUT_OF_STEP " or " \
			 "boxer.unknown_number or " TSHARK_LUA_ERROR

/** tshark_need() - the test is skipped where there is none that understands Lua. */
void tshark_need(void);
/**
 * tshark_fields() - what it sees in the packets of @path that @filter lets through
 * @...: names of fields, up to NULL
 *
 * Return: a line for each packet, a tab between fields, a comma between several of one
 * name; valid until the next call.
 */
const char *tshark_fields(const char *path, const char *filter, ...) __attribute__((sentinel));

#endif
