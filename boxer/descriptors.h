/* SPDX-License-Identifier: MIT */
/*
 * Interface for the number of descriptors that this process may have. A node holds
 * one or more for each member; the guest gets the limit that the node was started
 * with, for a program may not be made for more (select(2) ends at 1024).
 */
#ifndef BOXER_DESCRIPTORS_H
#define BOXER_DESCRIPTORS_H

/** descriptors_raise() - have as many as we may. */
void descriptors_raise(void);
/** descriptors_restore() - in a child: the limit is what it was before descriptors_raise(). */
void descriptors_restore(void);

#endif
