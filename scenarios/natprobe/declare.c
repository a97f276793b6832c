/* SPDX-License-Identifier: MIT */
#include "scenarios/natprobe/declare.h"

#include "base/cleanup.h"

#include <string.h>

/** struct writer - what separates the next member from the last */
struct writer {
	FILE *f;
	bool more;
};

static void begin(struct writer *w, char bracket)
{
	(void)fputc(bracket, w->f);
	w->more = false;
}

static void end(struct writer *w, char bracket)
{
	(void)fputc(bracket, w->f);
	w->more = true;
}

static void next(struct writer *w)
{
	if (w->more)
		(void)fputs(", ", w->f);
	w->more = true;
}

static void key(struct writer *w, const char *name)
{
	next(w);
	(void)fprintf(w->f, "\"%s\": ", name);
}

/* Nothing here needs an escape but a file's or an error's own words. */
static void put_text(struct writer *w, const char *text)
{
	(void)fputc('"', w->f);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', w->f);
		if ((unsigned char)*text >= ' ')
			(void)fputc(*text, w->f);
	}
	(void)fputc('"', w->f);
}

static void word(struct writer *w, const char *name, struct finding finding)
{
	if (!finding.word)
		return;
	key(w, name);
	put_text(w, finding.word);
}

static const struct {
	const char *name;
	size_t offset;
} parts[] = {
	{"mapping", offsetof(struct proto_verdict, mapping)},
	{"filtering", offsetof(struct proto_verdict, filtering)},
	{"allocation", offsetof(struct proto_verdict, allocation)},
	{"conflict", offsetof(struct proto_verdict, conflict)},
	{"hairpin", offsetof(struct proto_verdict, hairpin)},
};

static const struct finding *part(const struct proto_verdict *v, size_t i)
{
	return (const struct finding *)(const void *)((const char *)v + parts[i].offset);
}

static void put_proto(struct writer *w, const struct proto_verdict *v)
{
	begin(w, '{');
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		word(w, parts[i].name, *part(v, i));
	end(w, '}');
}

static bool empty(const struct proto_verdict *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (part(v, i)->word)
			return false;
	return true;
}

static void put_timeouts(struct writer *w, const struct verdict *v)
{
	bool any = false;

	for (int i = 0; i < LIFETIME_COUNT; i++) {
		if (!v->timeouts_s[i])
			continue;
		if (!any) {
			key(w, "timeouts");
			begin(w, '{');
		}
		any = true;
		key(w, lifetime_names[i]);
		(void)fprintf(w->f, "\"%us\"", v->timeouts_s[i]);
	}
	if (any)
		end(w, '}');
}

static void put_declaration(struct writer *w, const struct verdict *v)
{
	begin(w, '{');
	for (int i = 0; i < PROTO_COUNT; i++) {
		if (empty(&v->proto[i]))
			continue;
		key(w, proto_names[i]);
		put_proto(w, &v->proto[i]);
	}
	word(w, "unsolicited", v->unsolicited);
	word(w, "tcp_tracking", v->tcp_tracking);
	if (v->simultaneous_open.word) {
		key(w, "simultaneous_open");
		(void)fputs(v->simultaneous_open.word, w->f);
	}
	word(w, "pooling", v->pooling);
	if (v->pooling.word) {
		key(w, "addresses");
		(void)fprintf(w->f, "%u", v->addresses);
	}
	put_timeouts(w, v);
	end(w, '}');
}

void declare(FILE *f, const struct verdict *v)
{
	struct writer w = {.f = f};

	put_declaration(&w, v);
	(void)fputc('\n', f);
}

/* ---- what is missing ---- */

static void absent(FILE *f, const char *proto, const char *name, struct finding finding)
{
	if (!finding.word && finding.why)
		(void)fprintf(f, "natprobe: %s%s%s: not measured: %s\n", proto, *proto ? " " : "",
			      name, finding.why);
}

void declare_absent(FILE *f, const struct probe *p, const struct verdict *v)
{
	unsigned n = p->n_notes < NOTES_MAX ? p->n_notes : NOTES_MAX;

	for (unsigned i = 0; i < n; i++)
		(void)fprintf(f, "natprobe: %s\n", p->notes[i]);
	for (int i = 0; i < PROTO_COUNT; i++)
		for (size_t k = 0; p->seen.proto[i].reached && k < ARRAY_SIZE(parts); k++)
			absent(f, proto_names[i], parts[k].name, *part(&v->proto[i], k));
	if (p->seen.proto[PROTO_TCP].reached) {
		absent(f, "", "unsolicited", v->unsolicited);
		absent(f, "", "tcp_tracking", v->tcp_tracking);
		absent(f, "", "simultaneous_open", v->simultaneous_open);
	}
	for (int i = 0; p->options.lifetime_s && i < LIFETIME_COUNT; i++)
		absent(f, "timeout", lifetime_names[i], v->timeouts[i]);
}

/* ---- the evidence ---- */

static void put_addr(struct writer *w, const char *name, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	if (a->family == AF_UNSPEC)
		return;
	key(w, name);
	put_text(w, addr_format(a, text));
}

static void put_seen(struct writer *w, const char *name, enum seen seen)
{
	if (seen == SEEN_UNKNOWN)
		return;
	key(w, name);
	(void)fputs(seen == SEEN_YES ? "true" : "false", w->f);
}

static void put_flows(struct writer *w, const struct observed_proto *o)
{
	key(w, "flows");
	begin(w, '[');
	for (unsigned i = 0; i < o->n_flows; i++) {
		next(w);
		begin(w, '{');
		key(w, "port");
		(void)fprintf(w->f, "%u", o->flows[i].port);
		put_addr(w, "first", &o->flows[i].first);
		put_addr(w, "second", &o->flows[i].second);
		end(w, '}');
	}
	end(w, ']');
	key(w, "clashes");
	begin(w, '[');
	for (unsigned i = 0; i < o->n_clashes; i++) {
		next(w);
		begin(w, '{');
		key(w, "port");
		(void)fprintf(w->f, "%u", o->clashes[i].port);
		put_addr(w, "first", &o->clashes[i].first);
		put_addr(w, "elsewhere", &o->clashes[i].elsewhere);
		put_addr(w, "same", &o->clashes[i].same);
		end(w, '}');
	}
	end(w, ']');
}

static void put_observed(struct writer *w, const struct observed_proto *o)
{
	static const char *const spots[SPOT_ANSWERING] = {"main", "other_port", "other_address",
							  "other_both"};

	begin(w, '{');
	put_addr(w, "inside", &o->inside);
	key(w, "mapping_port");
	(void)fprintf(w->f, "%u", o->mapping_port);
	key(w, "mapped");
	begin(w, '{');
	for (int i = 0; i < SPOT_ANSWERING; i++)
		put_addr(w, spots[i], &o->mapped[i]);
	end(w, '}');
	put_seen(w, "other_port_came_in", o->other_port);
	put_seen(w, "other_address_came_in", o->other_addr);
	put_seen(w, "hairpin_came", o->hairpin);
	put_addr(w, "hairpin_at", &o->hairpin_at);
	put_addr(w, "hairpin_from", &o->hairpin_from);
	put_flows(w, o);
	end(w, '}');
}

static void put_lifetimes(struct writer *w, const struct observed *o)
{
	key(w, "silences");
	begin(w, '{');
	for (int i = 0; i < LIFETIME_COUNT; i++) {
		const struct observed_lifetime *l = &o->lifetimes[i];

		if (!l->steps)
			continue;
		key(w, lifetime_names[i]);
		begin(w, '[');
		for (unsigned k = 0; k < l->steps; k++) {
			next(w);
			begin(w, '{');
			key(w, "ms");
			(void)fprintf(w->f, "%u", (2 * k + 1) * l->step_s * 500);
			put_seen(w, "survived", l->alive[k] ? SEEN_YES : SEEN_NO);
			end(w, '}');
		}
		end(w, ']');
	}
	end(w, '}');
}

static void put_whys(struct writer *w, const struct verdict *v)
{
	static const char *const names[] = {"unsolicited", "tcp_tracking", "simultaneous_open"};
	const struct finding *const findings[] = {&v->unsolicited, &v->tcp_tracking,
						  &v->simultaneous_open};

	key(w, "not_measured");
	begin(w, '{');
	for (int i = 0; i < PROTO_COUNT; i++) {
		key(w, proto_names[i]);
		begin(w, '{');
		for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
			if (part(&v->proto[i], k)->why)
				word(w, parts[k].name,
				     (struct finding){.word = part(&v->proto[i], k)->why});
		end(w, '}');
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (findings[i]->why)
			word(w, names[i], (struct finding){.word = findings[i]->why});
	key(w, "timeouts");
	begin(w, '{');
	for (int i = 0; i < LIFETIME_COUNT; i++)
		if (v->timeouts[i].why)
			word(w, lifetime_names[i], (struct finding){.word = v->timeouts[i].why});
	end(w, '}');
	end(w, '}');
}

void declare_evidence(FILE *f, const struct probe *p, const struct verdict *v)
{
	unsigned n = p->n_notes < NOTES_MAX ? p->n_notes : NOTES_MAX;
	struct writer w = {.f = f};

	begin(&w, '{');
	key(&w, "declaration");
	put_declaration(&w, v);
	put_whys(&w, v);
	for (int i = 0; i < PROTO_COUNT; i++) {
		key(&w, proto_names[i]);
		put_observed(&w, &p->seen.proto[i]);
	}
	key(&w, "unsolicited");
	begin(&w, '[');
	for (int i = 0; i < KNOCKS_MAX; i++) {
		next(&w);
		put_text(&w, wire_outcome_names[p->seen.knocks[i]]);
	}
	end(&w, ']');
	put_seen(&w, "sequential_came_in", p->seen.sequential);
	put_seen(&w, "simultaneous_came_in", p->seen.simultaneous);
	put_lifetimes(&w, &p->seen);
	key(&w, "grace_us");
	(void)fprintf(f, "%llu", (unsigned long long)(p->grace / 1000));
	key(&w, "notes");
	begin(&w, '[');
	for (unsigned i = 0; i < n; i++) {
		next(&w);
		put_text(&w, p->notes[i]);
	}
	end(&w, ']');
	end(&w, '}');
	(void)fputc('\n', f);
}
