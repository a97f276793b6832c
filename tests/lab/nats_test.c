/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a scenario says of NATs, by keys and by files.
 */
#include "support.h"

#include "base/cleanup.h"
#include "lab/nat_json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char all_keys[] = "name: t\n"
			       "nats:\n"
			       "  n:\n"
			       "    udp: {hairpin: internal, mapping: adm}\n"
			       "    preset: symmetric\n"
			       "    mapping: eim\n"
			       "    filtering: eif\n"
			       "    allocation: preserve\n"
			       "    conflict: sequential\n"
			       "    hairpin: external\n"
			       "    tcp: {filtering: adf}\n"
			       "    unsolicited: icmp\n"
			       "    tcp_tracking: liberal\n"
			       "    simultaneous_open: off\n"
			       "    loose: no\n"
			       "    expired: rst\n"
			       "    pooling: arbitrary\n"
			       "    addresses: 4\n"
			       "    ports: 2000-2999\n"
			       "    block_size: 128\n"
			       "    hash_seed: 0\n"
			       "    timeouts: {udp: 30s, tcp_established: 2h}\n"
			       "    limits: {table: 100, flows_per_host: none}\n"
			       "nodes:\n"
			       "  h: {role: host, behind: n}\n";

Test(nats, every_key_goes_where_it_belongs)
{
	struct scenario *scenario = scenario_of(all_keys);
	const struct nat *nat = &scenario->nats[0].nat;

	cr_expect_str_eq(nat->preset, "symmetric");
	cr_expect_eq(nat->tcp.mapping, NAT_MAPPING_EIM);
	cr_expect_eq(nat->udp.mapping, NAT_MAPPING_ADM);
	cr_expect_eq(nat->tcp.filtering, NAT_FILTERING_ADF);
	cr_expect_eq(nat->udp.filtering, NAT_FILTERING_EIF);
	cr_expect_eq(nat->tcp.allocation, NAT_ALLOCATION_PRESERVE);
	cr_expect_eq(nat->udp.conflict, NAT_CONFLICT_SEQUENTIAL);
	cr_expect_eq(nat->tcp.hairpin, NAT_HAIRPIN_EXTERNAL);
	cr_expect_eq(nat->udp.hairpin, NAT_HAIRPIN_INTERNAL);
	cr_expect_eq(nat->unsolicited, NAT_UNSOLICITED_ICMP);
	cr_expect_eq(nat->tcp_tracking, NAT_TCP_LIBERAL);
	cr_expect(!nat->simultaneous_open && !nat->loose);
	cr_expect_eq(nat->expired, NAT_EXPIRED_RST);
	cr_expect_eq(nat->pooling, NAT_POOLING_ARBITRARY);
	cr_expect_eq(nat->addresses, 4);
	cr_expect(nat->port_min == 2000 && nat->port_max == 2999);
	cr_expect(nat->block_size == 128 && nat->hash_seed == 0);
	cr_expect(nat->timeouts.udp == 30 && nat->timeouts.tcp_established == 7200);
	cr_expect_eq(nat->timeouts.udp_stream,
		     nat_preset_find("symmetric")->nat.timeouts.udp_stream);
	cr_expect(nat->limits.table == 100 && nat->limits.flows_per_host == 0);
	scenario_free(scenario);
}

Test(nats, every_preset_is_one_by_its_name)
{
	size_t n;
	const struct nat_preset *presets = nat_presets(&n);

	for (size_t i = 0; i < n; i++) {
		cleanup_free char *text = NULL;
		struct scenario *scenario;

		cr_assert_geq(
			asprintf(&text, HEAD "  h: {role: host, nat: %s}\n", presets[i].nat.preset),
			0);
		scenario = scenario_of(text);
		cr_expect_eq(memcmp(&scenario->nodes[0].nat->nat, &presets[i].nat,
				    sizeof(presets[i].nat)),
			     0, "%s", presets[i].nat.preset);
		scenario_free(scenario);
	}
}

#define NODE "  h: {role: host, nat: {"

static const struct refused refused[] = {
	{"ports the wrong way round", HEAD NODE "ports: 5-4}}\n",
	 "t.yaml:3:32: ports: expected ports such as 1024-65535, found '5-4'\n"},
	{"ports that are none", HEAD NODE "ports: 0-70000}}\n",
	 "t.yaml:3:32: ports: expected ports such as 1024-65535, found '0-70000'\n"},
	{"ports without an end", HEAD NODE "ports: 1024-}}\n",
	 "t.yaml:3:32: ports: expected ports such as 1024-65535, found '1024-'\n"},
	{"a timeout in parts of seconds", HEAD NODE "timeouts: {udp: 1500ms}}}\n",
	 "t.yaml:3:41: udp: expected a duration from 1s to 480h, such as 2s or 1min, found "
	 "'1500ms'\n"},
	{"a timeout of nothing", HEAD NODE "timeouts: {udp: 0s}}}\n",
	 "t.yaml:3:41: udp: expected a duration from 1s to 480h, such as 2s or 1min, found "
	 "'0s'\n"},
	{"a limit of nothing", HEAD NODE "limits: {table: 0}}}\n",
	 "t.yaml:3:41: table: expected an integer from 1 to 4294967295 or none, found '0'\n"},
	{"an unknown behaviour", HEAD NODE "udp: {maping: eim}}}\n",
	 "t.yaml:3:31: unknown key 'maping', did you mean 'mapping'?\n"},
	{"too many addresses", HEAD NODE "addresses: 17}}\n",
	 "t.yaml:3:36: addresses: expected an integer from 1 to 16, found '17'\n"},
	{"no list of names", HEAD NODE "one_to_one: {h: x}}}\n",
	 "t.yaml:3:37: one_to_one: expected a name, or a list of at most 16 names, found a "
	 "mapping\n"},
	{"no name in a list of names", HEAD NODE "one_to_one: [h, [h]]}}\n",
	 "t.yaml:3:41: one_to_one: expected a name, found a list\n"},
	{"an empty list of names", HEAD NODE "one_to_one: []}}\n",
	 "t.yaml:3:37: one_to_one: expected 1 to 16 names, found 0\n"},
	{"a file that is not there", HEAD NODE "from: no/such.json}}\n",
	 "t.yaml:3:31: no/such.json: No such file or directory\n"},
	{"a file that is a device", HEAD NODE "from: /dev/zero}}\n",
	 "t.yaml:3:31: /dev/zero: Invalid argument\n"},
	{"a file that is a directory", HEAD NODE "from: /}}\n", "t.yaml:3:31: /: Is a directory\n"},
};

Test(nats, errors_name_their_place)
{
	expect_refused(refused, ARRAY_SIZE(refused));
}

/* ---- declared by a file ---- */

/** struct folder - a scenario and the file that it names */
struct folder {
	char path[64];
	char scenario[128], file[128];
};

static void make_folder(struct folder *folder, const char *content)
{
	int fd;

	(void)strcpy(folder->path, "/tmp/nats-test-XXXXXX");
	cr_assert(mkdtemp(folder->path));
	(void)snprintf(folder->scenario, sizeof(folder->scenario), "%s/s.yaml", folder->path);
	(void)snprintf(folder->file, sizeof(folder->file), "%s/n.json", folder->path);
	fd = open(folder->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	(void)close(fd);
}

static void remove_folder(const struct folder *folder)
{
	(void)unlink(folder->file);
	(void)rmdir(folder->path);
}

/* What natprobe wrote, and a document with @keys beside it. */
static int read_with(const char *content, const char *keys, struct scenario **ret_scenario,
		     struct scenario_errors *ret_errors, size_t *ret_prefix)
{
	cleanup_free char *text = NULL;
	struct folder folder;
	int r;

	make_folder(&folder, content);
	cr_assert_geq(asprintf(&text, HEAD NODE "from: n.json%s}}\n", keys), 0);
	r = scenario_read(text, strlen(text), folder.scenario, ret_scenario, ret_errors);
	*ret_prefix = strlen(folder.path) + 1;
	remove_folder(&folder);
	return r;
}

static const char measured[] =
	"{\"tcp\": {\"mapping\": \"eim\", \"filtering\": \"adf\", \"hairpin\": \"off\"},\n"
	" \"udp\": {\"mapping\": \"apdm\"},\n"
	" \"unsolicited\": \"rst\", \"simultaneous_open\": false, \"addresses\": 2,\n"
	" \"timeouts\": {\"udp\": \"5s\", \"tcp_established\": \"1min\"}}\n";

Test(nats, a_file_overrules_the_preset_and_is_overruled)
{
	struct scenario *scenario = NULL;
	struct scenario_errors errors;
	const struct nat *nat;
	size_t prefix;

	cr_assert_eq(read_with(measured, ", filtering: apdf, preset: full-cone, addresses: 3",
			       &scenario, &errors, &prefix),
		     0);
	nat = &scenario->nodes[0].nat->nat;
	cr_expect_str_eq(scenario->nodes[0].nat->from, "n.json");
	cr_expect_str_eq(nat->preset, "full-cone");
	cr_expect_eq(nat->tcp.mapping, NAT_MAPPING_EIM);
	cr_expect_eq(nat->udp.mapping, NAT_MAPPING_APDM);
	cr_expect_eq(nat->tcp.filtering, NAT_FILTERING_APDF, "beside the file");
	cr_expect_eq(nat->tcp.hairpin, NAT_HAIRPIN_OFF, "the file's");
	cr_expect_eq(nat->udp.hairpin, NAT_HAIRPIN_EXTERNAL, "the preset's");
	cr_expect_eq(nat->unsolicited, NAT_UNSOLICITED_RST);
	cr_expect(!nat->simultaneous_open && nat->loose);
	cr_expect_eq(nat->addresses, 3);
	cr_expect(nat->timeouts.udp == 5 && nat->timeouts.tcp_established == 60);
	scenario_free(scenario);
	scenario_errors_free(&errors);
}

static const struct {
	const char *content, *errors;
} bad_files[] = {
	{"{\"tcp\": {\"mapping\": \"cone\"},\n \"udpp\": {}}\n",
	 "n.json:1:21: mapping: expected eim, adm, apdm or none, found the text 'cone', did you "
	 "mean 'none'?\n"
	 "n.json:2:2: unknown key 'udpp', did you mean 'udp'?\n"},
	{"{\"preset\": \"linux\", \"timeouts\": {\"udp\": 5}}\n",
	 "n.json:1:2: unknown key 'preset'\n"
	 "n.json:1:41: udp: expected a duration from 1s to 480h, such as 2s or 1min, found '5'\n"},
	{"[]\n", "n.json:1:1: expected a declaration of a NAT as a mapping, found a list\n"},
	{"{\"tcp\": ", NULL},
	{"", NULL},
};

Test(nats, errors_of_a_file_name_the_file)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_files); i++) {
		struct scenario *scenario = NULL;
		struct scenario_errors errors;
		const char *at = bad_files[i].errors;
		size_t prefix;

		cr_assert_eq(read_with(bad_files[i].content, "", &scenario, &errors, &prefix),
			     -EINVAL);
		cr_expect_gt(errors.n, 0);
		for (size_t k = 0; k < errors.n; k++) {
			const char *text = errors.text[k] + prefix;
			size_t len = at ? strcspn(at, "\n") : strlen("n.json:");

			cr_expect_eq(strncmp(text, at ? at : "n.json:", len), 0, "%s", text);
			at += at ? len + 1 : 0;
		}
		cr_expect(!at || !*at, "missing: %s", at);
		scenario_errors_free(&errors);
	}
}

/* ---- JSON ---- */

Test(nats, what_is_printed_is_read_again)
{
	size_t n;
	const struct nat_preset *presets = nat_presets(&n);

	for (size_t i = 0; i < n; i++) {
		json_t *json = nat_json(&presets[i].nat);
		cleanup_free char *text = NULL;
		struct nat nat = {0};
		struct nat_part part;
		struct error err;

		cr_assert(json);
		(void)json_object_del(json, "preset");
		(void)json_object_del(json, "forwards");
		text = json_dumps(json, JSON_INDENT(2));
		cr_assert_eq(nat_part_read(text, strlen(text), "p.json", &part, &err), 0, "%s",
			     err.text);
		nat_part_apply(&part, &nat);
		(void)strcpy(nat.preset, presets[i].nat.preset);
		cr_expect_eq(memcmp(&nat, &presets[i].nat, sizeof(nat)), 0, "%s", nat.preset);
		json_decref(json);
	}
}

Test(nats, what_is_not_known_is_not_said)
{
	struct nat_part part;
	struct error err;
	struct nat nat = nat_preset_find("full-cone")->nat;
	json_t *json, *expected = json_loads(measured, 0, NULL);

	cr_assert_eq(nat_part_read(measured, strlen(measured), "m.json", &part, &err), 0, "%s",
		     err.text);
	json = nat_part_json(&part);
	cr_expect(json_equal(json, expected));
	nat_part_apply(&part, &nat);
	cr_expect_eq(nat.tcp.filtering, NAT_FILTERING_ADF);
	cr_expect_eq(nat.udp.filtering, NAT_FILTERING_EIF);
	json_decref(json);
	json_decref(expected);
}
