/* SPDX-License-Identifier: MIT */

/* Collections: when, and over which set.
 *
 * A collection is due when the net number of young containers, or the growth of live and external
 * bytes since the last collection, passes its threshold. It takes the young; when what the heap
 * holds then has grown far enough since the last full collection, everything follows, in slices if
 * the heap is not small.
 *
 * A program whose objects die by count hardly pays. With the default thresholds the young are left
 * alone after BARREN_MAX collections in a row that found next to nothing, and only now and then
 * there is a look at some of them, at longer and longer times. What is not found meanwhile is bounded
 * by the growth that makes a full collection due, which is four times as much after one that found
 * nothing, until some is found again.
 *
 * A collection of the young is about what the threshold says, or a quarter more. If they are more still,
 * because they were left alone or had to wait, they become old unseen, in slices. */

#include "collect.h"

#include <errno.h>

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
    LARGE_BYTES = 16 << 20, /* left by a full collection: an object takes longer, */
    LARGE_SHIFT = 3,        /* so the young are an eighth */
    BARREN_MAX = 3,
    LOOK_SHIFT = 3,     /* the young left alone are eight times as many as else, */
    LOOKS_MAX = 3,      /* then 16, 32 and 64 times */
    SLICE_BYTES = 4096, /* growth between two slices, or looks at the clock */
    BARREN_SHARE = 64,  /* a collection is worth its time if more than one in so many was garbage */
};

/* Whether slices are due: also for what died of the last ones. */
static bool is_in_cycle(const gc_heap *heap)
{
    return heap->cycle.phase != GCI_PHASE_NONE || gci_death_is_behind(heap) ||
           gci_weak_is_due(heap);
}

/* Whether the thresholds of the young are ours to change. */
static bool adapts_young(const gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    return thresholds->young_objects == YOUNG_OBJECTS && thresholds->young_bytes == YOUNG_BYTES;
}

/* Whether the young are left alone for a time. */
static bool are_left_alone(const gc_heap *heap)
{
    return heap->barren == BARREN_MAX && !heap->look_next && !is_in_cycle(heap);
}

/* A threshold of the young, as it is for a heap of this size, */
static size_t young_size(const gc_heap *heap, size_t threshold)
{
    bool is_large = adapts_young(heap) && heap->bytes_at_full >= LARGE_BYTES;
    return is_large ? threshold >> LARGE_SHIFT : threshold;
}

/* and as it is now. */
static size_t young_limit(const gc_heap *heap, size_t threshold)
{
    size_t size = young_size(heap, threshold);
    return adapts_young(heap) && are_left_alone(heap) ? size << (LOOK_SHIFT + heap->looks) : size;
}

/* How much may be in use before a full collection is due. */
static size_t full_limit(const gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    size_t percent = thresholds->old_growth_percent;
    percent = heap->barren_full ? 4 * percent : percent; /* of the default: no overflow */
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

/* Whether the young are more by far than are collected at once. */
static bool are_too_many(const gc_heap *heap)
{
    size_t size = young_size(heap, heap->config.thresholds.young_objects);
    return adapts_young(heap) && heap->young_objects > size + size / 4;
}

/* Whether garbage is being cleared in slices. A look at the heap makes it DOOMED, so no other garbage may be so. */
static bool is_clearing(const gc_heap *heap)
{
    return heap->cycle.phase == GCI_PHASE_CLEAR || heap->cycle.phase == GCI_PHASE_RELEASE ||
           heap->cycle.clears_part;
}

/* Whether the young are collected when they are due. Else they have to wait for a cycle, or are just
 * made old. */
static bool may_collect_young(const gc_heap *heap)
{
    return heap->cycle.phase != GCI_PHASE_PROMOTE && !is_clearing(heap) &&
           !(is_in_cycle(heap) && are_too_many(heap));
}

/* Whether everything is collected at every n-th birth. */
static bool is_stressed(const gc_heap *heap)
{
    return heap->config.stress != 0 && heap->config.stress != SIZE_MAX;
}

void gci_collect_arm(gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    size_t room = heap->config.limit_bytes == 0 ? SIZE_MAX : heap->config.limit_bytes;
    heap->young_alarm = SIZE_MAX;
    if (may_start(heap) && heap->config.collect == GC_AT_ALLOCATION) {
        size_t limit = SIZE_MAX;
        if (is_in_cycle(heap)) {
            /* Where the heap has shrunk, growth counts from there. */
            size_t next = add_saturating(bytes_in_use(heap), SLICE_BYTES);
            limit = heap->cycle.bytes_next < next ? heap->cycle.bytes_next : next;
            heap->cycle.bytes_next = limit;
        }
        if (may_collect_young(heap)) {
            size_t bytes = add_saturating(heap->bytes_at_collection,
                                          young_limit(heap, thresholds->young_bytes));
            limit = bytes < limit ? bytes : limit;
            size_t full = are_left_alone(heap) ? full_limit(heap) : SIZE_MAX;
            limit = full < limit ? full : limit;
            heap->young_alarm = young_limit(heap, thresholds->young_objects);
        }
        if (is_stressed(heap)) {
            heap->young_alarm = 0; /* every birth is counted */
        }
        room = limit < room ? limit : room;
    }
    if (heap->closing) {
        heap->young_alarm = 0; /* births have to take the slow path, which refuses them */
    }
    heap->bytes_alarm = room > heap->bytes_external ? room - heap->bytes_external : 0;
}

void gci_collect_release(gc_heap *heap)
{
    heap->busy--;
    heap->frame = heap->busy > 0 || heap->draining ? heap->frame : NULL;
    gci_pages_unpin(heap);
    gci_collect_arm(heap);
}

/* The bucket of a pause, see struct gci_pauses. */
static size_t bucket_of(uint64_t ns)
{
    uint64_t units = ns >> GCI_PAUSE_SHIFT;
    size_t shift = gci_highest_bit(units | 4) - 2;
    size_t bucket = 4 * shift + (size_t)(units >> shift);
    return bucket < GCI_PAUSE_BUCKETS ? bucket : GCI_PAUSE_BUCKETS - 1;
}

enum {
    REST_QUARTERS = 13,     /* so many quarters of a pause the program runs then, if it can, */
    REST_MAX_NS = 10000000, /* but not longer at a time */
};

static void record_pause(gc_heap *heap, gc_phase phase, uint64_t start_ns)
{
    struct gci_pauses *pauses = &heap->pauses[phase];
    uint64_t ran = start_ns - heap->pause_end_ns;
    heap->pause_end_ns = gci_sys_clock_ns();
    heap->pause_ns = heap->pause_end_ns - start_ns;
    pauses->ns_total += heap->pause_ns;
    pauses->ns_max = heap->pause_ns > pauses->ns_max ? heap->pause_ns : pauses->ns_max;
    pauses->counts[bucket_of(heap->pause_ns)]++;
    uint64_t rest =
        (heap->rest_ns > ran ? heap->rest_ns - ran : 0) + REST_QUARTERS * heap->pause_ns / 4;
    heap->rest_ns = rest < REST_MAX_NS ? rest : REST_MAX_NS;
}

/* Whether so few of the young live on, in so few pages, that to look at them again costs next to nothing. */
static bool are_few(const gc_heap *heap, const struct gci_set *young)
{
    enum { SHARE = 32, SHARE_OF_SLOTS = 2 };
    size_t examined = young->alive_count + young->garbage_count, slots = 0;
    for (const struct gci_page *page = heap->young_pages; page != NULL; page = page->next_young) {
        slots += page->record != NULL && page->marked > 0 ? gci_page_slots(page) : 0;
    }
    return young->alive_count < examined / SHARE && slots <= examined / SHARE_OF_SLOTS;
}

/* Find the garbage of a generation. Survivors are old. But if few of the young live on, time and again, they may be
 * what is being built, and stay young: the set keeps them, as SEEN_YOUNG until its garbage has ended. */
static struct gci_set find_garbage(gc_heap *heap, int generation, bool by_itself)
{
    struct gci_set set = generation == 0 ? gci_set_of_young(heap) : gci_set_of_all(heap);
    bool keeps =
        generation == 0 && by_itself && heap->few_live_on && heap->cycle.phase == GCI_PHASE_NONE;
    if (keeps) {
        set.keeps = true;
        set.alive = GCI_NIBBLE(GCI_YOUNG, GCI_SEEN_YOUNG);
    }
    gci_trace_find_garbage(heap, &set);
    if (generation != 0) {
        gci_flip_old(heap);
    } else {
        heap->few_live_on = are_few(heap, &set);
    }
    if (!keeps) {
        heap->young_objects = 0;
        gci_pages_forget_young(heap);
    }
    return set;
}

/* Who has lived on in a set that keeps them is young once more, if they are few, or else old. */
static void age(gc_heap *heap)
{
    uint32_t state = heap->few_live_on ? (uint32_t)GCI_YOUNG : heap->old;
    heap->young_objects = 0;
    for (struct gci_page *page = heap->young_pages; page != NULL; page = page->next_young) {
        size_t count = 0;
        if (page->record != NULL && page->marked > 0) {
            count = gci_page_each_member(page, 1u << GCI_SEEN_YOUNG, page->first,
                                         gci_page_end(page), gci_object_set_state, &state);
        }
        page->aged = count == 0 || state != GCI_YOUNG;
        heap->young_objects += page->aged ? 0 : count;
    }
    gci_pages_forget_current(heap);
    gci_pages_prune_young(heap, true);
}

/* Look at the whole heap, but not in a cycle, which that would end. */
static void check_heap(gc_heap *heap)
{
    if (heap->cycle.phase == GCI_PHASE_NONE) {
        OURO_CHECK_HEAP(heap);
    }
}

/* The end of what was found, if anything was. No user code has run since. */
static void end_garbage(gc_heap *heap, struct gci_set *set, gc_collection *report)
{
    gc_generation_stats *stats = &heap->generations[report->generation];
    if (set->keeps && !set->plain) {
        age(heap);
    }
    if (set->garbage_count > 0) {
        struct gci_doom_result result = gci_doom(heap, set); /* user code may run here */
        report->collected += result.freed;
        report->uncollectable += result.uncollectable;
        report->resurrected += result.resurrected;
        report->saved += result.saved;
        stats->collected += result.freed;
        stats->uncollectable += result.uncollectable;
        stats->resurrected += result.resurrected;
    }
    if (set->keeps && set->plain) { /* who was told from that by the state */
        age(heap);
    }
    gci_death_drain(heap); /* user code may run here */
    check_heap(heap);
}

/* What the statistics and the thresholds have to know of a collection, beside the end of garbage. With
 * a full one goes the plain garbage that cycles have freed, also such as were cut short. */
static void record(gc_heap *heap, gc_collection *report)
{
    gc_generation_stats *stats = &heap->generations[report->generation];
    stats->collections++;
    heap->bytes_at_collection = bytes_in_use(heap);
    if (report->generation != 0) {
        report->collected += heap->cycle.freed;
        stats->collected += heap->cycle.freed;
        heap->cycle.freed = 0;
        heap->bytes_at_full = heap->bytes_at_collection;
        heap->cycle.bytes_begun = 0;
    }
}

static void tidy(gc_heap *heap, bool all)
{
    gci_pages_unpin(heap);
    gci_pages_tidy(heap, all);
    gci_pages_pin(heap);
}

static bool ask_start_hooks(gc_heap *heap, const gc_collection *report)
{
    return heap->hooks.starts == NULL || heap->hooks.starts(heap, report);
}

static void call_stop_hooks(gc_heap *heap, const gc_collection *report)
{
    if (heap->hooks.stops != NULL) {
        heap->hooks.stops(heap, report);
    }
}

/* The stop of a cycle that was cut short by what runs no hooks: it is made up for before the next
 * start, so that each start has its stop. */
static void make_up_for_stop(gc_heap *heap)
{
    if (heap->cycle.owes_stop && !is_in_cycle(heap)) {
        heap->cycle.owes_stop = false;
        call_stop_hooks(heap, &heap->cycle.report); /* user code may run here */
    }
}

/* How many containers a collection has found unreachable, and not resurrected. */
static size_t found_by(const gc_collection *report)
{
    return (size_t)(report->collected + report->uncollectable + report->saved);
}

/* What a collection that came by itself, and was of so many young ones, says about the next. */
static void adapt(gc_heap *heap, int generation, size_t young, size_t found)
{
    bool is_worth_it = found > young / BARREN_SHARE;
    const gc_thresholds *thresholds = &heap->config.thresholds;
    if (is_worth_it || !adapts_young(heap)) {
        heap->barren = heap->looks = 0;
        heap->barren_full = false;
    } else if (generation == 0 && heap->barren < BARREN_MAX) {
        heap->barren++;
    } else if (generation == 0 && heap->looks < LOOKS_MAX) {
        heap->looks++;
    }
    heap->look_next = heap->look_next && generation != 0;
    if (generation == 1) {
        heap->barren_full = !is_worth_it && thresholds->old_growth_percent == OLD_GROWTH_PERCENT &&
                            thresholds->old_bytes == OLD_BYTES;
    }
    gci_collect_arm(heap);
}

/* The end of a cycle that came to it in a slice: it was a collection. */
static void end_cycle(gc_heap *heap)
{
    gc_collection *report = &heap->cycle.report;
    report->examined = heap->cycle.examined;
    record(heap, report);
    adapt(heap, 1, 0, found_by(report));
}

/* What the statistics call the phases of a cycle. */
static const gc_phase phases[] = {
    [GCI_PHASE_PROMOTE] = GC_PHASE_PROMOTE, [GCI_PHASE_COUNT] = GC_PHASE_COUNT,
    [GCI_PHASE_MARK] = GC_PHASE_MARK,       [GCI_PHASE_SWEEP] = GC_PHASE_SWEEP,
    [GCI_PHASE_PARTS] = GC_PHASE_RECHECK,   [GCI_PHASE_RECHECK] = GC_PHASE_RECHECK,
    [GCI_PHASE_CALL] = GC_PHASE_FREE,       [GCI_PHASE_FINALIZE] = GC_PHASE_FREE,
    [GCI_PHASE_CLEAR] = GC_PHASE_FREE,      [GCI_PHASE_RELEASE] = GC_PHASE_FREE,
    [GCI_PHASE_DROP] = GC_PHASE_FREE,       [GCI_PHASE_FREE] = GC_PHASE_FREE,
    [GCI_PHASE_NONE] = GC_PHASE_FREE, /* the backlog */
};

/* A slice. What garbage it has found ends in it; what dies of that, in the next ones. */
static void slice(gc_heap *heap, uint64_t budget_ns)
{
    struct gci_cycle *cycle = &heap->cycle;
    gc_phase phase = phases[cycle->phase];
    int error = errno;
    uint64_t start = gci_sys_clock_ns();
    uint64_t deadline = budget_ns < UINT64_MAX - start ? start + budget_ns : UINT64_MAX;
    gci_collect_hold_unsettled(heap);
    gci_death_drain(heap); /* user code may run here, and end the cycle by a look at the heap */
    heap->slicing = true;
    heap->slice_end_ns = deadline;
    bool goes_on = true; /* the end of a small part leaves time for others */
    struct gci_set set = { .garbage_count = 0 };
    while (goes_on && gci_death_end_backlog(heap, deadline) && gci_weak_call_due(heap, deadline)) {
        /* user code may have run */
        bool again = true;
        if (!gci_death_is_behind(heap)) { /* of what callbacks have dropped */
            bool in_parts = cycle->phase == GCI_PHASE_PARTS;
            set = gci_cycle_slice(heap, deadline); /* user code may run here */
            again = in_parts && cycle->phase == GCI_PHASE_PARTS;
        }
        goes_on = again && gci_sys_clock_ns() < deadline;
    }
    heap->slicing = false;
    end_garbage(heap, &set, &cycle->report); /* user code may run here */
    bool is_over = cycle->is_done && !is_in_cycle(heap);
    cycle->is_done = cycle->is_done && !is_over;
    cycle->report.slices += !cycle->only_promotes;
    if (is_over && cycle->only_promotes) {
        heap->bytes_at_collection = bytes_in_use(heap); /* the next look is at who comes now */
        cycle->bytes_begun = 0;
    } else if (is_over) {
        end_cycle(heap);
    }
    if (!is_in_cycle(heap)) {
        tidy(heap, false);
    }
    record_pause(heap, phase, start);
    cycle->report.duration_ns += cycle->only_promotes ? 0 : heap->pause_ns;
    if (is_over && !cycle->only_promotes) {
        cycle->owes_stop = false;
        call_stop_hooks(heap, &cycle->report); /* user code may run here */
    }
    gci_collect_release(heap);
    errno = error;
}

void gci_collect_settle(gc_heap *heap)
{
    gci_cycle_abandon(heap);
    while (heap->busy == 0 && is_in_cycle(heap)) {
        slice(heap, UINT64_MAX); /* user code may run here */
    }
}

/* One collection, from the first start hook to the last stop hook, with no other inside. false: none
 * may start. */
static bool collect(gc_heap *heap, int generation, gc_reason reason, size_t *found)
{
    if (heap->busy > 0) {
        return false;
    }
    gc_collection report = { .size = sizeof(report), .generation = generation, .reason = reason };
    if (generation != 0) {
        gci_collect_settle(heap); /* user code may run here */
    }
    while (is_clearing(heap)) {
        slice(heap, UINT64_MAX); /* user code may run here */
    }
    int error = errno;
    uint64_t start = gci_sys_clock_ns();
    gci_collect_hold_unsettled(heap);
    gci_death_drain(heap);                        /* user code may run here */
    make_up_for_stop(heap);                       /* user code may run here */
    bool starts = ask_start_hooks(heap, &report); /* user code may run here */
    if (starts) {
        check_heap(heap);
        struct gci_set set = find_garbage(heap, generation, reason != GC_REASON_CALL);
        report.examined = set.alive_count + set.garbage_count;
        end_garbage(heap, &set, &report); /* user code may run here */
        if (generation != 0) {
            (void)gci_weak_call(&heap->waiting); /* user code may run here */
        }
        record(heap, &report);
        tidy(heap, generation != 0);
        record_pause(heap, generation == 0 ? GC_PHASE_YOUNG : GC_PHASE_FULL, start);
        report.duration_ns = heap->pause_ns;
        call_stop_hooks(heap, &report); /* user code may run here */
    }
    *found = found_by(&report);
    gci_collect_release(heap);
    errno = error;
    return starts;
}

size_t gci_collect(gc_heap *heap, int generation, gc_reason reason)
{
    size_t found = 0;
    (void)collect(heap, generation, reason, &found);
    return found;
}

static void collect_by_itself(gc_heap *heap, int generation, gc_reason reason)
{
    size_t young = heap->young_objects, found;
    if (collect(heap, generation, reason, &found)) { /* user code may run here */
        adapt(heap, generation, young, found);
    }
}

/* Slices. */

enum {
    SLICE_NS = 200000,
    LATE_SHIFT = 2, /* four times as long are slices of a cycle that has used up its room, */
    LATE_MAX = 18,  /* eight times when it has used up twice as much, 16 times, and so on */
    AT_ONCE_BYTES = 1 << 20, /* so much is collected faster at once than a few slices take */
};

#define SLICE_MAX_NS ((uint64_t)1 << 40) /* minutes; twenty bits of overflow are ahead */

static uint64_t slice_ns(const gc_heap *heap)
{
    uint64_t ns = heap->config.slice_ns == 0 ? SLICE_NS : heap->config.slice_ns;
    return ns < SLICE_MAX_NS ? ns : SLICE_MAX_NS;
}

/* Where a cycle should have come to an end: what may be allocated in it follows what was there. */
static size_t cycle_room(const gc_heap *heap)
{
    size_t half = heap->cycle.bytes_begun / 2, least = heap->config.thresholds.old_bytes;
    return half > least ? half : least;
}

/* The books of a cycle that begins. If those before it came to no end, because the heap was looked at
 * too often, it has what they left of the room for growth. */
static void open_books(gc_heap *heap)
{
    struct gci_cycle *cycle = &heap->cycle;
    size_t in_use = bytes_in_use(heap);
    if (cycle->bytes_begun == 0 || in_use < cycle->bytes_begun) {
        cycle->bytes_begun = in_use;
        cycle->grown = 0;
    }
    heap->bytes_at_collection = in_use;
}

/* Begin a cycle, unless a hook is against it. The young are collected before, so that few are made
 * old by it. */
static void begin_cycle(gc_heap *heap)
{
    if (heap->young_objects > 0 && !are_too_many(heap)) {
        collect_by_itself(heap, 0, GC_REASON_GROWTH); /* user code may run here */
        if (is_in_cycle(heap) || !may_start(heap)) {
            return;
        }
    }
    gc_collection report = { .size = sizeof(report), .generation = 1, .reason = GC_REASON_GROWTH };
    int error = errno;
    gci_collect_hold_unsettled(heap);
    make_up_for_stop(heap);                       /* user code may run here */
    bool starts = ask_start_hooks(heap, &report); /* user code may run here */
    gci_collect_release(heap);
    errno = error;
    if (starts) {
        gci_cycle_begin(heap);
        heap->cycle.owes_stop = true;
        open_books(heap);
    }
}

/* How much of its rest the program gets before the next slice: all, until the cycle has used most of
 * its room, and then less and less. */
static uint64_t rest_of(const gc_heap *heap, size_t grown, size_t room)
{
    uint64_t eighths = grown < room / 4 * 3 ? 8 : grown < room / 8 * 7 ? 4 : 2;
    return grown < room ? heap->rest_ns / 8 * eighths : 0;
}

/* How long a slice is. Each time as much as the room is used it is twice as long, so the cycle does come to an end,
 * however much the program allocates. */
static uint64_t budget_of(const gc_heap *heap, size_t grown, size_t room)
{
    uint64_t ns = slice_ns(heap);
    if (grown < room) {
        return grown < room / 2 ? ns / 2 : ns;
    }
    size_t late = grown / room - 1;
    ns = late > 0 && ns < SLICE_NS ? SLICE_NS : ns;
    return ns << (LATE_SHIFT + (late < LATE_MAX ? late : LATE_MAX));
}

/* A slice when it is time for one. */
static void slice_in_time(gc_heap *heap)
{
    struct gci_cycle *cycle = &heap->cycle;
    size_t in_use = bytes_in_use(heap), room = cycle_room(heap);
    size_t net = in_use > cycle->bytes_begun ? in_use - cycle->bytes_begun : 0, grown;
    cycle->grown = grown = gci_larger(cycle->grown, net); /* what it frees makes it no less late */
    uint64_t waited = gci_sys_clock_ns() - heap->pause_end_ns;
    if (waited >= rest_of(heap, grown, room)) {
        slice(heap, budget_of(heap, grown, room)); /* user code may run here */
    }
    cycle->bytes_next = add_saturating(bytes_in_use(heap), SLICE_BYTES);
    gci_collect_arm(heap);
}

static bool has_grown(size_t now, size_t then, size_t by)
{
    return by != SIZE_MAX && now >= then && now - then >= by;
}

static bool are_young_many(const gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    return heap->young_objects >= young_limit(heap, thresholds->young_objects);
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

/* Collect the young, or, if they are too many, begin to make them old unseen. */
static void collect_young(gc_heap *heap, gc_reason reason)
{
    heap->look_next = true;
    if (!are_too_many(heap)) {
        collect_by_itself(heap, 0, reason); /* user code may run here */
    } else if (!is_in_cycle(heap)) {
        gci_cycle_promote(heap);
        open_books(heap);
    }
}

/* What is due of the young, and whether everything is. */
static bool collect_young_if_due(gc_heap *heap)
{
    bool may = may_collect_young(heap), are_many = may && are_young_many(heap);
    bool is_due = are_many || (may && are_young_large(heap));
    bool looks_further = is_due || are_left_alone(heap);
    if (is_due) {
        collect_young(heap, are_many ? GC_REASON_OBJECTS : GC_REASON_BYTES);
        /* user code may have run */
    }
    return looks_further && may_start(heap) && !is_in_cycle(heap) && is_full_due(heap);
}

static bool collects_at_once(const gc_heap *heap)
{
    return heap->config.slice_ns == SIZE_MAX || heap->bytes_live < AT_ONCE_BYTES;
}

static void collect_what_is_due(gc_heap *heap)
{
    if (!may_start(heap)) {
        return;
    }
    bool is_everything_due = collect_young_if_due(heap); /* user code may run here */
    bool at_once = collects_at_once(heap);
    if (is_everything_due && at_once) {
        collect_by_itself(heap, 1, GC_REASON_GROWTH); /* user code may run here */
    } else if (is_everything_due) {
        begin_cycle(heap); /* user code may run here */
    }
    if (!is_in_cycle(heap) || !may_start(heap)) { /* what has run may have disabled collections */
        return;
    }
    if (at_once) {
        slice(heap, UINT64_MAX); /* user code may run here */
    } else {
        slice_in_time(heap); /* user code may run here */
    }
}

/* A birth or a safepoint: collect everything if it is the n-th, else what is due. */
static void collect_or_stress(gc_heap *heap)
{
    if (is_stressed(heap) && may_start(heap) && ++heap->unstressed >= heap->config.stress) {
        heap->unstressed = 0;
        (void)gci_collect(heap, 1, GC_REASON_STRESS); /* user code may run here */
    } else {
        collect_what_is_due(heap); /* user code may run here */
    }
}

static void alarm(gc_heap *heap)
{
    if (heap->config.collect == GC_AT_ALLOCATION) {
        collect_or_stress(heap); /* user code may run here */
    }
}

static bool shortage(gc_heap *heap)
{
    size_t found;
    if (heap->config.collect != GC_AT_ALLOCATION || !collect(heap, 1, GC_REASON_SHORTAGE, &found)) {
        return false;
    }
    (void)gci_pages_trim(heap, 0);
    return true;
}

void gci_collect_install(gc_heap *heap)
{
    heap->hooks =
        (struct gci_hooks){ .alarm = alarm, .shortage = shortage, .settle = gci_collect_settle };
}

void gci_collect_rebase(gc_heap *heap)
{
    heap->bytes_at_collection = heap->bytes_at_full = heap->bytes_frozen = bytes_in_use(heap);
    gci_collect_arm(heap);
}

size_t gc_collect(gc_heap *heap)
{
    (void)gci_has_been_left(heap, OURO_FRAME);
    return gci_collect(heap, 1, GC_REASON_CALL);
}

size_t gc_collect_generation(gc_heap *heap, int generation)
{
    if (generation < GC_YOUNG || generation > GC_OLD) {
        heap->last_error = GC_ERR_RANGE;
        return 0;
    }
    (void)gci_has_been_left(heap, OURO_FRAME);
    return gci_collect(heap, generation, GC_REASON_CALL);
}

void gc_safepoint(gc_heap *heap)
{
    (void)gci_has_been_left(heap, OURO_FRAME);
    collect_or_stress(heap);
}

bool gc_step(gc_heap *heap, uint64_t budget_ns)
{
    (void)gci_has_been_left(heap, OURO_FRAME);
    if (budget_ns > 0 && may_start(heap)) {
        if (heap->config.slice_ns == SIZE_MAX) {
            collect_what_is_due(heap);           /* user code may run here */
        } else if (collect_young_if_due(heap)) { /* user code may run here */
            begin_cycle(heap);                   /* user code may run here */
        }
    }
    bool goes_on = is_in_cycle(heap) && may_start(heap); /* what has run may have disabled them */
    if (budget_ns > 0 && goes_on) {
        slice(heap, budget_ns); /* user code may run here */
    } else if (budget_ns > 0) {
        (void)gci_pages_purge(heap, false, budget_ns);
    }
    return is_in_cycle(heap) && may_start(heap);
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
    heap->barren = heap->looks = 0;
    heap->look_next = heap->barren_full = false;
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
