/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for reading a small file whole.
 */
#ifndef LAB_READ_ALL_H
#define LAB_READ_ALL_H

#include <stddef.h>
#include <sys/types.h>

/** read_all() - up to @size bytes, until the file's end. Return: how many, or -errno. */
ssize_t read_all(int fd, char *buf, size_t size);

#endif
