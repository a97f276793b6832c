/* SPDX-License-Identifier: MIT */
#include "boxer/verbs.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/client/handle.h"
#include "boxer/json.h"
#include "boxer/sock.h"
#include "boxer/verb_local.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define COUNT_MAX 1000000
/* How long the node may take to notice what became of a connection. */
#define NOTICE_NS	(500 * NS_PER_MS)
#define NOTICE_PAUSE_MS 2

static const char punch_usage[] =
	"usage: boxer punch [OPTIONS] NODE:PORT\n\n"
	"Makes a TCP connection to PORT of NODE, a name or an id, through the node that\n"
	"runs here, and says by which strategy, from where to where, and how long it took.\n\n"
	"  --count N     so many, one after the other (default 1)\n"
	"  --stdio       copy standard input and output through it\n"
	"  --json        one object a connection\n" LOCAL_ID_HELP "  --help        this text\n\n"
	"Exits with 0 when all were made, 1 when one was not, 125 when no node answers.\n";

/** struct punch - one connection, and what is to be said of it */
struct punch {
	const char *target; /* as it was given */
	char name[BOXER_NAME_MAX];
	bool by_id;
	uint32_t id;
	uint16_t port;
	int fd; /* or -errno */
	char reason[BOXER_WORD_MAX];
	char strategy[LOCAL_STRATEGY_MAX];
	struct addr local, remote;
	uint64_t began, took_ns;
};

/* Return: whether @text is NODE:PORT. */
static bool parse_target(const char *text, struct punch *p)
{
	const char *colon = strrchr(text, ':');
	unsigned long id, port;
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (len == 0 || len >= sizeof(p->name) || !local_number(colon + 1, UINT16_MAX, &port) ||
	    port == 0)
		return false;
	p->target = text;
	p->port = (uint16_t)port;
	(void)memcpy(p->name, text, len);
	p->by_id = local_number(p->name, UINT32_MAX, &id);
	p->id = p->by_id ? (uint32_t)id : 0;
	return true;
}

/* What the node says of the connection that ended after @p began. */
static bool find_record(struct boxer *boxer, struct punch *p)
{
	struct client_status s;
	bool found = false;

	if (client_status(&boxer->agent, &s) < 0)
		return true;
	for (uint32_t i = 0; i < s.page->n_peers && !found; i++) {
		const struct local_peer *peer = &s.page->peers[i];

		if (peer->id != p->id || !peer->strategy[0] || peer->ended_at < p->began)
			continue;
		(void)memcpy(p->strategy, peer->strategy, sizeof(p->strategy));
		found = true;
	}
	client_status_free(&s);
	return found;
}

static void ask_strategy(struct boxer *boxer, struct punch *p)
{
	uint64_t deadline = clock_now() + NOTICE_NS;

	if (p->id == boxer_id(boxer)) {
		(void)snprintf(p->strategy, sizeof(p->strategy), "self");
		return;
	}
	while (!find_record(boxer, p) && clock_now() < deadline)
		(void)poll(NULL, 0, NOTICE_PAUSE_MS);
}

static void connect_once(struct boxer *boxer, struct punch *p)
{
	struct boxer_member member;

	p->began = clock_now();
	p->strategy[0] = '\0';
	/* A name may be a number, too; it goes first. */
	if (boxer_resolve(boxer, p->name, &member) == 0) {
		p->id = member.id;
		p->fd = boxer_connect(boxer, p->name, p->port);
	} else {
		p->fd = p->by_id ? boxer_connect_id(boxer, p->id, p->port) : client_unknown();
	}
	p->took_ns = clock_now() - p->began;
	(void)snprintf(p->reason, sizeof(p->reason), "%s", boxer_reason());
	if (p->fd >= 0 && (sock_local(p->fd, &p->local) < 0 || sock_remote(p->fd, &p->remote) < 0))
		p->local = p->remote = (struct addr){0};
	if (p->fd != -ENOENT)
		ask_strategy(boxer, p);
}

static const char *error_text(const struct punch *p)
{
	return p->fd == -ENOENT ? "there is no such member" : strerror(-p->fd);
}

static void print_json(const struct punch *p)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "target", p->target);
	json_bool(&j, "connected", p->fd >= 0);
	json_text(&j, "strategy", p->strategy[0] ? p->strategy : NULL);
	json_text(&j, "reason", p->fd >= 0 ? "none" : p->reason);
	json_text(&j, "error", p->fd >= 0 ? NULL : error_text(p));
	if (p->fd >= 0) {
		json_addr(&j, "local", &p->local);
		json_addr(&j, "remote", &p->remote);
	}
	json_ms(&j, "ms", p->took_ns);
	json_close(&j, '}');
	json_end(&j);
}

static void print_text(FILE *out, const struct punch *p)
{
	char local[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];

	if (p->fd >= 0)
		(void)fprintf(out, "%s: %s, %s to %s, %.1f ms\n", p->target,
			      p->strategy[0] ? p->strategy : "connected",
			      addr_format(&p->local, local), addr_format(&p->remote, remote),
			      (double)p->took_ns / 1e6);
	else
		(void)fprintf(out, "%s: %s (%s), %.1f ms\n", p->target, error_text(p), p->reason,
			      (double)p->took_ns / 1e6);
}

/** struct copy - one direction */
struct copy {
	int from, to;
	char buf[16384];
	size_t at, len;
	bool over;
};

/* Return: 0, or -errno. */
static int pump(struct copy *c)
{
	ssize_t n;

	if (c->at == c->len) {
		n = read(c->from, c->buf, sizeof(c->buf));
		if (n < 0)
			return errno == EINTR || errno == EAGAIN ? 0 : -errno;
		c->at = 0;
		c->len = (size_t)n;
		c->over = n == 0;
		return 0;
	}
	n = write(c->to, c->buf + c->at, c->len - c->at);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	c->at += (size_t)n;
	return 0;
}

static struct pollfd interest(const struct copy *c)
{
	if (c->over)
		return (struct pollfd){.fd = -1};
	if (c->at == c->len)
		return (struct pollfd){.fd = c->from, .events = POLLIN};
	return (struct pollfd){.fd = c->to, .events = POLLOUT};
}

/* Until the other side has said all; the end of our own input is passed on to it. */
static int copy_both_ways(int fd)
{
	static struct copy out, in;
	bool told = false;

	out = (struct copy){.from = STDIN_FILENO, .to = fd};
	in = (struct copy){.from = fd, .to = STDOUT_FILENO};
	while (!in.over) {
		struct pollfd p[2] = {interest(&out), interest(&in)};
		int r = poll(p, 2, -1) < 0 && errno != EINTR ? -errno : 0;

		if (r == 0 && p[0].revents)
			r = pump(&out);
		if (r == 0 && p[1].revents)
			r = pump(&in);
		if (r < 0)
			return r;
		if (out.over && !told)
			(void)shutdown(fd, SHUT_WR);
		told = out.over;
	}
	return 0;
}

static int run(const char *verb, struct boxer *boxer, struct punch *p, bool json, bool stdio)
{
	int r = 0;

	connect_once(boxer, p);
	if (json && !stdio)
		print_json(p);
	else
		print_text(stdio || p->fd < 0 ? stderr : stdout, p);
	if (p->fd >= 0 && stdio) {
		(void)signal(SIGPIPE, SIG_IGN);
		r = copy_both_ways(p->fd);
		if (r < 0)
			(void)fprintf(stderr, "boxer %s: %s: %s\n", verb, p->target, strerror(-r));
	}
	if (p->fd >= 0)
		(void)close(p->fd);
	return p->fd < 0 || r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/** struct choice - the command line */
struct choice {
	const char *id;
	unsigned long count;
	bool json, stdio;
};

static int run_all(const char *verb, const struct choice *choice, struct punch *p)
{
	struct boxer *boxer;
	int status = local_open(verb, choice->id, &boxer);

	if (status != -1)
		return status;
	status = EXIT_SUCCESS;
	for (unsigned long i = 0; i < choice->count; i++)
		if (run(verb, boxer, p, choice->json, choice->stdio) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	boxer_close(boxer);
	return status;
}

int verb_punch(int argc, char **argv)
{
	static const struct option options[] = {{"count", required_argument, NULL, 'c'},
						{"stdio", no_argument, NULL, 's'},
						LOCAL_OPTIONS_JSON,
						{0}};
	struct local_line line = {.usage = punch_usage, .options = options};
	struct choice choice = {.count = 1};
	struct punch p = {0};
	int c;

	while ((c = local_next(&line, argc, argv)) != -1) {
		choice.stdio |= c == 's';
		if (c == 'c' && (!local_number(optarg, COUNT_MAX, &choice.count) || !choice.count))
			return local_usage(argv[0], "--count wants a number from 1 to %d, not '%s'",
					   COUNT_MAX, optarg);
	}
	if (line.status != -1)
		return line.status;
	choice.id = line.id;
	choice.json = line.json;
	if (argc - optind != 1)
		return local_usage(argv[0], "NODE:PORT is wanted");
	if (choice.stdio && choice.count > 1)
		return local_usage(argv[0], "--stdio takes one connection, not %lu", choice.count);
	if (!parse_target(argv[optind], &p))
		return local_usage(argv[0], "'%s' is not a node and a port, like left:5201",
				   argv[optind]);
	return run_all(argv[0], &choice, &p);
}
