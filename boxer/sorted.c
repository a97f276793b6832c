/* SPDX-License-Identifier: MIT */
#include "boxer/sorted.h"

size_t sorted_position(const void *list, size_t n, uint32_t id,
		       uint32_t (*id_at)(const void *list, size_t at))
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (id_at(list, mid) < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
