/* SPDX-License-Identifier: MIT */
/* Addresses: text, socket addresses, classes, order. */
#include "base/addr.h"

#include "base/cleanup.h"
#include "tests/base/random.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct addr parsed(const char *text)
{
	struct addr a;

	cr_assert_eq(addr_parse(text, &a), 0, "'%s' is refused", text);
	return a;
}

/* What is not the same after a round trip is given in its usual form. */
static const struct {
	const char *text;
	uint16_t family, port;
	const char *formatted;
	const char *host;
} good[] = {
	{"0.0.0.0", AF_INET, 0, "0.0.0.0", "0.0.0.0"},
	{"1.2.3.4", AF_INET, 0, "1.2.3.4", "1.2.3.4"},
	{"1.2.3.4:1", AF_INET, 1, "1.2.3.4:1", "1.2.3.4"},
	{"1.2.3.4:0", AF_INET, 0, "1.2.3.4", "1.2.3.4"},
	{"1.2.3.4:0080", AF_INET, 80, "1.2.3.4:80", "1.2.3.4"},
	{"255.255.255.255:65535", AF_INET, 65535, "255.255.255.255:65535", "255.255.255.255"},
	{"::", AF_INET6, 0, "::", "::"},
	{"::1", AF_INET6, 0, "::1", "::1"},
	{"[::1]", AF_INET6, 0, "::1", "::1"},
	{"[::1]:80", AF_INET6, 80, "[::1]:80", "::1"},
	{"[::]:65535", AF_INET6, 65535, "[::]:65535", "::"},
	{"2001:DB8:0:0::A", AF_INET6, 0, "2001:db8::a", "2001:db8::a"},
	{"::ffff:1.2.3.4", AF_INET6, 0, "::ffff:1.2.3.4", "::ffff:1.2.3.4"},
	{"[2001:db8:1111:2222:3333:4444:5555:6666]:65535", AF_INET6, 65535,
	 "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
	 "2001:db8:1111:2222:3333:4444:5555:6666"},
	{"[1111:2222:3333:4444:5555:6666:255.255.255.255]:65535", AF_INET6, 65535,
	 "[1111:2222:3333:4444:5555:6666:ffff:ffff]:65535",
	 "1111:2222:3333:4444:5555:6666:ffff:ffff"},
};

Test(addr, is_read_and_written)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct addr a = parsed(good[i].text);
		struct addr again;
		char text[ADDR_TEXT_MAX];

		cr_expect_eq(a.family, good[i].family, "%s", good[i].text);
		cr_expect_eq(a.port, good[i].port, "%s", good[i].text);
		cr_expect_str_eq(addr_format(&a, text), good[i].formatted);
		cr_assert_eq(addr_parse(text, &again), 0, "%s", text);
		cr_expect(addr_equal(&a, &again), "%s", text);
		cr_expect_str_eq(addr_format_host(&a, text), good[i].host);
	}
}

Test(addr, refuses_what_is_none_and_leaves_the_result_alone)
{
	static const char *const bad[] = {
		"",
		" ",
		":",
		":80",
		"localhost",
		"localhost:80",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"01.2.3.4",
		" 1.2.3.4",
		"1.2.3.4 ",
		"1.2.3.4:",
		"1.2.3.4:x",
		"1.2.3.4:80x",
		"1.2.3.4:80 ",
		"1.2.3.4: 80",
		"1.2.3.4:+80",
		"1.2.3.4:-1",
		"1.2.3.4:65536",
		"1.2.3.4:18446744073709551696", /* 80, were it cut to 64 bits */
		"[1.2.3.4]:80",
		"[",
		"[]",
		"[::1",
		"[::1]80",
		"[::1]:",
		"[::1]:65536",
		"[::1]:80:80",
		"[[::1]]:80",
		"::1]:80",
		":::",
		"1::2::3",
		"fe80::1%lo",
		"12345::",
		"1:2:3:4:5:6:7:8:9",
		"[0000000000000000000000000000000000000000000000000000000000000000000::1]:80",
		"1111111111111111111111111111111111111111111111111111111111111111111.2.3.4",
	};
	const struct addr before = addr_v4(0x01020304, 5);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct addr a = before;

		cr_expect_eq(addr_parse(bad[i], &a), -EINVAL, "'%s' is taken", bad[i]);
		cr_expect(addr_equal(&a, &before), "'%s' has changed the result", bad[i]);
	}
}

Test(addr, of_no_family_is_written_as_a_dash)
{
	const struct addr none = {0}, other = {.family = AF_UNIX, .port = 80};
	char text[ADDR_TEXT_MAX];

	cr_expect_str_eq(addr_format(&none, text), "-");
	cr_expect_str_eq(addr_format_host(&other, text), "-");
}

static struct addr random_addr(uint64_t *state)
{
	struct addr a = {
		.family = random_chance(state, 50) ? AF_INET : AF_INET6,
		.port = (uint16_t)random_draw(state),
	};

	random_fill(state, a.bytes, a.family == AF_INET ? 4 : 16);
	/* Runs of zeros are what the short forms are about. */
	for (size_t i = 0; i < sizeof(a.bytes); i++)
		if (random_chance(state, 50))
			a.bytes[i] = 0;
	return a;
}

Test(addr, survives_text_and_socket_addresses_whatever_it_is)
{
	unsigned long runs = random_count(20000);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		struct addr a = random_addr(&state), b;
		struct sockaddr_storage ss;
		char text[ADDR_TEXT_MAX];
		int len;

		cr_assert_eq(addr_parse(addr_format(&a, text), &b), 0, "run %lu: %s", run, text);
		cr_assert(addr_equal(&a, &b), "run %lu: %s", run, text);
		len = addr_to_sockaddr(&a, a.family, &ss);
		cr_assert_gt(len, 0);
		cr_assert_eq(addr_from_sockaddr((struct sockaddr *)&ss, (socklen_t)len, &b), 0);
		cr_assert(addr_equal(&a, &b), "run %lu: %s", run, text);
	}
}

Test(addr, of_ipv4_goes_through_an_ipv6_socket_in_its_mapped_form)
{
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 1, 2, 3, 4};
	struct addr a = parsed("1.2.3.4:80"), back;
	struct sockaddr_storage ss;
	struct sockaddr_in6 in6;
	int len = addr_to_sockaddr(&a, AF_INET6, &ss);

	cr_assert_eq(len, sizeof(in6));
	(void)memcpy(&in6, &ss, sizeof(in6));
	cr_expect_eq(in6.sin6_family, AF_INET6);
	cr_expect_eq(in6.sin6_port, htons(80));
	cr_expect_arr_eq(in6.sin6_addr.s6_addr, mapped, sizeof(mapped));
	cr_assert_eq(addr_from_sockaddr((struct sockaddr *)&ss, (socklen_t)len, &back), 0);
	cr_expect_eq(back.family, AF_INET);
	cr_expect(addr_equal(&a, &back));
}

Test(addr, has_no_socket_address_of_another_family)
{
	struct addr v4 = parsed("1.2.3.4:80"), v6 = parsed("[::1]:80"), none = {0};
	struct sockaddr_storage ss;

	cr_expect_eq(addr_to_sockaddr(&v6, AF_INET, &ss), -EAFNOSUPPORT);
	cr_expect_eq(addr_to_sockaddr(&v4, AF_UNIX, &ss), -EAFNOSUPPORT);
	cr_expect_eq(addr_to_sockaddr(&none, AF_INET, &ss), -EAFNOSUPPORT);
	cr_expect_eq(addr_to_sockaddr(&none, AF_INET6, &ss), -EAFNOSUPPORT);
	cr_expect_eq(addr_to_sockaddr(&none, AF_UNSPEC, &ss), -EAFNOSUPPORT);
}

Test(addr, is_not_taken_from_a_socket_address_that_is_too_short)
{
	static const char *const texts[] = {"1.2.3.4:80", "[2001:db8::1]:80"};
	const struct addr before = addr_v4(0x7f000001, 5);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct addr a = parsed(texts[i]);
		struct sockaddr_storage ss;
		int len = addr_to_sockaddr(&a, a.family, &ss);

		for (int cut = 0; cut < len; cut++) {
			/* As short as it says, so that a sanitizer sees a look beyond. */
			cleanup_free void *exact = malloc(cut ? (size_t)cut : 1);
			struct addr got = before;

			(void)memcpy(exact, &ss, (size_t)cut);
			cr_expect_eq(addr_from_sockaddr(exact, (socklen_t)cut, &got), -EINVAL,
				     "%s, %d bytes", texts[i], cut);
			cr_expect(addr_equal(&got, &before));
		}
	}
}

Test(addr, is_not_taken_from_a_socket_address_of_another_family)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNIX};
	struct addr a;

	cr_expect_eq(addr_from_sockaddr((struct sockaddr *)&ss, sizeof(ss), &a), -EAFNOSUPPORT);
}

enum { ANY = 1, LOOPBACK = 2, PRIVATE = 4 };

/* Both sides of every boundary. */
static const struct {
	const char *text;
	int classes;
} classified[] = {
	{"0.0.0.0", ANY},
	{"0.0.0.0:80", ANY},
	{"0.0.0.1", 0},
	{"9.255.255.255", 0},
	{"10.0.0.0", PRIVATE},
	{"10.255.255.255", PRIVATE},
	{"11.0.0.0", 0},
	{"100.63.255.255", 0},
	{"100.64.0.0", PRIVATE},
	{"100.127.255.255", PRIVATE},
	{"100.128.0.0", 0},
	{"126.255.255.255", 0},
	{"127.0.0.0", LOOPBACK},
	{"127.77.1.2:80", LOOPBACK},
	{"127.255.255.255", LOOPBACK},
	{"128.0.0.0", 0},
	{"169.253.255.255", 0},
	{"169.254.0.0", PRIVATE},
	{"169.254.255.255", PRIVATE},
	{"169.255.0.0", 0},
	{"172.15.255.255", 0},
	{"172.16.0.0", PRIVATE},
	{"172.31.255.255", PRIVATE},
	{"172.32.0.0", 0},
	{"192.167.255.255", 0},
	{"192.168.0.0", PRIVATE},
	{"192.168.255.255", PRIVATE},
	{"192.169.0.0", 0},
	{"198.18.0.1", 0}, /* the overlay is not somebody's network */
	{"203.0.113.1", 0},
	{"255.255.255.255", 0},
	{"::", ANY},
	{"[::]:80", ANY},
	{"::1", LOOPBACK},
	{"::2", 0},
	{"::127.0.0.1", 0},
	{"2001:db8::1", 0},
	{"fbff:ffff::", 0},
	{"fc00::", PRIVATE},
	{"fdff:ffff::", PRIVATE},
	{"fe00::", 0},
	{"fe7f:ffff::", 0},
	{"fe80::", PRIVATE},
	{"febf:ffff::", PRIVATE},
	{"fec0::", 0},
};

Test(addr, belongs_to_the_classes_of_the_rfcs)
{
	const struct addr none = {0};

	for (size_t i = 0; i < ARRAY_SIZE(classified); i++) {
		struct addr a = parsed(classified[i].text);
		int classes = (addr_is_any(&a) ? ANY : 0) | (addr_is_loopback(&a) ? LOOPBACK : 0) |
			      (addr_is_private(&a) ? PRIVATE : 0);

		cr_expect_eq(classes, classified[i].classes, "%s: %d", classified[i].text, classes);
	}
	cr_expect(addr_is_any(&none));
	cr_expect_not(addr_is_loopback(&none));
	cr_expect_not(addr_is_private(&none));
}

Test(addr, is_a_number_in_host_order)
{
	struct addr a = addr_v4(0x01020304, 80), b = parsed("1.2.3.4:80"), v6 = parsed("::1");

	cr_expect(addr_equal(&a, &b));
	cr_expect_eq(addr_v4_value(&b), 0x01020304);
	cr_expect_eq(addr_v4_value(&v6), 0);
}

Test(addr, is_compared_with_and_without_its_port)
{
	struct addr a = parsed("1.2.3.4:80"), b = parsed("1.2.3.4:81"), c = parsed("1.2.3.5:80");
	struct addr v6 = parsed("[102:304::]:80"); /* the same first bytes */

	cr_expect_not(addr_equal(&a, &b));
	cr_expect(addr_same_host(&a, &b));
	cr_expect_not(addr_same_host(&a, &c));
	cr_expect_not(addr_same_host(&a, &v6));
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

Test(addr, has_a_total_order)
{
	unsigned long runs = random_count(20000);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		struct addr a = random_addr(&state), b = random_addr(&state);
		struct addr c = random_addr(&state), copy = a;
		int ab = sign(addr_cmp_host(&a, &b)), bc = sign(addr_cmp_host(&b, &c));

		copy.port++;
		cr_assert_eq(addr_cmp_host(&a, &copy), 0, "run %lu", run);
		cr_assert_eq(sign(addr_cmp_host(&b, &a)), -ab, "run %lu", run);
		if (ab == bc)
			cr_assert_eq(sign(addr_cmp_host(&a, &c)), ab, "run %lu", run);
	}
}
