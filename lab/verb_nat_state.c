/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/door_client.h"
#include "lab/run.h"
#include "lab/verb_nat.h"
#include "lab/verbs.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: boxlab nat state [LAB] [NAT] [--json]\n"
	"\n"
	"Show what the NATs of a running lab, or one of them, remember at this moment:\n"
	"mappings, who may send through them, and flows. LAB may be the beginning of an\n"
	"id, or \"-\" or be left out when only one lab is running.\n"
	"\n"
	"  --json   for programs\n";

static const char *text_of(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));

	return text ? text : "-";
}

static void print_table(const json_t *nat, const char *title, const char *table,
			const char *const *keys, size_t n_keys)
{
	const json_t *list = json_object_get(nat, table), *entry;
	size_t i;

	if (!json_array_size(list))
		return;
	(void)printf("  %-6s", title);
	for (size_t k = 0; k < n_keys; k++)
		(void)printf("  %-21s", keys[k]);
	(void)putchar('\n');
	json_array_foreach(list, i, entry)
	{
		const json_t *expires = json_object_get(entry, "expires_s");

		(void)printf("  %-6s", text_of(entry, "proto"));
		for (size_t k = 0; k < n_keys; k++)
			(void)printf("  %-21s", text_of(entry, keys[k]));
		if (json_number_value(expires) > 0)
			(void)printf("  %.1f s", json_number_value(expires));
		(void)putchar('\n');
	}
}

static void print(const json_t *nats)
{
	static const char *const mapping[] = {"inside", "external", "remote"};
	static const char *const filter[] = {"external", "remote"};
	static const char *const flow[] = {"src", "dst", "reply_src", "reply_dst", "state"};
	const json_t *nat;
	size_t i;

	json_array_foreach(nats, i, nat)
	{
		(void)printf("%s%s\n", i ? "\n" : "", text_of(nat, "nat"));
		print_table(nat, "MAPS", "mappings", mapping, ARRAY_SIZE(mapping));
		print_table(nat, "LETS", "filters", filter, ARRAY_SIZE(filter));
		print_table(nat, "FLOWS", "flows", flow, ARRAY_SIZE(flow));
	}
}

static int complain(const struct error *err)
{
	(void)fprintf(stderr, "boxlab: %s\n", err->text);
	return err->code == ENOENT || err->code == ENOTUNIQ || err->code == EINVAL ? RUN_MISUSED
										   : RUN_UNABLE;
}

static int show_state(const char *id, const char *nat, bool json)
{
	cleanup_close int sock = -1;
	cleanup_close int fd = -1;
	struct door_lab lab;
	struct error err;
	json_t *nats;

	if (door_open(id && strcmp(id, "-") == 0 ? NULL : id, &lab, &err) < 0)
		return complain(&err);
	sock = lab.sock;
	fd = door_state(&lab, nat, &err);
	if (fd < 0)
		return complain(&err);
	(void)lseek(fd, 0, SEEK_SET);
	nats = json_loadfd(fd, 0, NULL);
	if (!nats) {
		(void)error_set(&err, EPROTO, "the lab \"%s\" sent what is no JSON", lab.id);
		return complain(&err);
	}
	if (json)
		(void)json_dumpf(nats, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	if (json)
		(void)putchar('\n');
	else
		print(nats);
	json_decref(nats);
	return RUN_PASSED;
}

int verb_nat_state(int argc, char **argv)
{
	bool json;
	int r = verb_only_json(argc, argv, usage, 2, &json);

	if (r >= 0)
		return r;
	return show_state(argc > optind ? argv[optind] : NULL,
			  argc > optind + 1 ? argv[optind + 1] : NULL, json);
}
