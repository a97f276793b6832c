/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A result as results.json. jansson's setters take NULL for "out of memory
 * earlier" and fail in turn, and json_object_set_new() frees what it cannot
 * keep: so an object is built without a check at each step, and `lost` tells at
 * the end whether anything is missing.
 */
#include "lab/nat_json.h"
#include "lab/result.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define SYSCTLS_MAX 256

/* Set to true when anything could not be kept; one per document. */
static void put(json_t *object, const char *key, json_t *value, bool *lost)
{
	*lost |= json_object_set_new(object, key, value) < 0;
}

static void append(json_t *array, json_t *value, bool *lost)
{
	*lost |= json_array_append_new(array, value) < 0;
}

/* What programs print, and what was cut off, need not be UTF-8: then only ASCII is kept. */
static json_t *text(const char *s)
{
	json_t *value = json_string(s);
	cleanup_free char *ascii = value ? NULL : strdup(s);

	for (char *p = ascii; p && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return ascii ? json_string(ascii) : value;
}

static json_t *seconds(uint64_t ns)
{
	return json_real((double)(ns / NS_PER_US) / 1e6);
}

static json_t *bytes(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *address(const struct addr *a)
{
	char buf[ADDR_TEXT_MAX];

	return text(addr_format(a, buf));
}

static json_t *time_iso(const struct timespec *ts)
{
	struct tm tm;
	char buf[sizeof("2026-01-01T00:00:00Z") + 16];

	if (!gmtime_r(&ts->tv_sec, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return text(buf);
}

static json_t *kernel(void)
{
	struct utsname u;
	char buf[3 * sizeof(u.sysname)];

	if (uname(&u) < 0)
		return json_null();
	(void)snprintf(buf, sizeof(buf), "%s %s %s", u.sysname, u.release, u.machine);
	return text(buf);
}

static json_t *sysctls_of(enum topo_kind kind, const struct nat *nat, bool *lost)
{
	struct topo_sysctl list[SYSCTLS_MAX];
	size_t n = topo_sysctls(kind, nat, list, ARRAY_SIZE(list));
	json_t *object = json_object();

	for (size_t i = 0; i < n && i < ARRAY_SIZE(list); i++)
		put(object, list[i].path, text(list[i].value), lost);
	return object;
}

/*
 * They follow from the kind of namespace and, for a NAT, from how it tracks TCP.
 * Where no topology was built, nothing was written.
 */
static json_t *sysctls(const struct result *result, bool *lost)
{
	const struct plan *plan = result->plan;
	json_t *object = json_object();

	if (!result->n_steps)
		return object;
	put(object, "internet", sysctls_of(TOPO_INTERNET, NULL, lost), lost);
	put(object, "host", sysctls_of(TOPO_HOST, NULL, lost), lost);
	for (size_t i = 0; i < plan->n_nats; i++) {
		const struct nat *nat = &plan->nats[i].nat;
		char key[64];

		(void)snprintf(key, sizeof(key), "nat-%s",
			       nat_tcp_tracking_names[nat->tcp_tracking]);
		if (!json_object_get(object, key))
			put(object, key, sysctls_of(TOPO_NAT, nat, lost), lost);
	}
	return object;
}

static json_t *differences(const struct nat_differences *differences, bool *lost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < differences->n; i++)
		append(array, text(differences->text[i]), lost);
	return array;
}

static json_t *nats(const struct result *result, bool *lost)
{
	const struct plan *plan = result->plan;
	json_t *array = json_array();

	for (size_t i = 0; i < plan->n_nats; i++) {
		const struct plan_nat *from = &plan->nats[i];
		const struct result_nat *n = &result->nats[i];
		json_t *nat = json_object();

		put(nat, "node", text(from->name), lost);
		put(nat, "behind",
		    from->upstream == PLAN_NONE ? json_null()
						: text(plan->nats[from->upstream].name),
		    lost);
		put(nat, "external", address(&from->external), lost);
		put(nat, "preset", text(from->nat.preset), lost);
		put(nat, "declared", nat_json(&from->nat), lost);
		put(nat, "measured", n->is_measured ? nat_part_json(&n->measured) : json_null(),
		    lost);
		put(nat, "differences", differences(&n->differences, lost), lost);
		append(array, nat, lost);
	}
	return array;
}

static json_t *fates(const struct fate_spec *spec, bool *lost)
{
	json_t *object = json_object();

	put(object, "delay_s", json_real((double)spec->delay_ns / NS_PER_S), lost);
	put(object, "jitter_s", json_real((double)spec->jitter_ns / NS_PER_S), lost);
	put(object, "loss", json_real((double)spec->loss_ppm / FATE_CERTAIN_PPM), lost);
	return object;
}

static json_t *packets(const struct wire_stats *stats, bool *lost)
{
	json_t *object = json_object();

	put(object, "taken", bytes(stats->taken), lost);
	put(object, "lost", bytes(stats->lost), lost);
	put(object, "overflowed", bytes(stats->overflowed), lost);
	put(object, "refused", bytes(stats->refused), lost);
	put(object, "queued", bytes(stats->queued), lost);
	put(object, "passed", bytes(stats->passed), lost);
	put(object, "passed_bytes", bytes(stats->passed_bytes), lost);
	put(object, "missed", bytes(stats->missed), lost);
	return object;
}

static json_t *wires(const struct result *result, bool *lost)
{
	static const char *const ways[] = {[SCENARIO_DOWN] = "down", [SCENARIO_UP] = "up"};
	const struct plan *plan = result->plan;
	json_t *array = json_array();

	for (size_t i = 0; i < plan->n_wires; i++) {
		const struct plan_wire *from = &plan->wires[i];
		const struct result_wire *w = &result->wires[i];
		json_t *wire = json_object();

		put(wire, "node", text(from->name), lost);
		put(wire, "link", json_integer((json_int_t)from->link), lost);
		for (int way = SCENARIO_UP; way >= SCENARIO_DOWN; way--) {
			json_t *one = json_object();

			put(one, "declared",
			    fates(&plan->spec.links[from->link].wire->from[way], lost), lost);
			put(one, "packets",
			    w->is_counted ? packets(&w->stats[way], lost) : json_null(), lost);
			put(wire, ways[way], one, lost);
		}
		append(array, wire, lost);
	}
	return array;
}

static json_t *values(const struct result_step *step, bool *lost)
{
	json_t *object = json_object();

	for (size_t i = 0; i < step->n_values; i++) {
		json_t *value = json_object();

		put(value, "value", json_real(step->values[i].value), lost);
		put(value, "unit", text(step->values[i].unit), lost);
		put(object, step->values[i].label, value, lost);
	}
	return object;
}

static json_t *programs(const struct result_step *step, bool *lost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < step->n_programs; i++) {
		const struct result_program *p = &step->programs[i];
		json_t *program = json_object();
		json_t *argv = json_array();

		for (size_t k = 0; p->argv[k]; k++)
			append(argv, text(p->argv[k]), lost);
		put(program, "node", text(p->node), lost);
		put(program, "argv", argv, lost);
		put(program, "exit", p->code < 0 ? json_null() : json_integer(p->code), lost);
		put(program, "out", *p->out ? text(p->out) : json_null(), lost);
		put(program, "err", *p->err ? text(p->err) : json_null(), lost);
		append(array, program, lost);
	}
	return array;
}

static json_t *steps(const struct result *result, bool *lost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < result->n_steps; i++) {
		const struct result_step *s = &result->steps[i];
		json_t *step = json_object();

		put(step, "name", text(s->name), lost);
		put(step, "status", text(verdict_name(s->status)), lost);
		put(step, "start_s", seconds(s->start_ns), lost);
		put(step, "duration_s", seconds(s->duration_ns), lost);
		put(step, "reason", *s->reason ? text(s->reason) : json_null(), lost);
		put(step, "detail", text(s->detail), lost);
		put(step, "values", values(s, lost), lost);
		put(step, "programs", programs(s, lost), lost);
		append(array, step, lost);
	}
	return array;
}

static json_t *tuple(const struct addr *src, const struct addr *dst, bool *lost)
{
	json_t *object = json_object();

	put(object, "src", address(src), lost);
	put(object, "dst", address(dst), lost);
	return object;
}

static json_t *witnesses(const struct proof *proof, bool *lost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < proof->n_nats; i++) {
		const struct proof_nat *n = &proof->nats[i];
		json_t *nat = json_object();

		put(nat, "nat", text(n->name), lost);
		put(nat, "original", tuple(&n->src, &n->dst, lost), lost);
		put(nat, "reply", tuple(&n->reply_src, &n->reply_dst, lost), lost);
		put(nat, "bytes", bytes(n->bytes), lost);
		put(nat, "reply_bytes", bytes(n->reply_bytes), lost);
		put(nat, "established", json_boolean(n->established), lost);
		append(array, nat, lost);
	}
	return array;
}

static json_t *paths(const struct result *result, bool *lost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < result->n_paths; i++) {
		const struct result_path *p = &result->paths[i];
		json_t *path = json_object();
		json_t *moved = json_object();
		json_t *others = json_object();

		put(moved, "sent", bytes(p->sent), lost);
		put(moved, "received", bytes(p->received), lost);
		put(path, "step", text(result->steps[p->step].name), lost);
		put(path, "from", text(p->from), lost);
		put(path, "to", text(p->to), lost);
		put(path, "port", json_integer(p->port), lost);
		put(path, "strategy", text(p->strategy), lost);
		put(path, "proof", text(proof_kind_name(p->proof.kind)), lost);
		put(path, "reason", text(p->proof.reason), lost);
		put(path, "connections", json_integer((json_int_t)p->proof.connections), lost);
		put(path, "moved", moved, lost);
		put(path, "nats", witnesses(&p->proof, lost), lost);
		put(others, "links", bytes(p->proof.others_bytes), lost);
		put(others, "from", bytes(p->proof.from_elsewhere), lost);
		put(others, "to", bytes(p->proof.to_elsewhere), lost);
		put(path, "others", others, lost);
		append(array, path, lost);
	}
	return array;
}

static json_t *faults(const struct result *result, bool *lost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < result->n_faults; i++) {
		const struct result_fault *f = &result->faults[i];
		json_t *fault = json_object();

		put(fault, "step", text(result->steps[f->step].name), lost);
		put(fault, "nat", f->nat ? text(f->nat) : json_null(), lost);
		put(fault, "wire", f->wire ? text(f->wire) : json_null(), lost);
		put(fault, "member", f->member ? text(f->member) : json_null(), lost);
		put(fault, "what", text(f->what), lost);
		put(fault, "at_s", f->at_ns ? seconds(f->at_ns) : json_null(), lost);
		put(fault, "undone_s", f->undone_ns ? seconds(f->undone_ns) : json_null(), lost);
		append(array, fault, lost);
	}
	return array;
}

static json_t *files(const struct result *result, bool *lost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < result->n_files; i++)
		append(array, text(result->files[i]), lost);
	return array;
}

json_t *result_json(const struct result *result)
{
	const struct scenario *scenario = result->plan->scenario;
	json_t *object = json_object();
	json_t *privileges = json_object();
	bool lost = false;

	put(privileges, "uids", json_integer(result->uids), &lost);
	put(object, "schema", json_integer(RESULT_SCHEMA), &lost);
	put(object, "scenario", text(scenario->name), &lost);
	put(object, "seed", bytes(scenario->seed), &lost);
	put(object, "id", *result->id ? text(result->id) : json_null(), &lost);
	put(object, "verdict", text(verdict_name(result->verdict)), &lost);
	put(object, "reason", *result->reason ? text(result->reason) : json_null(), &lost);
	put(object, "started", time_iso(&result->started), &lost);
	put(object, "duration_s", seconds(result->duration_ns), &lost);
	put(object, "version", text(BOXER_VERSION), &lost);
	put(object, "kernel", kernel(), &lost);
	put(object, "privileges", privileges, &lost);
	put(object, "sysctls", sysctls(result, &lost), &lost);
	put(object, "steps", steps(result, &lost), &lost);
	put(object, "nats", nats(result, &lost), &lost);
	put(object, "wires", wires(result, &lost), &lost);
	put(object, "paths", paths(result, &lost), &lost);
	put(object, "faults", faults(result, &lost), &lost);
	put(object, "files", files(result, &lost), &lost);
	if (lost) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int write_some(const char *buffer, size_t size, void *data)
{
	const int *fd = data;

	while (size) {
		ssize_t n = write(*fd, buffer, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		buffer += n;
		size -= (size_t)n;
	}
	return 0;
}

int result_write(const struct result *result, int fd, struct error *err)
{
	json_t *object = result_json(result);
	int r;

	if (!object)
		return error_sys(err, ENOMEM, "the result");
	errno = 0;
	r = json_dump_callback(object, write_some, &fd, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	if (r < 0)
		r = errno ? -errno : -EIO;
	else
		r = write_some("\n", 1, &fd) < 0 ? -errno : 0;
	json_decref(object);
	if (r == 0)
		return 0;
	/* Half a result is none, and would be taken for one. */
	(void)ftruncate(fd, 0);
	return error_sys(err, -r, RESULT_FILE);
}
