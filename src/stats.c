/* SPDX-License-Identifier: MIT */

/* Statistics. What births would have to count is counted here instead, page by page. */

#include "pages.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void gc_get_stats_sized(gc_heap *heap, gc_stats *stats, size_t size)
{
    gc_stats all = {
        .generations = { heap->generations[0], heap->generations[1] },
        .objects_died = heap->objects_died,
        .finalized = heap->finalized,
        .bytes_live = heap->bytes_live,
        .bytes_live_peak = larger(heap->bytes_live, heap->bytes_live_peak),
        .bytes_external = heap->bytes_external,
        .bytes_reserved = heap->bytes_reserved,
        .bytes_limit = heap->config.limit_bytes,
        .pause_ns_total = heap->generations[0].pause_ns_total + heap->generations[1].pause_ns_total,
        .pause_ns_max =
            larger(heap->generations[0].pause_ns_max, heap->generations[1].pause_ns_max),
        .segments = heap->segment_count,
    };
    uint64_t containers = 0;
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        uint32_t used = gci_page_used(page);
        all.pages += page->span == 0 ? 1 : page->span;
        all.objects_live += used;
        containers += page->birth == GCI_LEAF ? 0 : used;
    }
    all.objects_live -= heap->cycle.dead_in_chains;
    containers -= heap->cycle.dead_in_chains;
    all.generations[0].objects = heap->young_objects;
    all.generations[1].objects = containers - heap->young_objects;
    all.objects_born = all.objects_live + all.objects_died;
    uint64_t collected = heap->generations[0].collected + heap->generations[1].collected;
    /* Inside a callback, what is collected may not have died yet. */
    all.died_by_count = larger(all.objects_died, collected) - collected;
    memset(stats, 0, size);
    memcpy(stats, &all, size < sizeof(all) ? size : sizeof(all));
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void print_generation(FILE *file, const char *name, const gc_generation_stats *stats)
{
    (void)fprintf(file, "  %-5s %11llu %11llu %11llu %13llu %11.2f %9.3f\n", name,
                  (unsigned long long)stats->objects, (unsigned long long)stats->collections,
                  (unsigned long long)stats->collected, (unsigned long long)stats->uncollectable,
                  ms(stats->pause_ns_total), ms(stats->pause_ns_max));
}

void gc_stats_print(gc_heap *heap, FILE *file)
{
    gc_stats stats;
    gc_get_stats(heap, &stats);
    (void)fprintf(file, "  %-5s %11s %11s %11s %13s %11s %9s\n", "", "objects", "collections",
                  "collected", "uncollectable", "pauses ms", "max ms");
    print_generation(file, "young", &stats.generations[0]);
    print_generation(file, "old", &stats.generations[1]);
    (void)fprintf(file, "  objects %llu live, %llu born, %llu died (%llu by count)\n",
                  (unsigned long long)stats.objects_live, (unsigned long long)stats.objects_born,
                  (unsigned long long)stats.objects_died, (unsigned long long)stats.died_by_count);
    (void)fprintf(file, "  bytes   %llu live, %llu at most, %llu external, %llu reserved\n",
                  (unsigned long long)stats.bytes_live, (unsigned long long)stats.bytes_live_peak,
                  (unsigned long long)stats.bytes_external,
                  (unsigned long long)stats.bytes_reserved);
}
