/* SPDX-License-Identifier: MIT */
#include "tests/boxer/joiner.h"

#include <string.h>

struct boxer_options joiner_options(const struct cluster *c, const char *name)
{
	return (struct boxer_options){
		.size = sizeof(struct boxer_options),
		.seed = c->text,
		.key_file = CLUSTER_KEY,
		.name = name,
		.timeout_ms = 20000,
		.program = BOXER_PATH,
	};
}

struct boxer *joiner_join(const struct cluster *c, const char *name)
{
	struct boxer_options options = joiner_options(c, name);
	struct boxer *boxer = NULL;
	int r = boxer_join(&options, &boxer);

	USERNS_CHECK(r == 0, "%s: %s (%s)", name, strerror(-r), boxer_reason());
	return boxer;
}

struct boxer *joiner_open(uint32_t id)
{
	struct boxer *boxer = NULL;
	int r = boxer_open_id(id, &boxer);

	USERNS_CHECK(r == 0, "%u: %s", id, strerror(-r));
	return boxer;
}
