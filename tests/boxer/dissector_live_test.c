/* SPDX-License-Identifier: MIT */
/*
 * What the dissector for Wireshark makes of real nodes: a seed, two nodes and their
 * programs on one machine, with everything that they say captured.
 *
 *	server -- fn-a ====== link ====== fn-b -- client
 *	             \______ seed ______/
 */
#include "base/cleanup.h"
#include "tests/boxer/node.h"
#include "tests/boxer/pcap.h"
#include "tests/boxer/tshark.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GUEST	    GUEST_PATH
#define FILE_PATH   CLUSTER_DIR "/live.pcap"
#define STREAMS_MAX 64
#define TYPES_MAX   256

/* What one side of a connection has said: " 1 2 16". */
struct half {
	unsigned long stream;
	unsigned port;
	char types[TYPES_MAX];
};

struct talk {
	struct half halves[2 * STREAMS_MAX];
	size_t n;
};

/* The nodes' ports, as their events tell them, and the server's. */
struct facts {
	char inside[2][ADDR_TEXT_MAX];
	char port[16];
	unsigned seed_port;
};

static void start_node(struct child *n, const struct cluster *c, const char *name,
		       char ret_inside[static ADDR_TEXT_MAX])
{
	json_t *event;

	node_start(n, c, "node", name, "--wait", "2", NULL);
	event = child_event(n, "joined");
	(void)snprintf(ret_inside, ADDR_TEXT_MAX, "%s", json_text(event, "local"));
	json_decref(event);
}

static void connect_once(const char *port, const char *later)
{
	struct child n;
	char line[64];

	node_exec(&n, "--id", "1", "--", GUEST, "connect", "fn-a", port, later, NULL);
	child_hear(&n, line, sizeof(line));
	USERNS_CHECK(strcmp(line, "hello") == 0, "%s", line);
	node_check_end(&n, 0, "");
	(void)close(n.errors);
}

static void play(struct facts *ret)
{
	struct child a, b, server;
	struct pcap_live live;
	struct cluster c;

	cluster_prepare();
	tshark_need();
	pcap_live_start(&live, FILE_PATH);
	cluster_start_seed(&c, NULL, NULL);
	ret->seed_port = c.at.port;
	start_node(&a, &c, "fn-a", ret->inside[0]);
	start_node(&b, &c, "fn-b", ret->inside[1]);
	child_await(&a, "link");
	child_await(&b, "link");
	node_exec(&server, "--id", "0", "--", GUEST, "serve", NULL);
	child_hear(&server, ret->port, sizeof(ret->port));
	connect_once(ret->port, NULL);
	connect_once(ret->port, "later");
	child_close_in(&server);
	node_check_end(&server, 0, "");
	node_stop(&b);
	/* The seed tells fn-a. */
	child_await(&a, "member-left");
	node_stop(&a);
	cluster_stop(&c);
	pcap_live_stop(&live);
}

static struct half *half_of(struct talk *t, unsigned long stream, unsigned port)
{
	size_t i = 0;

	while (i < t->n && (t->halves[i].stream != stream || t->halves[i].port != port))
		i++;
	if (i == t->n) {
		USERNS_CHECK(i < ARRAY_SIZE(t->halves), "too many connections");
		t->halves[t->n++] = (struct half){.stream = stream, .port = port};
	}
	return &t->halves[i];
}

/* A line: stream, port, and types with commas between. */
static void take_line(struct talk *t, char *line)
{
	char *types = NULL, *word, *save;
	unsigned long stream = strtoul(line, &types, 10);
	unsigned port = (unsigned)strtoul(types, &types, 10);
	struct half *h = half_of(t, stream, port);

	for (word = strtok_r(types, "\t,", &save); word; word = strtok_r(NULL, "\t,", &save)) {
		size_t used = strlen(h->types);

		/* PING and PONG come when they want. */
		if (strcmp(word, "32") == 0 || strcmp(word, "33") == 0)
			continue;
		(void)snprintf(h->types + used, sizeof(h->types) - used, " %s", word);
	}
}

static void read_talk(struct talk *ret)
{
	static char text[TSHARK_TEXT_MAX];
	char *line, *save;

	(void)snprintf(text, sizeof(text), "%s",
		       tshark_fields(FILE_PATH, "boxer.type", "tcp.stream", "tcp.srcport",
				     "boxer.type", NULL));
	*ret = (struct talk){.n = 0};
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_line(ret, line);
}

static bool begins(const struct half *h, const char *types)
{
	return strncmp(h->types, types, strlen(types)) == 0;
}

/* How many connections have halves that begin so? @port: of the second; 0: any. */
static unsigned count(const struct talk *t, const char *one, const char *other, unsigned port)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++)
		for (size_t j = 0; j < t->n; j++)
			n += i != j && t->halves[i].stream == t->halves[j].stream &&
			     (port == 0 || t->halves[j].port == port) &&
			     begins(&t->halves[i], one) && begins(&t->halves[j], other);
	return n;
}

static const char *all_of(const struct talk *t)
{
	static char text[8192];
	size_t used = 0;

	for (size_t i = 0; i < t->n && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%lu from %u:%s\n",
					 t->halves[i].stream, t->halves[i].port,
					 t->halves[i].types);
	return text;
}

static void check_order(const struct facts *facts)
{
	static struct talk t;

	read_talk(&t);
	/* HELLO PROOF JOIN; HELLO PROOF JOINED MEMBER */
	USERNS_CHECK(count(&t, " 1 2 16", " 1 2 17 19", facts->seed_port) == 2, "\n%s", all_of(&t));
	/* OBSERVE and OBSERVED at the port after the main one, before the join */
	USERNS_CHECK(count(&t, " 4", " 5", facts->seed_port + 1) >= 2, "\n%s", all_of(&t));
	/* HELLO PROOF SELECT by the lower id, which also answers: PUNCHED; the other asks */
	USERNS_CHECK(count(&t, " 1 2 48 50", " 1 2 49", 0) == 1, "\n%s", all_of(&t));
	/* fn-b leaves, and fn-a is told */
	USERNS_CHECK(strstr(all_of(&t), " 21\n") && strstr(all_of(&t), " 20"), "\n%s", all_of(&t));
}

static void check_line(const char *filter, const char *field, const char *expected)
{
	const char *got = tshark_fields(FILE_PATH, filter, field, NULL);

	USERNS_CHECK(strstr(got, expected), "%s of %s: '%s', not '%s'", field, filter, got,
		     expected);
}

static void check_fields(const struct facts *facts)
{
	check_line("boxer.type == 16", "boxer.name", "fn-a\nfn-b\n");
	check_line("boxer.type == 16", "boxer.inside", facts->inside[0]);
	check_line("boxer.type == 16", "boxer.inside", facts->inside[1]);
	check_line("boxer.type == 17", "boxer.overlay", "198.18.0.1");
	check_line("boxer.type == 49", "boxer.port", facts->port);
	check_line("boxer.type == 50", "boxer.reason", "0");
	check_line("boxer.type == 20", "boxer.reason", "16");
}

CLUSTER_TEST(dissector, follows_a_seed_and_two_nodes)
{
	struct facts facts;
	const char *wrong;

	play(&facts);
	wrong = tshark_fields(FILE_PATH, TSHARK_ANYTHING_WRONG, "frame.number", "_ws.col.Info",
			      "_ws.expert.message", NULL);
	USERNS_CHECK(*wrong == '\0', "%s", wrong);
	check_order(&facts);
	check_fields(&facts);
}
