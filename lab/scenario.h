/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for scenarios: a YAML document, read, bound through the one table
 * of keys (lab/keys) and checked, as plain typed data. Reading collects every
 * error of the document, each with its file, line and column, before it fails;
 * a struct scenario that exists is free of them. It owns all its strings and
 * arrays.
 */
#ifndef LAB_SCENARIO_H
#define LAB_SCENARIO_H

#include "base/error.h"
#include "topo/nat.h"
#include "topo/topo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SCENARIO_NODES_MAX     4096 /* after counts are multiplied out */
#define SCENARIO_STEPS_MAX     1024
#define SCENARIO_ADDRESSES_MAX 8   /* of one machine */
#define SCENARIO_BEHIND_MAX    240 /* addresses behind one NAT */
#define SCENARIO_NATS_DEEP     4   /* NATs one behind the other */
#define SCENARIO_SIZE_MAX      (1024 * 1024)
#define SCENARIO_ERRORS_MAX    64

/** struct where - a position in the document, for errors that come later */
struct where {
	unsigned line, column; /* from 1 */
};

/** enum scenario_role - what a node is for */
enum scenario_role {
	ROLE_FUNCTION, /* runs a Boxer node; behind a NAT unless said otherwise */
	ROLE_SEED,     /* runs the seed; public */
	ROLE_HOST,     /* a plain machine; public unless behind a NAT */
};

/** enum scenario_way - the directions of a link; a machine or a NAT is its link's second end */
enum scenario_way {
	SCENARIO_DOWN, /* what comes to it */
	SCENARIO_UP,   /* what it sends */
};

/** struct scenario_link - a link that is a wire; wire.from is indexed by enum scenario_way */
struct scenario_link {
	struct where at;
	struct topo_wire wire;
};

/** struct scenario_forward - a static forward of a NAT */
struct scenario_forward {
	struct where at;
	char *to;	  /* a node's name; NULL: the only node behind that NAT */
	uint16_t port;	  /* external */
	uint16_t to_port; /* inside; 0: the same */
	uint8_t proto;	  /* IPPROTO_TCP or IPPROTO_UDP */
};

/** struct scenario_nat - a NAT as the scenario declares it */
struct scenario_nat {
	struct where at;
	char *name;		    /* key in "nats"; NULL for a node's own */
	char *from;		    /* the file that declares it, as written, or NULL */
	char *behind;		    /* the name of the NAT in front of it, or NULL */
	char **one_to_one;	    /* names of nodes, NULL-terminated, or NULL */
	struct scenario_link *link; /* to its public side; NULL: no wire */
	struct nat nat; /* forwards and statics not filled: see @forwards, @one_to_one */
	struct scenario_forward *forwards;
	size_t n_forwards;
};

/** struct scenario_node - one entry of "nodes", before its count is multiplied out */
struct scenario_node {
	struct where at;
	char *name;
	enum scenario_role role;
	unsigned count;		    /* 1 when the key is absent: then the node is called @name;
				   * else @name0 .. */
	bool counted;		    /* "count" was given */
	struct scenario_nat *nat;   /* each function's own; NULL: none or @behind */
	char *behind;		    /* the name of a shared NAT, or NULL */
	struct scenario_link *link; /* to its NAT or the public side; NULL: no wire */
	char **run;		    /* the guest started at once by `boxer run`, NULL-terminated,
				   * or NULL: `boxer node` */
	unsigned addresses;	    /* of each machine; more than one has only a public one */
	unsigned wait;		/* members that guest waits for; 0: all functions of the scenario */
	const char *strategies; /* that a function's Boxer may use; NULL: its own choice */
	bool later;		/* a step starts its Boxer process */
	char **options;		/* further ones of it, NULL-terminated, or NULL */
	char **under;		/* the program that starts it, likewise */
	bool relay;		/* a seed does that, too */
};

/** struct scenario_program - a program that a step starts in a node */
struct scenario_program {
	struct where at;
	char *node;    /* a concrete name: "fn0" */
	char **argv;   /* NULL-terminated */
	int cpu;       /* pinned to that processor; -1: anywhere */
	uint16_t port; /* "serve" only: it is ready when it listens there */
};

/** struct scenario_value - a number to take out of a program's JSON output */
struct scenario_value {
	struct where at;
	char *label;
	char *pointer; /* RFC 6901 */
	char *unit;    /* "bit/s", "us", ...; "" when none; NULL in "moved": bytes */
};

/** enum scenario_path - what must be proven of the way the bytes took */
enum scenario_path {
	PATH_ANY,    /* nothing */
	PATH_DIRECT, /* through exactly the NATs in between, no relay */
};

/** enum scenario_exit - what the exit status of "run" must be */
enum scenario_exit {
	EXIT_ZERO,
	EXIT_NONZERO,
	EXIT_ANY,
};

/** enum scenario_links - the control links that a step waits for */
enum scenario_links {
	LINKS_NONE,
	LINKS_ALL,	/* of every function to every other */
	LINKS_POSSIBLE, /* but of those that say that their NATs allow none */
};

/** enum scenario_rebind - what a NAT forgets in favour of */
enum scenario_rebind {
	REBIND_NONE,
	REBIND_PORTS,	/* random ports */
	REBIND_ADDRESS, /* another external address */
};

/**
 * struct scenario_nat_change - a NAT that is changed while a step runs
 *
 * What @set does not say is 0 in @given; each byte of what it says is 1 there.
 */
struct scenario_nat_change {
	struct where at;
	char *nat; /* a concrete name: "fn0-nat" */
	bool reboot;
	enum scenario_rebind rebind;
	struct scenario_nat *set; /* NULL: nothing */
	struct nat given;
	uint64_t after_ns; /* the programs of "run" have started; 0: before all programs */
	bool keep;	   /* it is not undone at the step's end */
};

/**
 * struct scenario_wire_change - a wire that is changed while a step runs
 * @name: of the machine or the NAT whose link it is: "fn0"
 *
 * What is not said of @wire is 0 in @given; each byte of what is said is 1 there.
 */
struct scenario_wire_change {
	struct where at;
	char *name;
	struct topo_wire wire;
	struct topo_wire given;
	uint64_t after_ns; /* as of a NAT */
	bool keep;
};

/** enum scenario_member_do - what becomes of a Boxer process */
enum scenario_member_do {
	MEMBER_START,
	MEMBER_END,  /* it may leave: SIGTERM */
	MEMBER_KILL, /* SIGKILL */
};

/**
 * struct scenario_member_change - a Boxer process that is started or ended in a step
 * @name: its machine's: "fn0"
 */
struct scenario_member_change {
	struct where at;
	char *name;
	enum scenario_member_do what;
	uint64_t after_ns; /* as of a NAT */
};

/**
 * struct scenario_event - what a Boxer process must tell while a step runs, or must not
 * @event: the event's name
 * @node: who tells it; NULL: every function whose Boxer process runs
 * @about: the machine that it is about; NULL: any, or none
 * @never: it must not
 */
struct scenario_event {
	struct where at;
	char *event;
	char *node;
	char *about;
	bool never;
};

/** struct scenario_step - one step; what it does not use is NULL or 0 */
struct scenario_step {
	struct where at;
	char *name;
	enum scenario_links links;
	bool boxer;    /* programs are started through `boxer exec` */
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP: by which "serve" and "listening" are heard */
	uint64_t timeout_ns;
	struct scenario_nat_change *changes; /* of NATs, in this order */
	size_t n_changes;
	struct scenario_wire_change *wires; /* that are changed, in this order */
	size_t n_wires;
	struct scenario_member_change *members; /* that are started and ended, in this order */
	size_t n_members;
	struct scenario_event *events;
	size_t n_events;
	struct scenario_program *listening; /* programs that run already; .node and .port */
	size_t n_listening;
	struct scenario_program *serve;
	size_t n_serve;
	struct scenario_program *run;
	size_t n_run;
	enum scenario_exit exit;
	enum scenario_path path;
	char *dropped_by;	      /* the NAT in front of that node must count dropped packets */
	struct scenario_value *moved; /* of run[0]: bytes it says it moved, one per direction:
				       * label is "sent" or "received" */
	size_t n_moved;
	struct scenario_value *values; /* of run[0]: reported with the step */
	size_t n_values;
};

/** struct scenario - the whole document */
struct scenario {
	char *name;
	char *description;
	uint64_t seed;	   /* of every random choice of the run */
	bool check_nats;   /* measure every NAT before the steps */
	bool check_public; /* be ready to measure a public machine; no key says so */
	struct scenario_nat *nats;
	size_t n_nats;
	struct scenario_node *nodes;
	size_t n_nodes;
	struct scenario_step *steps;
	size_t n_steps;
};

/**
 * struct scenario_errors - every error of a document
 * @text: "file:line:col: sentence", one per entry, sorted by position
 * @n: how many are held
 * @more: how many were left out beyond SCENARIO_ERRORS_MAX
 */
struct scenario_errors {
	char *text[SCENARIO_ERRORS_MAX];
	struct where at[SCENARIO_ERRORS_MAX];
	struct where inner[SCENARIO_ERRORS_MAX]; /* in the file that is named there */
	size_t n;
	size_t more;
};

/**
 * scenario_read() - read, bind and check a document
 * @text, @len: the document
 * @file: its name, for errors
 * @ret_errors: filled on failure; scenario_errors_free() it in either case
 *
 * Return: 0, -EINVAL (the errors say why), or -ENOMEM.
 */
int scenario_read(const char *text, size_t len, const char *file, struct scenario **ret_scenario,
		  struct scenario_errors *ret_errors);

/**
 * scenario_nat_read() - read a document that declares one NAT
 *
 * It has the keys of a scenario's NAT but those that name other things of a scenario.
 * Return: as scenario_read().
 */
int scenario_nat_read(const char *text, size_t len, const char *file, struct nat *ret_nat,
		      struct scenario_errors *ret_errors);

/** scenario_free() - NULL is legal. */
void scenario_free(struct scenario *scenario);
/** scenario_errors_free() - frees the texts, not the struct. */
void scenario_errors_free(struct scenario_errors *errors);

/** scenario_print_reference() - every key as a Markdown reference, from the table of keys. */
void scenario_print_reference(FILE *out);
/** scenario_print_schema() - the JSON Schema of a scenario, from the table of keys. */
void scenario_print_schema(FILE *out);

#endif
