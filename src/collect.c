/* SPDX-License-Identifier: MIT */

/* Collections: when, and over which set.
 *
 * A collection is due when the net number of young containers, or the growth of live and
 * external bytes since the last collection, passes its threshold. It takes the young; when what
 * the heap holds then has grown far enough since the last full collection, everything follows.
 *
 * A program whose objects die by count hardly pays: with the default thresholds each collection of
 * the young that finds next to nothing doubles them, and after BARREN_MAX in a row there are none
 * until a full one finds garbage again. What is not found meanwhile is bounded by the growth that
 * makes a full collection due, which is twice as much after one that found next to nothing. */

#include "collect.h"

static size_t bytes_in_use(const gc_heap *heap)
{
    size_t sum = heap->bytes_live + heap->bytes_external;
    return sum < heap->bytes_live ? SIZE_MAX : sum;
}

static size_t add_saturating(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

enum {
    YOUNG_OBJECTS = 32768,
    YOUNG_BYTES = 1 << 20,
    OLD_GROWTH_PERCENT = 50,
    OLD_BYTES = 4 << 20,
    BARREN_MAX = 3,    /* the young are never more than four times the defaults */
    BARREN_SHARE = 64, /* a collection is worth its time if more than one in so many was garbage */
};

static bool is_barren(const gc_heap *heap)
{
    return heap->barren == BARREN_MAX;
}

/* A threshold of the young, as it is now. */
static size_t young_limit(const gc_heap *heap, size_t threshold)
{
    return is_barren(heap) ? SIZE_MAX : threshold << heap->barren;
}

/* How much may be in use before a full collection is due. */
static size_t full_limit(const gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    size_t percent = thresholds->old_growth_percent;
    percent = heap->barren_full ? 2 * percent : percent; /* of the default: no overflow */
    bool is_more = heap->bytes_at_full > heap->bytes_frozen;
    size_t hundredth = is_more ? (heap->bytes_at_full - heap->bytes_frozen) / 100 : 0;
    if (percent == SIZE_MAX || (hundredth > 0 && percent > SIZE_MAX / hundredth)) {
        return SIZE_MAX;
    }
    size_t growth = hundredth * percent;
    return add_saturating(heap->bytes_at_full,
                          growth > thresholds->old_bytes ? growth : thresholds->old_bytes);
}

static bool may_start(const gc_heap *heap)
{
    return heap->enabled && heap->busy == 0;
}

void gci_collect_arm(gc_heap *heap)
{
    size_t room = heap->config.limit_bytes == 0 ? SIZE_MAX : heap->config.limit_bytes;
    heap->young_alarm = SIZE_MAX;
    if (may_start(heap) && heap->config.collect == GC_AT_ALLOCATION) {
        const gc_thresholds *thresholds = &heap->config.thresholds;
        size_t limit = is_barren(heap) ? full_limit(heap)
                                       : add_saturating(heap->bytes_at_collection,
                                                        young_limit(heap, thresholds->young_bytes));
        room = limit < room ? limit : room;
        heap->young_alarm = OURO_STRESS ? 0 : young_limit(heap, thresholds->young_objects);
    }
    if (heap->closing) {
        heap->young_alarm = 0; /* births have to take the slow path, which refuses them */
    }
    heap->bytes_alarm = room > heap->bytes_external ? room - heap->bytes_external : 0;
}

void gci_collect_hold(gc_heap *heap)
{
    heap->busy++;
    gci_pages_pin(heap);
    gci_collect_arm(heap);
}

void gci_collect_release(gc_heap *heap)
{
    heap->busy--;
    gci_pages_unpin(heap);
    gci_collect_arm(heap);
}

static void record_pause(gc_generation_stats *stats, uint64_t pause_ns)
{
    stats->pause_ns_total += pause_ns;
    if (pause_ns > stats->pause_ns_max) {
        stats->pause_ns_max = pause_ns;
    }
}

/* Find the garbage of a generation. All survivors are old. */
static struct gci_set find_garbage(gc_heap *heap, int generation)
{
    struct gci_set set = generation == 0 ? gci_set_of_young(heap) : gci_set_of_all(heap);
    set.look = (heap->debug & (GC_DEBUG_COLLECTABLE | GC_DEBUG_SAVE_ALL)) != 0;
    gci_trace_find_garbage(heap, &set);
    if (generation != 0) {
        gci_flip_old(heap);
    }
    heap->young_objects = 0;
    gci_pages_forget_young(heap);
    return set;
}

static void find_and_end_garbage(gc_heap *heap, gc_collection *report)
{
    OURO_CHECK_HEAP(heap);
    struct gci_set set = find_garbage(heap, report->generation);
    struct gci_doom_result result = gci_doom(heap, &set); /* user code may run here */
    gci_death_drain(heap);                                /* user code may run here */
    report->examined = set.alive_count + set.garbage_count;
    report->collected = result.freed;
    report->uncollectable = result.uncollectable;
    report->resurrected = result.resurrected;
    report->saved = result.saved;
    OURO_CHECK_HEAP(heap);
}

/* What the statistics and the thresholds have to know of a collection. */
static void record(gc_heap *heap, const gc_collection *report)
{
    gc_generation_stats *stats = &heap->generations[report->generation];
    stats->collections++;
    stats->collected += report->collected;
    stats->uncollectable += report->uncollectable;
    stats->resurrected += report->resurrected;
    heap->bytes_at_collection = bytes_in_use(heap);
    if (report->generation != 0) {
        heap->bytes_at_full = heap->bytes_at_collection;
    }
}

/* One collection, from the first start hook to the last stop hook, with no other inside. false: none
 * may start. */
static bool collect(gc_heap *heap, gc_collection *report)
{
    if (heap->busy > 0) {
        return false;
    }
    uint64_t start = gci_sys_clock_ns();
    gci_collect_hold(heap);
    gci_death_drain(heap); /* user code may run here */
    bool starts =
        heap->hooks.starts == NULL || heap->hooks.starts(heap, report); /* user code may run here */
    if (starts) {
        find_and_end_garbage(heap, report); /* user code may run here */
        record(heap, report);
        gci_pages_unpin(heap);
        gci_pages_tidy(heap);
        gci_pages_pin(heap);
        report->duration_ns = gci_sys_clock_ns() - start;
        record_pause(&heap->generations[report->generation], report->duration_ns);
        if (heap->hooks.stops != NULL) {
            heap->hooks.stops(heap, report); /* user code may run here */
        }
    }
    gci_collect_release(heap);
    return starts;
}

/* How many containers a collection has found unreachable, and not resurrected. */
static size_t collect_generation(gc_heap *heap, int generation, gc_reason reason)
{
    gc_collection report = { .size = sizeof(report), .generation = generation, .reason = reason };
    (void)collect(heap, &report);
    return (size_t)(report.collected + report.uncollectable + report.saved);
}

static bool has_grown(size_t now, size_t then, size_t by)
{
    return by != SIZE_MAX && now >= then && now - then >= by;
}

static bool are_young_many(const gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    return OURO_STRESS || heap->young_objects >= young_limit(heap, thresholds->young_objects);
}

static bool are_young_large(const gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    return has_grown(bytes_in_use(heap), heap->bytes_at_collection,
                     young_limit(heap, thresholds->young_bytes));
}

static bool is_full_due(const gc_heap *heap)
{
    size_t limit = full_limit(heap);
    return limit != SIZE_MAX && bytes_in_use(heap) >= limit;
}

/* A collection that came by itself, and what it says about the next. */
static void collect_by_itself(gc_heap *heap, int generation, gc_reason reason)
{
    size_t young = heap->young_objects;
    gc_collection report = { .size = sizeof(report), .generation = generation, .reason = reason };
    if (!collect(heap, &report)) {
        return;
    }
    size_t found = (size_t)(report.collected + report.uncollectable + report.saved);
    bool is_worth_it = found > young / BARREN_SHARE;
    const gc_thresholds *thresholds = &heap->config.thresholds;
    bool adapts =
        thresholds->young_objects == YOUNG_OBJECTS && thresholds->young_bytes == YOUNG_BYTES;
    if (is_worth_it || !adapts) {
        heap->barren = 0;
    } else if (generation == 0 && heap->barren < BARREN_MAX) {
        heap->barren++;
    }
    if (generation == 1) {
        heap->barren_full = !is_worth_it && thresholds->old_growth_percent == OLD_GROWTH_PERCENT &&
                            thresholds->old_bytes == OLD_BYTES;
    }
    gci_collect_arm(heap);
}

static void collect_what_is_due(gc_heap *heap)
{
    if (!may_start(heap)) {
        return;
    }
    bool are_many = are_young_many(heap);
    bool is_due = are_many || are_young_large(heap);
    gc_reason reason = are_many ? GC_REASON_OBJECTS : GC_REASON_BYTES;
    if (is_due) {
        collect_by_itself(heap, 0, reason); /* user code may run here */
    }
    if ((is_due || is_barren(heap)) && is_full_due(heap)) {
        collect_by_itself(heap, 1, GC_REASON_GROWTH); /* user code may run here */
    }
}

static void alarm(gc_heap *heap)
{
    if (heap->config.collect == GC_AT_ALLOCATION) {
        collect_what_is_due(heap);
    }
}

static bool shortage(gc_heap *heap)
{
    gc_collection report = { .size = sizeof(report),
                             .generation = 1,
                             .reason = GC_REASON_SHORTAGE };
    if (heap->config.collect != GC_AT_ALLOCATION || !collect(heap, &report)) {
        return false;
    }
    (void)gci_pages_trim(heap, 0);
    return true;
}

void gci_collect_install(gc_heap *heap)
{
    heap->hooks = (struct gci_hooks){ .alarm = alarm, .shortage = shortage };
}

size_t gci_collect_all(gc_heap *heap, gc_reason reason)
{
    return collect_generation(heap, 1, reason);
}

void gci_collect_rebase(gc_heap *heap)
{
    heap->bytes_at_collection = heap->bytes_at_full = heap->bytes_frozen = bytes_in_use(heap);
    gci_collect_arm(heap);
}

size_t gc_collect(gc_heap *heap)
{
    return gci_collect_all(heap, GC_REASON_CALL);
}

size_t gc_collect_generation(gc_heap *heap, int generation)
{
    return collect_generation(heap, generation > 0, GC_REASON_CALL);
}

void gc_safepoint(gc_heap *heap)
{
    collect_what_is_due(heap);
}

bool gc_step(gc_heap *heap, uint64_t budget_ns)
{
    if (budget_ns > 0) {
        collect_what_is_due(heap);
    }
    return false;
}

static bool set_enabled(gc_heap *heap, bool enabled)
{
    bool before = heap->enabled;
    heap->enabled = enabled;
    gci_collect_arm(heap);
    return before;
}

bool gc_enable(gc_heap *heap)
{
    return set_enabled(heap, true);
}

bool gc_disable(gc_heap *heap)
{
    return set_enabled(heap, false);
}

bool gc_is_enabled(const gc_heap *heap)
{
    return heap->enabled;
}

void gc_get_thresholds(const gc_heap *heap, gc_thresholds *thresholds)
{
    *thresholds = heap->config.thresholds;
}

void gc_set_thresholds(gc_heap *heap, const gc_thresholds *thresholds)
{
    static const gc_thresholds defaults = { .young_objects = YOUNG_OBJECTS,
                                            .young_bytes = YOUNG_BYTES,
                                            .old_growth_percent = OLD_GROWTH_PERCENT,
                                            .old_bytes = OLD_BYTES };
    gc_thresholds *own = &heap->config.thresholds;
    *own = *thresholds;
    own->young_objects = own->young_objects == 0 ? defaults.young_objects : own->young_objects;
    own->young_bytes = own->young_bytes == 0 ? defaults.young_bytes : own->young_bytes;
    own->old_bytes = own->old_bytes == 0 ? defaults.old_bytes : own->old_bytes;
    if (own->old_growth_percent == 0) {
        own->old_growth_percent = defaults.old_growth_percent;
    }
    heap->barren = 0;
    heap->barren_full = false;
    gci_collect_arm(heap);
}

void gc_external_add(gc_heap *heap, size_t bytes)
{
    heap->bytes_external = add_saturating(heap->bytes_external, bytes);
    gci_collect_arm(heap);
}

void gc_external_remove(gc_heap *heap, size_t bytes)
{
    if (bytes > heap->bytes_external) {
        gci_panic(heap, "ouro: gc_external_remove of %zu bytes, of %zu that were added", bytes,
                  heap->bytes_external);
        return;
    }
    heap->bytes_external -= bytes;
    gci_collect_arm(heap);
}
