/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/choose.h"

static void
choose_for(const struct image *img, const struct image_filter *f, const bool *alive, bool *chosen)
{
	uint32_t end = f->sources.first + f->sources.n, picked = 0;
	bool any = false;

	for (uint32_t s = f->sources.first; s < end; s++) {
		chosen[s] = false;
		if (!alive[s] || (any && !f->all && img->sources[s].entry != picked))
			continue;
		picked = img->sources[s].entry;
		any = true;
		chosen[s] = true;
	}
}

void
choose_sources(const struct image *img, const bool *alive, bool *chosen)
{
	for (uint32_t f = 0; f < image_count(img, IMAGE_FILTERS); f++)
		choose_for(img, &img->filters[f], alive, chosen);
}

bool
choose_reads(const struct image *img, uint32_t filter, const bool *chosen)
{
	struct span sources = img->filters[filter].sources;

	for (uint32_t i = 0; i < sources.n; i++)
		if (chosen[sources.first + i])
			return true;
	return false;
}
