/* SPDX-License-Identifier: MIT */
/*
 * Interface for a cluster on one machine: a network namespace with loopback
 * only, files that go with it, a seed, and members that are the test itself.
 * For use in the helper of tests/support/userns.
 */
#ifndef TESTS_BOXER_CLUSTER_H
#define TESTS_BOXER_CLUSTER_H

#include "boxer/reason.h"
#include "tests/boxer/child.h"
#include "tests/boxer/speaker.h"
#include "tests/support/userns.h"

/* A file system of the helper's own. */
#define CLUSTER_DIR	"/mnt"
#define CLUSTER_KEY	CLUSTER_DIR "/key"
#define CLUSTER_BAD_KEY CLUSTER_DIR "/bad-key"

/* A sanitizer's memory is not the seed's. */
#ifdef __SANITIZE_ADDRESS__
#define CLUSTER_CHECK_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CLUSTER_CHECK_MEMORY false
#endif
#endif
#ifndef CLUSTER_CHECK_MEMORY
#define CLUSTER_CHECK_MEMORY true
#endif

/** CLUSTER_TEST() - a Criterion test whose body runs in the helper. */
#define CLUSTER_TEST(suite, name)                                                \
	static void suite##_##name(void);                                        \
	static void enter_##suite##_##name(void *arg)                            \
	{                                                                        \
		(void)arg;                                                       \
		suite##_##name();                                                \
	}                                                                        \
	Test(suite, name)                                                        \
	{                                                                        \
		userns_test(enter_##suite##_##name, NULL, cluster_timeout_ms()); \
	}                                                                        \
	static void suite##_##name(void)

/**
 * struct cluster - a seed that runs
 * @at: where it serves; @text is the same for command lines
 */
struct cluster {
	struct child seed;
	struct addr at;
	char text[ADDR_TEXT_MAX];
};

extern const uint8_t cluster_key[AUTH_KEY_LEN];

/** cluster_timeout_ms() - of one test; BOXLAB_COUNT multiplies it too. */
int cluster_timeout_ms(void);

/** cluster_prepare() - the namespace and its files, without a seed. */
void cluster_prepare(void);
/**
 * cluster_start() - cluster_prepare(), and a seed
 * @...: further arguments, up to NULL
 */
void cluster_start(struct cluster *c, ...) __attribute__((sentinel));
/** cluster_start_seed() - one more seed, with the same key, after cluster_prepare(). */
void cluster_start_seed(struct cluster *c, const char *const *more, void (*prepare)(void));
/** cluster_stop() - end the seed, which must do so with 0. */
void cluster_stop(struct cluster *c);

/** cluster_connect() - a TCP connection to the seed, from @from or any address if NULL. */
int cluster_connect(struct cluster *c, const char *from);
/** cluster_greet() - a speaker that has authenticated itself, but not joined. */
void cluster_greet(struct cluster *c, struct speaker *s, const char *from);
/** cluster_ask_to_join() - greet, and send JOIN. */
void cluster_ask_to_join(struct cluster *c, struct speaker *s, const char *name, const char *from);
/** cluster_send_join() - JOIN, as the test has made it up. */
void cluster_send_join(struct speaker *s, const struct frame_join *join);
/** cluster_join() - join; what is streamed next are the members. */
void cluster_join(struct cluster *c, struct speaker *s, const char *name,
		  struct frame_joined *ret_joined);
/** cluster_joins() - join and take in the stream up to the own record. Return: the id. */
uint32_t cluster_joins(struct cluster *c, struct speaker *s, const char *name);
/** cluster_rejection() - wait for REJECT. Return: its reason. */
enum reason cluster_rejection(struct speaker *s);
/** cluster_leave() - send LEAVE and hang up. */
void cluster_leave(struct speaker *s);
/** cluster_next_member(), cluster_next_gone() - the next frame must be that. */
struct frame_member cluster_next_member(struct speaker *s);
struct frame_gone cluster_next_gone(struct speaker *s);
/** cluster_name() - a name for member number @i; valid until the next call. */
const char *cluster_name(unsigned i);
/** cluster_check_serves() - whatever has happened: a join succeeds, and does not take long. */
void cluster_check_serves(struct cluster *c);

#endif
