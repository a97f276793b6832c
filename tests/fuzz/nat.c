/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A NAT that somebody wrote down: as it was measured, which may be only a part,
 * and as it is declared. There are words about what is wrong, or there is a NAT
 * that, printed and read again, is the same.
 */
#include "tests/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "lab/nat_json.h"
#include "lab/scenario.h"
#include "tests/fuzz/file.h"

#include <errno.h>

#define FILE_NAME "n.json"

/* Return: whether it is a part of a NAT. */
static bool read_part(const char *text, size_t len, struct nat_part *ret_part)
{
	struct error err = {0};
	int r;

	(void)memset(ret_part, 0, sizeof(*ret_part));
	r = nat_part_read(text, len, FILE_NAME, ret_part, &err);
	if (r < 0)
		FUZZ_CHECK(r == -EINVAL && err.code == EINVAL &&
			   strncmp(err.text, FILE_NAME, strlen(FILE_NAME)) == 0);
	return r == 0;
}

/* The printed one says the same; what it says of members that nobody knows is not asked. */
static void check_part_again(const struct nat_part *part)
{
	json_t *json = nat_part_json(part);
	char *text = json ? json_dumps(json, 0) : NULL;
	struct nat_part again;
	struct nat a = {0}, b = {0};

	FUZZ_CHECK(text && read_part(text, strlen(text), &again));
	FUZZ_CHECK(memcmp(&again.known, &part->known, sizeof(again.known)) == 0);
	nat_part_apply(part, &a);
	nat_part_apply(&again, &b);
	FUZZ_CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	free(text);
	json_decref(json);
}

static void check_declared(const char *text, size_t len)
{
	struct scenario_errors errors;
	struct nat nat;
	json_t *json;
	int r = scenario_nat_read(text, len, FILE_NAME, &nat, &errors);

	FUZZ_CHECK(r == 0 || (r == -EINVAL && errors.n > 0));
	scenario_errors_free(&errors);
	if (r < 0)
		return;
	FUZZ_CHECK(nat_check(&nat, NULL) == 0);
	json = nat_json(&nat);
	FUZZ_CHECK(json);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = file_split(data, size);
	cleanup_free uint8_t *copy = fuzz_copy(data, len);
	const char *text = (const char *)copy;
	struct nat_part part;

	if (read_part(text, len, &part))
		check_part_again(&part);
	check_declared(text, len);
	return 0;
}
