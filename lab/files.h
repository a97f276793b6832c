/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for small files of the kernel and of sandboxes: written or read in
 * one go. Nothing here allocates: it is used between clone() and exec() too.
 */
#ifndef LAB_FILES_H
#define LAB_FILES_H

#include <stddef.h>
#include <sys/types.h>

/** file_write() - write @text to an existing file in one write(). Return: 0, or -errno. */
int file_write(const char *path, const char *text);
/**
 * file_put() - make a new file, and the directories on the way to it
 * @dir: directory descriptor
 * @path: relative to @dir
 *
 * Return: 0, or -errno.
 */
int file_put(int dir, const char *path, const char *content, mode_t mode);
/** file_read() - read a short text file, NUL-terminated. Return: its length, or -errno. */
ssize_t file_read(const char *path, char *ret_text, size_t size);
/** file_read_long() - the number in a file, or @otherwise. */
long file_read_long(const char *path, long otherwise);
/**
 * dir_make_parents() - make the directories on the way to @path, mode 0755
 *
 * Return: 0, or -errno.
 */
int dir_make_parents(int dir, const char *path);

#endif
