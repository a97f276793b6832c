/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for files that a document names: no file of the machine is read. What
 * follows the first NUL of an input is the text of every file that is named before
 * it. Linked with --wrap=keys_read_file.
 */
#ifndef TESTS_FUZZ_FILE_H
#define TESTS_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

/**
 * file_split() - take the files' text off an input, which must outlive its reading
 *
 * Return: the length of the document, which comes before it.
 */
size_t file_split(const uint8_t *data, size_t size);

#endif
