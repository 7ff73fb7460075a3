/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which of a filter's sources is read: those of its first entry that is alive, or of all entries
 * that are. Comes in: the image, what is alive. Goes out: a choice per source. Pure; bounded by the
 * image.
 */
#pragma once

#include <stdbool.h>

#include "wire/image.h"

/* alive and chosen: one per IMAGE_SOURCES. An entry is alive when one of its sources is. */
void choose_sources(const struct image *img, const bool *alive, bool *chosen);
/* True when one of the filter's sources is chosen. */
bool choose_reads(const struct image *img, uint32_t filter, const bool *chosen);
