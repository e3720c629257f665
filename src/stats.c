/* SPDX-License-Identifier: MIT */

/* Statistics. What births would have to count is counted here instead, page by page. */

#include "pacing.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t growth(const gc_heap *heap, uint64_t since)
{
    return larger((uint64_t)heap->bytes_live + heap->bytes_external, since) - since;
}

/* What all but one in so many of the pauses do not exceed: the end of a bucket, see gci_pauses. */
static uint64_t percentile(const struct gci_pauses *pauses, uint64_t count, uint64_t so_many)
{
    unsigned bucket = 0;
    for (uint64_t seen = pauses->counts[0]; seen < count - count / so_many;) {
        seen += pauses->counts[++bucket];
    }
    unsigned shift = bucket < 8 ? 0 : bucket / 4 - 1;
    uint64_t end = (uint64_t)(bucket + 1 - 4 * shift) << (shift + GCI_PAUSE_SHIFT);
    return bucket + 1 < GCI_PAUSE_BUCKETS && end < pauses->ns_max ? end : pauses->ns_max;
}

/* The pauses of so many phases. */
static gc_pauses pauses_of(const struct gci_pauses *first, size_t phases)
{
    struct gci_pauses sum = { .ns_total = 0 };
    uint64_t count = 0;
    for (const struct gci_pauses *pauses = first; pauses < first + phases; pauses++) {
        sum.ns_total += pauses->ns_total;
        sum.ns_max = larger(sum.ns_max, pauses->ns_max);
        for (size_t i = 0; i < GCI_PAUSE_BUCKETS; i++) {
            sum.counts[i] += pauses->counts[i];
            count += pauses->counts[i];
        }
    }
    return (gc_pauses){ .count = count,
                        .ns_total = sum.ns_total,
                        .ns_p50 = percentile(&sum, count, 2),
                        .ns_p99 = percentile(&sum, count, 100),
                        .ns_p9999 = percentile(&sum, count, 10000),
                        .ns_max = sum.ns_max };
}

/* The frozen in a page where there are others, too. */
static uint32_t frozen_in(const struct gci_page *page)
{
    uint32_t frozen = 0;
    for (size_t offset = page->first; offset < gci_page_end(page); offset += page->slot_size) {
        frozen += gci_state_of(gci_page_at(page, offset)) == GCI_FROZEN;
    }
    return frozen;
}

void gc_get_stats_sized(gc_heap *heap, gc_stats *stats, size_t size)
{
    gc_pauses pauses = pauses_of(heap->pauses, GC_PHASES);
    gc_stats all = {
        .generations = { heap->generations[0], heap->generations[1] },
        .objects_died = heap->objects_died,
        .finalized = heap->finalized,
        .bytes_live = heap->bytes_live,
        .bytes_live_peak = larger(heap->bytes_live, heap->bytes_live_peak),
        .bytes_external = heap->bytes_external,
        .bytes_reserved = heap->bytes_reserved,
        .bytes_limit = heap->config.limit_bytes,
        .pause_ns_total = pauses.ns_total,
        .pause_ns_max = pauses.ns_max,
        .segments = heap->segment_count,
        .bytes_grown_young = growth(heap, heap->pacing.at_collection),
        .bytes_grown_old = growth(heap, heap->pacing.frozen + heap->pacing.alive),
        .pauses = pauses,
        .bytes_trash = gci_bytes_trash(heap),
        .slices_late = heap->pacing.late_slices,
        .objects_waiting = heap->backlog_count +
                           (heap->emptying != NULL && gci_state_of(heap->emptying) == GCI_DYING),
        .bytes_resident = heap->bytes_reserved - gci_segments_clean_bytes(heap),
    };
    for (size_t phase = 0; phase < GC_PHASES; phase++) {
        gc_generation_stats *generation = &all.generations[phase == GC_PHASE_YOUNG ? 0 : 1];
        all.phases[phase] = pauses_of(&heap->pauses[phase], 1);
        if (phase == GC_PHASE_DESTROY) {
            continue; /* of no generation */
        }
        generation->pause_ns_total += all.phases[phase].ns_total;
        generation->pause_ns_max = larger(generation->pause_ns_max, all.phases[phase].ns_max);
    }
    uint64_t containers = 0;
    for (struct gci_page *page = NULL; (page = gci_pages_next(heap, page)) != NULL;) {
        uint32_t used = gci_page_used(page) - page->zombies;
        all.pages += page->span == 0 ? 1 : page->span;
        all.objects_live += used;
        if (page->birth != GCI_LEAF) {
            uint32_t frozen = page->frozen ? used : page->mixed ? frozen_in(page) : 0;
            all.objects_frozen += frozen;
            containers += used - frozen;
        }
    }
    all.bytes_tables = heap->bytes_reserved;
    for (struct gci_segment *segment = heap->segments; segment != NULL; segment = segment->next) {
        all.bytes_tables -= gci_round_up(segment->size, GCI_BLOCK_SIZE);
    }
    all.generations[0].objects = heap->young_objects;
    all.generations[1].objects = containers - heap->young_objects;
    all.objects_born = all.objects_live + all.objects_died;
    uint64_t collected = heap->generations[0].collected + heap->generations[1].collected;
    if (heap->ending.step != GCI_END_NONE) {
        collected +=
            heap->ending.freed - heap->ending.resurrected; /* some of it has died already */
    }
    uint64_t by_count = larger(all.objects_died, collected) - collected;
    heap->died_by_count = all.died_by_count = larger(heap->died_by_count, by_count);
    memset(stats, 0, size);
    memcpy(stats, &all, size < sizeof(all) ? size : sizeof(all));
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void print_generation(FILE *file, const char *name, const gc_generation_stats *stats)
{
    (void)fprintf(file, "  %-5s %11llu %11llu %11llu %13llu\n", name,
                  (unsigned long long)stats->objects, (unsigned long long)stats->collections,
                  (unsigned long long)stats->collected, (unsigned long long)stats->uncollectable);
}

static void print_pauses(FILE *file, const char *name, const gc_pauses *pauses)
{
    (void)fprintf(file, "  %-7s %9llu %11.2f %9.3f %9.3f %9.3f %9.3f\n", name,
                  (unsigned long long)pauses->count, ms(pauses->ns_total), ms(pauses->ns_p50),
                  ms(pauses->ns_p99), ms(pauses->ns_p9999), ms(pauses->ns_max));
}

void gc_stats_print(gc_heap *heap, FILE *file)
{
    static const char *const phases[] = { "young", "full",    "promote", "count",  "mark",
                                          "sweep", "recheck", "free",    "destroy" };
    gc_stats stats;
    gc_get_stats(heap, &stats);
    (void)fprintf(file, "  %-5s %11s %11s %11s %13s\n", "", "objects", "collections", "collected",
                  "uncollectable");
    print_generation(file, "young", &stats.generations[0]);
    print_generation(file, "old", &stats.generations[1]);
    if (stats.objects_frozen > 0) {
        (void)fprintf(file, "  frozen %10llu\n", (unsigned long long)stats.objects_frozen);
    }
    (void)fprintf(file, "  objects %llu live, %llu born, %llu died (%llu by count)\n",
                  (unsigned long long)stats.objects_live, (unsigned long long)stats.objects_born,
                  (unsigned long long)stats.objects_died, (unsigned long long)stats.died_by_count);
    (void)fprintf(file, "  bytes   %llu live, %llu at most, %llu external, %llu reserved\n",
                  (unsigned long long)stats.bytes_live, (unsigned long long)stats.bytes_live_peak,
                  (unsigned long long)stats.bytes_external,
                  (unsigned long long)stats.bytes_reserved);
    (void)fprintf(file, "  %-7s %9s %11s %9s %9s %9s %9s\n", "", "pauses", "total ms", "p50 ms",
                  "p99 ms", "p99.99 ms", "max ms");
    for (unsigned phase = 0; phase < GC_PHASES; phase++) {
        if (stats.phases[phase].count > 0) {
            print_pauses(file, phases[phase], &stats.phases[phase]);
        }
    }
    print_pauses(file, "all", &stats.pauses);
}

/* By type. What there is to know of a type stands in its records, of which there is one for each size
 * class of its objects. The answer is kept sorted while it is made, in the caller's array, so no memory
 * is needed. */

struct answer {
    char *stats;
    size_t count; /* room */
    size_t size;  /* of one */
    size_t types; /* there would be */
};

static struct gci_record *first_record(const gc_heap *heap, const gc_type *type)
{
    for (unsigned size_class = 0; size_class <= GCI_CLASS_LARGE; size_class++) {
        struct gci_record *record = gci_object_record(heap, type, size_class);
        if (record != NULL) {
            return record;
        }
    }
    return NULL;
}

static void add_up_pages(gc_heap *heap)
{
    for (struct gci_page *page = NULL; (page = gci_pages_next(heap, page)) != NULL;) {
        uint32_t used = gci_page_used(page) - page->zombies;
        struct gci_record *record = page->record;
        size_t bytes =
            page->span == 0 ? gci_segment_of(page)->size : page->span * (size_t)GCI_PAGE_SIZE;
        record->live += used;
        record->bytes += used * page->slot_size;
        record->bytes_pages += bytes;
        record->pages += (bytes + GCI_PAGE_SIZE - 1) / GCI_PAGE_SIZE;
        record->slots_free += gci_page_capacity(page) - gci_page_used(page);
    }
}

static gc_type_stats stats_at(const struct answer *answer, size_t index)
{
    gc_type_stats stats = { 0 };
    memcpy(&stats, answer->stats + index * answer->size,
           answer->size < sizeof(stats) ? answer->size : sizeof(stats));
    return stats;
}

static void recall_earlier(const gc_heap *heap, const struct answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        gc_type_stats earlier = stats_at(answer, i);
        struct gci_record *record = earlier.type == NULL ? NULL : first_record(heap, earlier.type);
        if (record != NULL) {
            record->earlier.objects = earlier.objects;
            record->earlier.bytes = earlier.bytes;
        }
    }
}

static bool comes_before(const gc_type_stats *a, gc_type_stats b)
{
    return a->objects != b.objects ? a->objects > b.objects : a->bytes > b.bytes;
}

static void insert(struct answer *answer, const gc_type_stats *stats)
{
    size_t used = answer->types < answer->count ? answer->types : answer->count;
    size_t index = used;
    while (index > 0 && comes_before(stats, stats_at(answer, index - 1))) {
        index--;
    }
    answer->types++;
    if (index < answer->count) {
        char *place = answer->stats + index * answer->size;
        size_t after = (used < answer->count ? used : answer->count - 1) - index;
        memmove(place + answer->size, place, after * answer->size);
        memset(place, 0, answer->size);
        memcpy(place, stats, answer->size < sizeof(*stats) ? answer->size : sizeof(*stats));
    }
}

/* Add up the records of a type, which begin at zero again, and put it into the answer. */
static void insert_type(gc_heap *heap, const gc_type *type, struct answer *answer)
{
    gc_type_stats stats = { .type = type }, earlier = { 0 };
    unsigned last = type->item_size == 0 ? 0 : GCI_CLASS_LARGE;
    for (unsigned size_class = 0; size_class <= last; size_class++) {
        struct gci_record *record = gci_object_record(heap, type, size_class);
        if (record != NULL) {
            stats.objects += record->live;
            stats.bytes += record->bytes;
            stats.pages += record->pages;
            stats.bytes_pages += record->bytes_pages;
            stats.slots_free += record->slots_free;
            earlier.objects += record->earlier.objects;
            earlier.bytes += record->earlier.bytes;
            record->live = record->bytes = 0;
            record->pages = record->bytes_pages = record->slots_free = 0;
            record->earlier.objects = record->earlier.bytes = 0;
        }
    }
    stats.objects_grown = (int64_t)(stats.objects - earlier.objects);
    stats.bytes_grown = (int64_t)(stats.bytes - earlier.bytes);
    if (stats.objects > 0 || earlier.objects > 0) {
        insert(answer, &stats);
    }
}

size_t gc_get_type_stats_sized(gc_heap *heap, gc_type_stats *stats, size_t count, size_t size)
{
    struct answer answer = { .stats = (char *)stats, .count = count, .size = size };
    add_up_pages(heap);
    recall_earlier(heap, &answer);
    for (struct gci_records *block = heap->records; block != NULL; block = block->next) {
        for (size_t i = 0; i < block->used; i++) {
            if (block->records[i].type != NULL) {
                insert_type(heap, block->records[i].type, &answer);
            }
        }
    }
    if (answer.types < count) {
        memset(answer.stats + answer.types * size, 0, (count - answer.types) * size);
    }
    return answer.types;
}
