/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for numbers as people read them: 11301234567 bit/s is "11.3 Gbit/s",
 * 1530 us is "1.5 ms".
 */
#ifndef LAB_HUMAN_H
#define LAB_HUMAN_H

#define HUMAN_TEXT_MAX 64

/**
 * human_format() - a number with its unit
 * @value: in @unit
 * @unit: times ("ns" to "s") move along their own ladder; bits and bytes ("B",
 *	"B/s", "bit/s", ...) get the prefixes of powers of 1000; anything else,
 *	"" included, is printed as it is
 *
 * Return: @buf, so that it may stand in a printf argument list.
 */
const char *human_format(double value, const char *unit, char buf[static HUMAN_TEXT_MAX]);

#endif
