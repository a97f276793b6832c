/* SPDX-License-Identifier: MIT */
/* The tables of the dissector for Wireshark say what the sources say. */
#include "base/cleanup.h"
#include "boxer/auth.h"
#include "boxer/frame.h"
#include "boxer/reason.h"
#include "boxer/strategy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define WORDS	 256
#define WORD_MAX 64
#define TEXT_MAX (128 * 1024)

/* A word for each number; empty: none. */
struct words {
	char list[WORDS][WORD_MAX];
};

static void read_file(const char *path, char ret_text[static TEXT_MAX])
{
	FILE *file = fopen(path, "re");
	size_t n;

	cr_assert(file, "%s: %m", path);
	n = fread(ret_text, 1, TEXT_MAX, file);
	(void)fclose(file);
	cr_assert(n > 0 && n < TEXT_MAX, "%s: %zu bytes", path, n);
	ret_text[n] = '\0';
}

/* A line of a table: of the dissector's, or of enum frame_type. */
static bool read_line(const char *line, unsigned *ret_number, char ret_word[static WORD_MAX])
{
	return sscanf(line, "\t[%u] = \"%63[^\"]\",", ret_number, ret_word) == 2 ||
	       sscanf(line, "\tFRAME_%63[A-Z] = %u,", ret_word, ret_number) == 2;
}

/* Lines between the one that is @first and the next that begins with '}'. */
static struct words read_words(const char *path, const char *first)
{
	static char text[TEXT_MAX];
	struct words w = {0};
	char *line, *save;
	unsigned n = 0;

	read_file(path, text);
	line = strstr(text, first);
	cr_assert(line, "%s has no '%s'", path, first);
	for (line = strtok_r(line + strlen(first), "\n", &save); line && *line != '}';
	     line = strtok_r(NULL, "\n", &save)) {
		char word[WORD_MAX];
		unsigned number;

		if (!read_line(line, &number, word))
			continue;
		cr_assert(number < WORDS && !*w.list[number], "%s: %u", first, number);
		(void)snprintf(w.list[number], WORD_MAX, "%s", word);
		n++;
	}
	cr_assert_gt(n, 0, "%s: nothing below '%s'", path, first);
	return w;
}

static struct words lua_words(const char *table)
{
	char first[64];

	(void)snprintf(first, sizeof(first), "\nlocal %s = {\n", table);
	return read_words(DISSECTOR_PATH, first);
}

static void assert_word(const char *table, const struct words *w, unsigned number,
			const char *expected)
{
	cr_expect_str_eq(w->list[number], expected ? expected : "", "%s %u", table, number);
}

Test(dissector_table, of_types_is_that_of_the_frames)
{
	struct words lua = lua_words("types");
	struct words c = read_words(FRAME_H_PATH, "\nenum frame_type {\n");

	for (unsigned i = 0; i < WORDS; i++)
		assert_word("type", &lua, i, c.list[i]);
}

Test(dissector_table, of_reasons_is_that_of_the_reasons)
{
	struct words lua = lua_words("reasons");

	for (unsigned i = 0; i < WORDS; i++)
		assert_word("reason", &lua, i, i < REASON_MAX ? reason_name((enum reason)i) : NULL);
}

Test(dissector_table, of_strategies_is_that_of_the_strategies)
{
	struct words lua = lua_words("strategies");

	for (unsigned i = 0; i < WORDS; i++)
		assert_word("strategy", &lua, i,
			    strategy_by_id(i) ? strategy_by_id(i)->name : NULL);
}

static const struct {
	const char *table;
	const char *const *names;
	unsigned count;
} profiles[] = {
	{"mappings", profile_mapping_names, PROFILE_MAPPING_COUNT},
	{"ports", profile_ports_names, PROFILE_PORTS_COUNT},
	{"filterings", profile_filtering_names, PROFILE_FILTERING_COUNT},
	{"refusals", profile_refusal_names, PROFILE_REFUSAL_COUNT},
};

Test(dissector_table, of_each_part_of_a_profile_is_that_of_the_profile)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct words lua = lua_words(profiles[i].table);

		for (unsigned j = 0; j < WORDS; j++)
			assert_word(profiles[i].table, &lua, j,
				    j < profiles[i].count ? profiles[i].names[j] : NULL);
	}
}

Test(dissector_table, of_constants_is_that_of_the_frames)
{
	static char text[TEXT_MAX];
	char expected[256];

	read_file(DISSECTOR_PATH, text);
	(void)snprintf(expected, sizeof(expected), "\nlocal MAGIC, VERSION = 0x%x, %u\n",
		       FRAME_MAGIC, FRAME_VERSION);
	cr_expect(strstr(text, expected), "%s", expected);
	(void)snprintf(expected, sizeof(expected),
		       "\nlocal HEADER_LEN, BODY_MAX, CODE_LEN, TOKEN_LEN = %u, %u, %u, %u\n",
		       FRAME_HEADER_LEN, FRAME_BODY_MAX, FRAME_MAC_LEN, FRAME_TOKEN_LEN);
	cr_expect(strstr(text, expected), "%s", expected);
	(void)snprintf(expected, sizeof(expected), "\nlocal ID_JOINING, ID_SEED = 0x%x, 0x%x\n",
		       FRAME_ID_JOINING, FRAME_ID_SEED);
	cr_expect(strstr(text, expected), "%s", expected);
	(void)snprintf(expected, sizeof(expected), "\nlocal FIRST_SEALED = %u\n", FRAME_JOIN);
	cr_expect(strstr(text, expected), "%s", expected);
	(void)snprintf(expected, sizeof(expected),
		       "\nlocal HELLO, PROOF, RELAY, RELAYED = %u, %u, %u, %u\n", FRAME_HELLO,
		       FRAME_PROOF, FRAME_RELAY, FRAME_RELAYED);
	cr_expect(strstr(text, expected), "%s", expected);
	/* The one code length serves both. */
	cr_expect_eq(FRAME_CODE_LEN, FRAME_MAC_LEN);
}

/* docs/protocol.md has a row for each type, and a cell for each reason. */
Test(dissector_table, of_types_and_reasons_is_that_of_the_document)
{
	struct words types = lua_words("types"), reasons = lua_words("reasons");
	static char text[TEXT_MAX];
	char expected[128];

	read_file(PROTOCOL_MD_PATH, text);
	for (unsigned i = 0; i < WORDS; i++) {
		if (*types.list[i] && i != FRAME_PING && i != FRAME_PONG) {
			(void)snprintf(expected, sizeof(expected), "\n| %u | %s | ", i,
				       types.list[i]);
			cr_expect(strstr(text, expected), "%s", expected);
		}
		if (*reasons.list[i]) {
			(void)snprintf(expected, sizeof(expected), "| %u %s |", i, reasons.list[i]);
			cr_expect(strstr(text, expected), "%s", expected);
		}
	}
}
