/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>

static const struct refused refused[] = {
	{"no seed", HEAD FN,
	 "t.yaml:3:3: there are functions, so one node must have 'role: seed'\n"},
	{"two seeds", HEAD SEED "  root: {role: seed}\n" FN,
	 "t.yaml:4:3: a second seed; the first is 'seed' in line 3\n"},
	{"a seed that is counted", HEAD "  seed: {role: seed, count: 2}\n",
	 "t.yaml:3:29: there is only one seed\n"},
	{"datagrams through Boxer",
	 STEP "  - name: s\n"
	      "    proto: udp\n"
	      "    serve: {node: seed, command: x, port: 1}\n"
	      "    run: {node: fn1, command: x}\n",
	 "t.yaml:7:12: proto: Boxer carries TCP alone, so with the function 'fn1' the step needs "
	 "'boxer: off'\n"},
	{"addresses of what has one",
	 HEAD SEED "  a: {role: host, nat: linux, addresses: 2}\n"
		   "  b: {addresses: 3}\n"
		   "  c: {role: host, addresses: 8}\n"
		   "  d: {nat: linux, addresses: 1}\n",
	 "t.yaml:4:42: addresses: behind a NAT a machine has one; the NAT may have more\n"
	 "t.yaml:5:18: addresses: a function has one\n"},
	{"overloaded ports of a symmetric NAT",
	 HEAD SEED "  a: {nat: {mapping: apdm, allocation: preserve, conflict: overload}}\n"
		   "  b: {nat: {preset: linux, udp: {mapping: adm}}}\n",
	 "t.yaml:4:60: TCP and UDP: with 'conflict: overload' a port is always kept, the same for "
	 "all remote endpoints, which is no apdm mapping; choose 'conflict: random' or "
	 "'sequential'\n"
	 "t.yaml:5:43: UDP: with 'conflict: overload' a port is always kept, the same for "
	 "all remote endpoints, which is no adm mapping; choose 'conflict: random' or "
	 "'sequential'\n"},
	{"mapping none alone", HEAD SEED "  a: {nat: {mapping: none}}\n",
	 "t.yaml:4:22: mapping none: there is no filtering without a NAT; 'preset: none' has none "
	 "of all that\n"},
	{"a seed behind a NAT", HEAD "  seed: {role: seed, nat: lambda}\n",
	 "t.yaml:3:27: the seed is public, it cannot be behind a NAT\n"},
	{"a seed behind a shared NAT",
	 NATS "  home: linux\n"
	      "nodes:\n"
	      "  seed: {role: seed, behind: home}\n",
	 "t.yaml:5:30: the seed is public, it cannot be behind a NAT\n"},
	{"both nat and behind",
	 NATS "  home: linux\n"
	      "nodes:\n" SEED "  fn: {nat: lambda, behind: home}\n",
	 "t.yaml:6:29: 'nat' and 'behind' exclude each other\n"},
	{"an unknown shared NAT",
	 NATS "  home: linux\n"
	      "nodes:\n" SEED "  fn: {behind: hom}\n"
	      "  fx: {behind: home}\n",
	 "t.yaml:6:16: there is no NAT 'hom' in 'nats', did you mean 'home'?\n"},
	{"a shared NAT with nobody behind",
	 NATS "  home: linux\n"
	      "nodes:\n" SEED,
	 "t.yaml:3:3: no node is behind the NAT 'home'\n"},
	{"too many behind one NAT",
	 NATS "  home: linux\n"
	      "nodes:\n" SEED "  fn: {count: 241, behind: home}\n",
	 "t.yaml:3:3: 241 addresses are needed behind the NAT 'home', at most 240 can be\n"},
	{"too many NATs behind one NAT",
	 NATS "  isp: linux\n"
	      "nodes:\n" SEED "  fn: {count: 81, nat: {addresses: 2, behind: isp}}\n",
	 "t.yaml:3:3: 243 addresses are needed behind the NAT 'isp', at most 240 can be\n"},
	{"a NAT behind an unknown one",
	 NATS "  home: {preset: linux, behind: ips}\n"
	      "  isp: linux\n"
	      "nodes:\n" SEED "  fn: {behind: home}\n"
	      "  fx: {nat: {behind: isq}, run: x}\n"
	      "  fy: {behind: isp}\n",
	 "t.yaml:3:33: there is no NAT 'ips' in 'nats', did you mean 'isp'?\n"
	 "t.yaml:8:22: there is no NAT 'isq' in 'nats', did you mean 'isp'?\n"},
	{"NATs behind each other",
	 NATS "  a: {behind: b}\n"
	      "  b: {behind: c}\n"
	      "  c: {behind: b}\n"
	      "  d: {behind: d}\n"
	      "nodes:\n" SEED "  fn: {behind: a}\n",
	 "t.yaml:4:15: 'b' is behind itself\n"
	 "t.yaml:6:15: 'd' is behind itself\n"},
	{"NATs too deep",
	 NATS "  a: {behind: b}\n"
	      "  b: {behind: c}\n"
	      "  c: {behind: d}\n"
	      "  d: linux\n"
	      "nodes:\n" SEED "  fn: {nat: {behind: a}}\n",
	 "t.yaml:9:22: 5 NATs one behind the other, at most 4 can be\n"},
	{"one-to-one with those who are not there",
	 NATS "  home: {preset: linux, one_to_one: [fn1, fx, f]}\n"
	      "nodes:\n" SEED "  fn: {count: 2, behind: home}\n"
	      "  fx: {nat: {one_to_one: [fx, fn0]}}\n",
	 "t.yaml:3:43: 'fx' is not behind 'home'\n"
	 "t.yaml:3:47: there is no node 'f'\n"
	 "t.yaml:7:31: this NAT has only its own node behind it, so one_to_one can name no "
	 "other\n"},
	{"one-to-one twice",
	 NATS "  home: {one_to_one: [fn, fn]}\n"
	      "nodes:\n" SEED "  fn: {behind: home}\n",
	 "t.yaml:3:27: one_to_one names 'fn' twice\n"},
	{"a forward of a NAT that is none",
	 HEAD SEED "  fn: {nat: {preset: none, forwards: [{port: 1}]}}\n",
	 "t.yaml:4:13: mapping: none, so there is nothing to forward\n"},
	{"a drop by a NAT that is none",
	 HEAD SEED "  fn: {nat: none}\n"
		   "steps:\n"
		   "  - {name: s, run: {node: fn, command: x}, expect: {dropped_by: fn}}\n",
	 "t.yaml:6:65: dropped_by: 'fn' is not behind a NAT\n"},
	{"too many nodes",
	 HEAD SEED "  fn: {count: 4000}\n"
		   "  fx: {count: 96}\n"
		   "  fy: {count: 9}\n",
	 "t.yaml:5:15: more than 4096 nodes in all\n"},
	{"names that clash by a count",
	 HEAD SEED "  fn: {count: 20}\n"
		   "  fn1: {count: 4}\n",
	 "t.yaml:5:3: a node 'fn10' comes of this, and a node of line 4\n"},
	{"a name that a NAT has",
	 HEAD SEED "  fn: {nat: linux}\n"
		   "  fn-nat: {}\n",
	 "t.yaml:5:3: a node 'fn-nat' comes of this, and a NAT of line 4\n"},
	{"a node and a shared NAT of one name",
	 NATS "  fn: linux\n"
	      "nodes:\n" SEED "  fn: {behind: fn}\n",
	 "t.yaml:6:3: a node 'fn' comes of this, and a NAT of line 3\n"},
	{"a change of a NAT that is not there",
	 STEP "  - {name: s, nat: {change: fn0-nta, reboot: on}}\n",
	 "t.yaml:6:29: there is no NAT 'fn0-nta', did you mean 'fn0-nat'?\n"},
	{"a change of a machine", STEP "  - {name: s, nat: {change: fn0, reboot: on}}\n",
	 "t.yaml:6:29: there is no NAT 'fn0'\n"},
	{"a change of what is no NAT",
	 HEAD SEED "  fn: {nat: none}\n"
		   "steps:\n"
		   "  - {name: s, nat: {change: fn-nat, reboot: on}}\n",
	 "t.yaml:6:29: there is no NAT 'fn-nat'\n"},
	{"a change that changes nothing", STEP "  - {name: s, nat: [{change: fn0-nat}]}\n",
	 "t.yaml:6:21: nothing changes; it needs 'reboot', 'rebind' or 'set'\n"},
	{"a reboot that is kept",
	 STEP "  - {name: s, nat: {change: fn0-nat, reboot: on, keep: on}}\n",
	 "t.yaml:6:56: keep: what was forgotten stays so; only 'rebind' and 'set' are undone\n"},
	{"a change to what can't be",
	 STEP "  - {name: s, nat: {change: fn0-nat, set: {conflict: overload, mapping: apdm}}}\n",
	 "t.yaml:6:43: TCP and UDP: with 'conflict: overload' a port is always kept, the same for "
	 "all remote endpoints, which is no apdm mapping; choose 'conflict: random' or "
	 "'sequential'\n"},
	{"a change to what can't be, after another",
	 STEP "  - {name: s, nat: {change: fn0-nat, set: {conflict: overload}, keep: on}}\n"
	      "  - {name: t, nat: {change: fn0-nat, set: {mapping: apdm}}}\n"
	      "  - {name: u, nat: {change: fn1-nat, set: {mapping: apdm}}}\n",
	 "t.yaml:7:43: TCP and UDP: with 'conflict: overload' a port is always kept, the same for "
	 "all remote endpoints, which is no apdm mapping; choose 'conflict: random' or "
	 "'sequential'\n"},
	{"a change to more addresses",
	 STEP "  - {name: s, nat: {change: fn0-nat, set: {addresses: 2}}}\n",
	 "t.yaml:6:43: set: more addresses than 'fn0-nat' has, which are 1\n"},
	{"a change to no NAT", STEP "  - {name: s, nat: {change: fn0-nat, set: {mapping: none}}}\n",
	 "t.yaml:6:43: set: a NAT can't become none\n"},
	{"a change after nothing",
	 STEP "  - {name: s, nat: {change: fn0-nat, reboot: on, at: 1s}}\n",
	 "t.yaml:6:54: at: the step has no 'run' to count from\n"},
	{"a change after the end",
	 STEP "  - {name: s, timeout: 1s, run: {node: fn0, command: x},\n"
	      "     nat: {change: fn0-nat, reboot: on, at: 1s}}\n",
	 "t.yaml:7:45: at: the step has failed by then\n"},
	{"a change with a preset",
	 STEP "  - {name: s, nat: {change: fn0-nat, set: {preset: linux}}}\n",
	 "t.yaml:6:44: unknown key 'preset'; a declaration of a NAT has mapping, filtering, "
	 "allocation, conflict, hairpin, tcp, udp, unsolicited, tcp_tracking, simultaneous_open, "
	 "loose, expired, pooling, addresses, ports, block_size, hash_seed, timeouts, limits\n"},
	{"reserved names",
	 HEAD SEED "  internet: {role: host}\n"
		   "  localhost: {role: host}\n",
	 "t.yaml:4:3: no node may be called 'internet'\n"
	 "t.yaml:5:3: no node may be called 'localhost'\n"},
	{"a guest on a host", HEAD SEED "  h: {role: host, run: ls}\n",
	 "t.yaml:4:24: run: only a function has a guest; steps run programs in a host\n"},
	{"waiting without a guest", HEAD SEED "  fn: {wait: 1}\n",
	 "t.yaml:4:14: wait: there is no 'run', so nobody waits\n"},
	{"waiting for too many", HEAD SEED "  fn: {count: 2, run: ls, wait: 3}\n",
	 "t.yaml:4:33: wait: 3 functions, but the scenario has only 2\n"},
	{"a port forwarded twice",
	 NATS "  home:\n"
	      "    forwards:\n"
	      "      - {port: 80, to: a}\n"
	      "      - {port: 80, to: b, proto: udp}\n"
	      "      - {port: 80, to: b}\n"
	      "nodes:\n" SEED "  a: {behind: home}\n"
	      "  b: {behind: home}\n",
	 "t.yaml:7:16: TCP port 80 is already forwarded in line 5\n"},
	{"a forward to one of several",
	 NATS "  home: {forwards: [{port: 80}]}\n"
	      "nodes:\n" SEED "  fn: {count: 2, behind: home}\n",
	 "t.yaml:3:21: 'to' is missing: 2 nodes are behind 'home'\n"},
	{"a forward to an unknown node",
	 NATS "  home: {forwards: [{port: 80, to: fm0}]}\n"
	      "nodes:\n" SEED "  fn: {count: 2, behind: home}\n",
	 "t.yaml:3:36: there is no node 'fm0', did you mean 'fn0'?\n"},
	{"a forward to a node elsewhere",
	 NATS "  home: {forwards: [{port: 80, to: seed}]}\n"
	      "nodes:\n" SEED "  fn: {count: 2, behind: home}\n",
	 "t.yaml:3:36: 'seed' is not behind 'home'\n"},
	{"a forward of an own NAT to another node",
	 HEAD SEED "  a: {nat: {forwards: [{port: 80, to: b}]}}\n"
		   "  b: {}\n",
	 "t.yaml:4:39: this NAT has only its own node behind it, leave out 'to'\n"},
	{"a step that does nothing", STEP "  - {name: a}\n",
	 "t.yaml:6:5: the step does nothing; it needs 'links', 'listening', 'nat', 'wire', "
	 "'member', 'events', 'serve' or 'run'\n"},
	{"two steps of one name",
	 STEP "  - {name: a, links: all}\n"
	      "  - {links: all, name: a}\n",
	 "t.yaml:7:24: the step in line 6 has the same name\n"},
	{"links without functions",
	 HEAD SEED "steps:\n"
		   "  - {name: a, links: all}\n",
	 "t.yaml:5:22: links: there are no two functions to link\n"},
	{"an unknown node in a step",
	 STEP
	 "  - {name: a, serve: {node: fn2, command: x, port: 1}, run: {node: zebra, command: x}}\n",
	 "t.yaml:6:29: there is no node 'fn2', did you mean 'fn0'?\n"
	 "t.yaml:6:68: there is no node 'zebra'\n"},
	{"a node without its number", STEP "  - {name: a, run: {node: fn, command: x}}\n",
	 "t.yaml:6:27: 'fn' is fn0 to fn1 here, name one of them\n"},
	{"a NAT in place of a node", STEP "  - {name: a, run: {node: fn0-nat, command: x}}\n",
	 "t.yaml:6:27: 'fn0-nat' is a NAT, not a node\n"},
	{"a port served twice",
	 STEP "  - name: a\n"
	      "    serve:\n"
	      "      - {node: fn0, command: x, port: 80}\n"
	      "      - {node: fn1, command: x, port: 80}\n"
	      "      - {node: fn0, command: x, port: 80}\n",
	 "t.yaml:10:39: fn0 already serves port 80 in line 8\n"},
	{"values of no program",
	 STEP
	 "  - {name: a, links: all, values: {v: /a}, moved: {sent: /b}, expect: {exit: any}}\n",
	 "t.yaml:6:35: values: the step has no 'run' to take it from\n"
	 "t.yaml:6:51: moved: the step has no 'run' to take it from\n"
	 "t.yaml:6:78: exit: the step has no 'run' to take it from\n"},
	{"a path of nothing", STEP "  - {name: a, links: all, expect: {path: direct}}\n",
	 "t.yaml:6:42: path: to prove that it is direct, the step needs 'serve'\n"},
	{"a path without a program",
	 STEP "  - {name: a, serve: {node: fn0, command: x, port: 1}, expect: {path: direct}}\n",
	 "t.yaml:6:71: path: to prove that it is direct, the step needs 'run'\n"},
	{"a path without bytes",
	 STEP "  - {name: a, serve: {node: fn0, command: x, port: 1}, run: {node: fn1, command: "
	      "x}, expect: {path: direct}}\n",
	 "t.yaml:6:101: path: to prove that it is direct, the step needs 'moved'\n"},
	{"drops by a public node", STEP "  - {name: a, links: all, expect: {dropped_by: seed}}\n",
	 "t.yaml:6:48: dropped_by: 'seed' is not behind a NAT\n"},
	{"drops by an unknown node", STEP "  - {name: a, links: all, expect: {dropped_by: fm1}}\n",
	 "t.yaml:6:48: there is no node 'fm1', did you mean 'fn1'?\n"},
	{"an unknown count hides no other error",
	 HEAD SEED "  fn: {count: many}\n"
		   "steps:\n"
		   "  - {name: a, run: {node: fn7, command: x, cpu: 4096}}\n",
	 "t.yaml:4:15: count: expected an integer from 1 to 4096, found 'many'\n"
	 "t.yaml:6:49: cpu: expected an integer from 0 to 1023 or any, found '4096'\n"},
	{"an unknown role hides no other error",
	 HEAD "  seed: {role: sed}\n" FN "steps:\n"
	      "  - {name: a, links: none}\n",
	 "t.yaml:3:16: role: expected function, seed or host, found 'sed', did you mean 'seed'?\n"
	 "t.yaml:6:22: links: expected all or possible, found 'none'\n"},
};

Test(checks, errors_name_their_place)
{
	expect_refused(refused, ARRAY_SIZE(refused));
}
