/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what a rule does, in the words of a firewall rather than of
 * nftables' register machine: matches, keys and their look-up, translation,
 * verdicts. Each function adds to the last rule of a table (rules.h). A match of
 * one thing uses the first register; keys of several fields are put together in
 * slots, sixteen registers of four bytes.
 */
#ifndef TOPO_RULES_STEPS_H
#define TOPO_RULES_STEPS_H

#include "topo/rules.h"

/* No such field. */
#define RULES_NO_SLOT (-1)

/** rules_if_in() - if the packet came in by @ifname. */
void rules_if_in(struct rules *rules, const char *ifname);
/** rules_unless_in() - if it came in by another interface. */
void rules_unless_in(struct rules *rules, const char *ifname);
/** rules_if_out() - if the packet goes out by @ifname. */
void rules_if_out(struct rules *rules, const char *ifname);
/** rules_if_source() - if the IPv4 source lies in @net/@prefix_len. */
void rules_if_source(struct rules *rules, const struct addr *net, unsigned int prefix_len);
/** rules_if_destination() - if the IPv4 destination is @addr. */
void rules_if_destination(struct rules *rules, const struct addr *addr);
/** rules_if_proto() - if it is of transport protocol @proto. */
void rules_if_proto(struct rules *rules, uint8_t proto);
/** rules_if_destination_port() - if it is to @port; the protocol was matched before. */
void rules_if_destination_port(struct rules *rules, uint16_t port);
/** rules_if_tcp_flags() - if of the flags in @mask exactly @flags are set. */
void rules_if_tcp_flags(struct rules *rules, uint8_t mask, uint8_t flags);
/** rules_if_ct_state() - if its connection's state is one of @states (NF_CT_STATE_*_BIT). */
void rules_if_ct_state(struct rules *rules, uint32_t states);
/** rules_if_ct_status() - if its connection has one of @status (IPS_*). */
void rules_if_ct_status(struct rules *rules, uint32_t status);
/** rules_unless_ct_status() - if its connection has none of @status (IPS_*). */
void rules_unless_ct_status(struct rules *rules, uint32_t status);
/** rules_if_ct_direction() - if it goes in that direction of its connection (IP_CT_DIR_*). */
void rules_if_ct_direction(struct rules *rules, uint8_t direction);
/** rules_if_faster() - if such packets come faster than @rate a second. */
void rules_if_faster(struct rules *rules, uint32_t rate);
/** rules_if_number() - if the number in @slot is @value. */
void rules_if_number(struct rules *rules, int slot, uint32_t value);

/** rules_load_source() - the packet's IPv4 source. */
void rules_load_source(struct rules *rules, int slot);
/** rules_load_destination() - its IPv4 destination. */
void rules_load_destination(struct rules *rules, int slot);
/** rules_load_source_port() - of TCP or UDP. */
void rules_load_source_port(struct rules *rules, int slot);
/** rules_load_destination_port() - of TCP or UDP. */
void rules_load_destination_port(struct rules *rules, int slot);
/** rules_load_ct() - NFT_CT_* of its connection's tuple in @direction (IP_CT_DIR_*). */
void rules_load_ct(struct rules *rules, int slot, uint32_t key, int direction);
/** rules_load_addr() - a constant IPv4 address. */
void rules_load_addr(struct rules *rules, int slot, const struct addr *addr);
/** rules_load_number() - one of @count numbers from @first on; @op: NFT_NG_*. */
void rules_load_number(struct rules *rules, int slot, uint32_t op, uint32_t first, uint32_t count);
/** rules_load_hash() - one of @count numbers from @first on, by a hash of @fields slots. */
void rules_load_hash(struct rules *rules, int slot, int from_slot, uint32_t fields, uint32_t seed,
		     uint32_t first, uint32_t count);
/** rules_number_to_port() - the number in @slot becomes a port. */
void rules_number_to_port(struct rules *rules, int slot);

/** rules_if_known() - if @set has the key that begins in @slot. */
void rules_if_known(struct rules *rules, size_t set, int slot);
/** rules_unless_known() - if it has not. */
void rules_unless_known(struct rules *rules, size_t set, int slot);
/** rules_if_found() - if @map has the key; its data goes to @to_slot and the next ones. */
void rules_if_found(struct rules *rules, size_t map, int slot, int to_slot);
/**
 * rules_learn() - put the key into a set, for @timeout_ms from now on; in a map with
 * the data in @data_slot and the next ones (else RULES_NO_SLOT)
 *
 * An entry that is there keeps its data. The rule ends here when the set is full.
 */
void rules_learn(struct rules *rules, size_t set, int slot, int data_slot, uint64_t timeout_ms);
/** rules_if_crowded() - if more than @limit connections have the key; @set counts them. */
void rules_if_crowded(struct rules *rules, size_t set, int slot, uint32_t limit);
/**
 * rules_if_first() - if no packet with that key has got here for one @rate-th of a second
 *
 * Of several at once, on processors of their own, one goes on. @set has a time to live.
 */
void rules_if_first(struct rules *rules, size_t set, int slot, uint32_t rate);
/** rules_if_all_crowded() - if more than @limit connections have met this rule. */
void rules_if_all_crowded(struct rules *rules, uint32_t limit);

/** rules_count() - add it to the counter @name. */
void rules_count(struct rules *rules, const char *name);
/** rules_snat() - translate its source to @addr; the kernel chooses the port. */
void rules_snat(struct rules *rules, const struct addr *addr);
/** rules_snat_random() - likewise, to a random port from @min to @max for each connection. */
void rules_snat_random(struct rules *rules, const struct addr *addr, uint16_t min, uint16_t max);
/** rules_snat_slots() - to what is in the slots; @port may be RULES_NO_SLOT. */
void rules_snat_slots(struct rules *rules, int addr, int port);
/** rules_dnat_slots() - translate its destination likewise. */
void rules_dnat_slots(struct rules *rules, int addr, int port);
/** rules_dnat() - translate its destination to @to; the port only if it has one. */
void rules_dnat(struct rules *rules, const struct addr *to);
/** rules_reject() - NFT_REJECT_TCP_RST, or NFT_REJECT_ICMP_UNREACH with @code. */
void rules_reject(struct rules *rules, uint32_t type, uint8_t code);
/** rules_drop() - drop it. */
void rules_drop(struct rules *rules);
/** rules_accept() - ask no further rule of this hook's chain. */
void rules_accept(struct rules *rules);
/** rules_jump() - go to @chain, and come back when nothing there decides. */
void rules_jump(struct rules *rules, size_t chain);
/** rules_goto() - go to @chain for good. */
void rules_goto(struct rules *rules, size_t chain);

#endif
