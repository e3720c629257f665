/* SPDX-License-Identifier: MIT */

/* When a collection is due.
 *
 * The young are collected when they are many, or when bytes in use have grown since the last
 * collection. A program whose objects die by count hardly pays: with the default thresholds the
 * young are left alone after BARREN_MAX collections in a row that found next to nothing, and
 * only now and then there is a look at some of them, at longer and longer times. If they are
 * more by far than the threshold, they become old unseen, in slices.
 *
 * Everything is collected so that the garbage stays bounded. Say that the last full collection
 * found A bytes alive, and that what is allowed as garbage is 2 h; by default h is the larger of
 * A / 2 and 4 MiB.
 *
 *   in use   A ........ A + h ............... A + 2h
 *                       a cycle begins        it has ended
 *
 * A cycle frees what was garbage when it began, at most h. What becomes garbage while it runs is
 * left to the next one, and is at most as much as is born meanwhile. If this is at most h, the
 * next one begins with no more than A + h, and so on: in use are never more than A + 2h. Born
 * counts gross: what the slices free has grown all the same. So a slice is due when the program
 * has had its rest, by default 13/4 of the last pause; or when the program has used the same
 * share of what it may still allocate as the slice will be of the work that is left. The work is
 * known from the last full collections.
 *
 * Example: 100 MB alive, so h is 50 MB. A cycle began at 150 MB, 30 MB were born in it; 20 MB
 * are left. The last one took 200 ms, this one 100 so far. A slice of 0.2 ms is a 500th of the
 * 100 ms left, so it is due when a 500th of 20 MB was born, 40 kB, even if the rest is not over. */

#include "pacing.h"

/* What the decisions are made of. */
enum {
    /* Defaults of gc_thresholds. 32768 nodes of 24 bytes take 0.5 ms, about the size of the
     * cache (0007). */
    YOUNG_OBJECTS = 32768,
    YOUNG_BYTES = 1 << 20,
    OLD_GROWTH_PERCENT = 50,
    OLD_BYTES = 4 << 20,
    /* Where so many bytes are alive an object takes three times as long, so the young are an
     * eighth (0030). */
    LARGE_BYTES = 16 << 20,
    LARGE_SHIFT = 3,
    /* References are visited twice, to count and to mark. Where that is more often for an object
     * than this, the young are fewer in proportion, and a heap is small with less; but not by
     * more than that, since a few arrays are no rule (0035). */
    WEIGHT_COMMON = 8,
    WEIGHTS_MAX = 64,
    /* More than a quarter beyond the threshold is too many. */
    MANY_SHARE = 4,
    /* A collection is worth its time if more than one in so many was garbage. */
    BARREN_SHARE = 64,
    /* After so many that were not the young are left alone until they are 8 times as many, then
     * 16, 32, 64. */
    BARREN_MAX = 3,
    LOOK_SHIFT = 3,
    LOOKS_MAX = 3,
    /* The rest after a pause, in quarters of it, so that the program has three quarters of the
     * time; and the longest, in ns: a long pause is no reason to wait for a second. */
    REST_QUARTERS = 13,
    REST_MAX_NS = 10000000,
    /* The default of gc_config.slice_ns; half of it is used while there is time. */
    SLICE_NS = 200000,
    /* A cycle is to end when all but this share of the bound is used: the first after a build
     * takes longer than the last one promised, and it may be used up before that is known
     * (0035). */
    MARGIN_SHARE = 16,
    /* Bytes between two looks at the clock: fewer, and the looks cost more than the births. */
    SLICE_BYTES = 4096,
    /* What is collected faster at once than a few slices take: a millisecond. */
    AT_ONCE_BYTES = 1 << 20,
    /* A cycle that has used up its room has slices twice as long for each of these bytes beyond,
     * or for each quarter of a small room. */
    OVERRUN_BYTES = 1 << 20,
    SHIFT_MAX = 20,
    /* Work in a heap never collected yet, in ns a byte: 48 for a node of 24 (0030). And what is
     * added to small heaps, whose times say little. */
    NS_PER_BYTE = 2,
    FULL_BYTES_LEAST = 1 << 16,
    /* What may be left of the work when it takes longer than the last did, as a share of that. */
    REMAINS_SHARE = 8,
    /* After a cycle that was given up, or vetoed, h grows by a share of it before the next. */
    PUT_OFF_SHARE = 8,
    /* After four in vain the first, then two, 4 ... 64 shortages do without a full collection. */
    SHORTAGES = 4,
    SKIPS_MAX = 6,
    /* The heap is noted to be smaller when it has lost more than this share. */
    LOW_SHARE = 8,
};
#define SLICE_MAX_NS ((uint64_t)1 << 40) /* minutes: SHIFT_MAX bits are ahead */

static size_t subtract(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

/* The young. */

/* Whether the thresholds of the young are ours to change. */
static bool adapts_young(const gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    return thresholds->young_objects == YOUNG_OBJECTS && thresholds->young_bytes == YOUNG_BYTES;
}

bool gci_pacing_has_leftovers(const gc_heap *heap)
{
    return heap->ending.step != GCI_END_NONE || gci_weak_is_due(heap) ||
           (gci_death_is_behind(heap) && heap->config.destroy_ns == 0);
}

bool gci_pacing_is_in_cycle(const gc_heap *heap)
{
    return heap->cycle.phase != GCI_PHASE_NONE || gci_pacing_has_leftovers(heap);
}

/* How much heavier the objects are than is common. */
static size_t weights(const gc_heap *heap)
{
    size_t times = heap->pacing.weight / WEIGHT_COMMON;
    return times < 1 ? 1 : times < WEIGHTS_MAX ? times : WEIGHTS_MAX;
}

/* Whether the young are left alone for a time. */
static bool are_left_alone(const gc_heap *heap)
{
    const struct gci_pacing *pacing = &heap->pacing;
    return pacing->barren == BARREN_MAX && !pacing->look_next && !gci_pacing_is_in_cycle(heap);
}

/* A threshold of the young, as it is for a heap of this size, */
static size_t young_size(const gc_heap *heap, size_t threshold)
{
    bool is_large = adapts_young(heap) && heap->pacing.alive >= LARGE_BYTES;
    return is_large ? threshold >> LARGE_SHIFT : threshold;
}

/* that of their number where they are heavy, */
static size_t young_objects(const gc_heap *heap)
{
    size_t size = young_size(heap, heap->config.thresholds.young_objects);
    return adapts_young(heap) ? size / weights(heap) : size;
}

/* and as it is now: `size` for a threshold. Where the young are left alone they will become old
 * unseen, in slices, so their number is no pause; and to walk the pages where they are takes
 * longer in a large heap. */
static size_t young_limit(const gc_heap *heap, size_t size, size_t threshold)
{
    bool waits = adapts_young(heap) && are_left_alone(heap);
    return waits ? threshold << (LOOK_SHIFT + heap->pacing.looks) : size;
}

bool gci_pacing_are_too_many(const gc_heap *heap)
{
    size_t size = young_objects(heap);
    return adapts_young(heap) && heap->young_objects > size + size / MANY_SHARE;
}

/* Whether the young are collected when they are due. Else they have to wait for a cycle, or are
 * just made old. */
static bool may_collect_young(const gc_heap *heap)
{
    return heap->cycle.phase != GCI_PHASE_PROMOTE && heap->ending.step == GCI_END_NONE &&
           !(gci_pacing_is_in_cycle(heap) && gci_pacing_are_too_many(heap));
}

/* Everything. */

/* Whether the thresholds of the old are ours to change. */
static bool adapts_old(const gc_heap *heap)
{
    const gc_thresholds *thresholds = &heap->config.thresholds;
    return thresholds->old_growth_percent == OLD_GROWTH_PERCENT &&
           thresholds->old_bytes == OLD_BYTES;
}

static size_t percent_of(size_t bytes, size_t percent)
{
    size_t hundredth = bytes / 100;
    if (percent == SIZE_MAX || (hundredth > 0 && percent > SIZE_MAX / hundredth)) {
        return SIZE_MAX;
    }
    return hundredth * percent;
}

/* Half of what may be garbage beside so many bytes that are alive, as a share of them. */
static size_t half_share(const gc_heap *heap, size_t alive)
{
    size_t percent = heap->config.thresholds.old_growth_percent, trash = heap->config.trash_percent;
    return percent_of(alive, trash != 0 && trash / 2 < percent ? trash / 2 : percent);
}

/* And h. SIZE_MAX: there is no bound. */
static size_t half_trash(const gc_heap *heap, size_t alive)
{
    return gci_larger(half_share(heap, alive), heap->config.thresholds.old_bytes);
}

/* Own bytes with which a full collection is due, if so many were alive. After one that was for
 * nothing it is three quarters of all that the bound allows, so h / 2 is left and a quarter of
 * the 8 MiB. */
static size_t limit_of(const gc_heap *heap, size_t alive)
{
    size_t growth = half_trash(heap, alive);
    if (heap->pacing.barren_full) {
        growth = gci_add_saturating(half_share(heap, alive), heap->config.thresholds.old_bytes);
        growth = gci_add_saturating(growth, growth / 2);
    }
    return gci_add_saturating(alive, growth);
}

/* Own bytes with which one is due. Where the heap is smaller than the last one left it, growth
 * counts from there; but if that was for nothing, time and again, as in a program that builds
 * and drops the same without making garbage, it may be twice as much each time, up to what it
 * may be for the larger heap. */
static size_t full_limit(const gc_heap *heap)
{
    const struct gci_pacing *pacing = &heap->pacing;
    size_t limit = limit_of(heap, pacing->alive), most = limit_of(heap, pacing->high);
    if (pacing->early > 1 && limit < most) {
        unsigned shift =
            pacing->early - 1; /* once is no rule: it may have been when what lives came to be */
        size_t growth = limit - pacing->alive;
        limit =
            growth <= (most - pacing->alive) >> shift ? pacing->alive + (growth << shift) : most;
    }
    size_t share = half_trash(heap, pacing->alive) / PUT_OFF_SHARE;
    return pacing->put_off == 0 ? limit
                                : gci_larger(limit, gci_add_saturating(pacing->put_off, share));
}

/* How long a slice is when it has to be on time. */
static uint64_t slice_ns(const gc_heap *heap)
{
    uint64_t ns = heap->config.slice_ns == 0 ? SLICE_NS : heap->config.slice_ns;
    return ns < SLICE_MAX_NS ? ns : SLICE_MAX_NS;
}

static bool collects_at_once(const gc_heap *heap)
{
    return heap->config.slice_ns == SIZE_MAX ||
           gci_bytes_own(heap) < (size_t)AT_ONCE_BYTES / weights(heap);
}

/* How much longer the cycle will take, or a promotion. */
static uint64_t work_left(const gc_heap *heap)
{
    const struct gci_pacing *pacing = &heap->pacing;
    double rate = pacing->ns_per_byte > 0 ? pacing->ns_per_byte : NS_PER_BYTE;
    double all = rate * (double)(pacing->size + FULL_BYTES_LEAST);
    double ran = (double)pacing->ran_ns, least = all / REMAINS_SHARE;
    double left = all - ran > least && !heap->cycle.only_promotes ? all - ran : least;
    return left < (double)SLICE_MAX_NS ? (uint64_t)left + 1 : SLICE_MAX_NS;
}

/* A slice that is due before the program has had its rest: longer if more was born than what is
 * due for one, but not longer than the work; and where the room is used up by so much, longer
 * and longer, so that there is an end. */
static uint64_t late_ns(const gc_heap *heap, double slices, size_t over, uint64_t work)
{
    uint64_t ns = slice_ns(heap), most = work > ns ? work : ns;
    double wanted = slices * (double)ns;
    uint64_t length = wanted < (double)most ? (uint64_t)wanted : most;
    if (over > 0) {
        size_t quarter = heap->pacing.room / 4 + 1;
        size_t shift = 1 + over / (quarter < OVERRUN_BYTES ? quarter : OVERRUN_BYTES);
        length = (length < SLICE_NS ? SLICE_NS : length) << (shift < SHIFT_MAX ? shift : SHIFT_MAX);
    }
    return length;
}

/* Whether a slice is due, and how long it is. */
static void decide_slice(const gc_heap *heap, uint64_t now_ns, struct gci_decision *decision)
{
    const struct gci_pacing *pacing = &heap->pacing;
    size_t own = gci_bytes_own(heap);
    size_t born = subtract(gci_add_saturating(own, pacing->freed), pacing->begun);
    size_t born_since = subtract(own, pacing->after_slice), left = subtract(pacing->room, born);
    uint64_t work = work_left(heap);
    double for_one = (double)left * (double)slice_ns(heap) / (double)work;
    for_one = for_one < SLICE_BYTES ? SLICE_BYTES : for_one;
    double slices = (double)born_since / for_one;
    decision->is_late = (slices >= 1 || left == 0) && pacing->room != SIZE_MAX;
    if (decision->is_late) {
        decision->budget_ns = late_ns(heap, slices, subtract(born, pacing->room), work);
    } else {
        decision->budget_ns = slice_ns(heap) / 2;
    }
    if (decision->is_late || now_ns - pacing->pause_end_ns >= pacing->rest_ns) {
        decision->what = GCI_DUE_SLICE;
    }
}

/* What is due of the young, into a decision that has when. */
static void decide_young(const gc_heap *heap, struct gci_decision *decision)
{
    bool are_many = heap->young_objects >= decision->next_young;
    bool are_large =
        decision->next_bytes != SIZE_MAX && gci_bytes_in_use(heap) >= decision->next_bytes;
    if (are_many || are_large) {
        decision->reason = are_many ? GC_REASON_OBJECTS : GC_REASON_BYTES;
        decision->what = gci_pacing_are_too_many(heap) ? GCI_DUE_PROMOTE : GCI_DUE_YOUNG;
    }
}

struct gci_decision gci_pacing_decide(const gc_heap *heap, uint64_t now_ns)
{
    const struct gci_pacing *pacing = &heap->pacing;
    struct gci_decision decision = { .next_young = SIZE_MAX, .next_bytes = SIZE_MAX };
    bool in_cycle = gci_pacing_is_in_cycle(heap);
    if (!heap->enabled || heap->busy > 0) {
        return decision;
    }
    if (may_collect_young(heap)) {
        size_t objects = heap->config.thresholds.young_objects;
        size_t bytes = heap->config.thresholds.young_bytes;
        bytes = young_limit(heap, young_size(heap, bytes), bytes);
        decision.next_young = young_limit(heap, young_objects(heap), objects);
        decision.next_bytes = gci_add_saturating(pacing->at_collection, bytes);
        decide_young(heap, &decision);
    }
    size_t then = in_cycle ? gci_add_saturating(pacing->looked, SLICE_BYTES) : full_limit(heap);
    then = gci_add_saturating(then, pacing->frozen);
    decision.next_bytes = then < decision.next_bytes ? then : decision.next_bytes;
    if (decision.what != GCI_DUE_NOTHING) {
        return decision;
    }
    if (in_cycle && collects_at_once(heap)) {
        decision.what = GCI_DUE_SLICE;
        decision.budget_ns = UINT64_MAX;
    } else if (in_cycle) {
        decide_slice(heap, now_ns, &decision);
    } else if (then != SIZE_MAX && gci_bytes_in_use(heap) >= then) {
        decision.what = collects_at_once(heap) ? GCI_DUE_FULL : GCI_DUE_CYCLE;
        decision.reason = GC_REASON_GROWTH;
    }
    return decision;
}

bool gci_pacing_helps_shortage(const gc_heap *heap)
{
    unsigned in_vain = heap->pacing.shortages;
    unsigned shift = in_vain < SHORTAGES + SKIPS_MAX ? in_vain - SHORTAGES : SKIPS_MAX;
    return in_vain < SHORTAGES || heap->pacing.skips >= 1u << shift ||
           gci_bytes_own(heap) < AT_ONCE_BYTES;
}

/* The books. */

void gci_pacing_set(gc_heap *heap, const gc_thresholds *thresholds)
{
    gc_thresholds *own = &heap->config.thresholds;
    struct gci_pacing *pacing = &heap->pacing;
    *own = *thresholds;
    own->young_objects = own->young_objects == 0 ? YOUNG_OBJECTS : own->young_objects;
    own->young_bytes = own->young_bytes == 0 ? YOUNG_BYTES : own->young_bytes;
    own->old_bytes = own->old_bytes == 0 ? OLD_BYTES : own->old_bytes;
    if (own->old_growth_percent == 0) {
        own->old_growth_percent = OLD_GROWTH_PERCENT;
    }
    pacing->barren = pacing->looks = pacing->early = 0;
    pacing->look_next = pacing->barren_full = false;
}

void gci_pacing_note(gc_heap *heap)
{
    struct gci_pacing *pacing = &heap->pacing;
    size_t in_use = gci_bytes_in_use(heap);
    pacing->frozen = pacing->frozen < in_use ? pacing->frozen : in_use;
    size_t own = in_use - pacing->frozen;
    pacing->alive = pacing->alive < own ? pacing->alive : own;
    pacing->after_slice = pacing->after_slice < own ? pacing->after_slice : own;
    pacing->looked = pacing->looked < own ? pacing->looked : own;
    pacing->put_off = pacing->put_off < own ? pacing->put_off : own;
    size_t low = pacing->frozen + pacing->alive;
    heap->bytes_low = subtract(low - low / LOW_SHARE, heap->bytes_external);
}

void gci_pacing_begin(gc_heap *heap)
{
    struct gci_pacing *pacing = &heap->pacing;
    size_t own = gci_bytes_own(heap);
    if (pacing->begun == 0 || own < pacing->begun) {
        size_t half = half_trash(heap, pacing->alive), trash = heap->config.trash_percent;
        size_t most = gci_larger(trash == 0 ? 0 : percent_of(pacing->alive, trash),
                                 gci_add_saturating(half, half));
        size_t end = gci_add_saturating(pacing->alive, most - most / MARGIN_SHARE);
        size_t left = subtract(end, own);
        pacing->room = half == SIZE_MAX || most == SIZE_MAX ? SIZE_MAX : gci_larger(left, half / 2);
        pacing->begun = own;
        pacing->freed = 0;
    }
    pacing->size = pacing->after_slice = pacing->looked = own;
    pacing->ran_ns = 0;
    pacing->look_next = pacing->look_next || heap->cycle.only_promotes;
    pacing->at_collection = gci_bytes_in_use(heap);
}

void gci_pacing_slice(gc_heap *heap, size_t before, enum gci_phase phase)
{
    struct gci_pacing *pacing = &heap->pacing;
    pacing->after_slice = gci_bytes_own(heap);
    pacing->freed += subtract(before, pacing->after_slice);
    pacing->ran_ns += pacing->pause_ns;
    pacing->size = phase == GCI_PHASE_PROMOTE ? pacing->after_slice : pacing->size;
}

void gci_pacing_looked(gc_heap *heap)
{
    heap->pacing.looked = gci_bytes_own(heap);
}

void gci_pacing_slice_is_late(gc_heap *heap, bool is_late)
{
    heap->pacing.late_slices += is_late;
}

void gci_pacing_promoted(gc_heap *heap)
{
    heap->pacing.at_collection = gci_bytes_in_use(heap); /* the next look is at who comes now */
    heap->pacing.begun = 0;
}

/* What a full collection says about the next. What is born in it, or was dropped by the program,
 * is not among what it found alive. */
static void record_full(gc_heap *heap, const gc_collection *report, bool is_worth_it,
                        bool by_itself)
{
    struct gci_pacing *pacing = &heap->pacing;
    size_t own = gci_bytes_own(heap), begun = pacing->begun;
    bool in_slices = report->slices > 0;
    size_t found = in_slices ? subtract(pacing->size, pacing->freed) : own;
    /* One that was fast is no promise: what it took less than the others counts by half. */
    double ns = (double)(in_slices ? pacing->ran_ns : report->duration_ns);
    double rate = ns / (double)(pacing->size + FULL_BYTES_LEAST);
    bool is_more = rate > pacing->ns_per_byte;
    pacing->ns_per_byte = is_more ? rate : (rate + pacing->ns_per_byte) / 2;
    pacing->alive = found < own ? found : own;
    if (is_worth_it || !by_itself || !adapts_old(heap)) {
        pacing->early = 0;
        pacing->high = pacing->alive;
    } else {
        pacing->early += begun < limit_of(heap, pacing->high) && pacing->early < SHIFT_MAX;
        pacing->high = gci_larger(pacing->high, found);
    }
    pacing->barren_full = by_itself && !is_worth_it && adapts_old(heap);
    pacing->begun = pacing->put_off = 0;
}

void gci_pacing_record(gc_heap *heap, const gc_collection *report, bool by_itself, size_t young)
{
    struct gci_pacing *pacing = &heap->pacing;
    bool is_full = report->generation != 0, is_shortage = report->reason == GC_REASON_SHORTAGE;
    uint64_t found = report->collected + report->uncollectable + report->saved;
    bool is_worth_it = found > (is_full ? report->examined : young) / BARREN_SHARE;
    if (is_full) {
        record_full(heap, report, is_worth_it, by_itself);
        pacing->shortages = is_worth_it ? 0 : pacing->shortages + is_shortage;
        pacing->skips = is_shortage ? 0 : pacing->skips;
    }
    pacing->at_collection = gci_bytes_in_use(heap);
    if (report->slices == 0 && report->examined > 0) {
        pacing->weight = heap->visited / (size_t)report->examined;
    }
    if (by_itself && (is_worth_it || !adapts_young(heap))) {
        pacing->barren = pacing->looks = 0;
    } else if (by_itself && !is_full && pacing->barren < BARREN_MAX) {
        pacing->barren++;
    } else if (by_itself && !is_full && pacing->looks < LOOKS_MAX) {
        pacing->looks++;
    }
    pacing->look_next = pacing->look_next && (is_full || !by_itself);
}

void gci_pacing_put_off(gc_heap *heap)
{
    heap->pacing.put_off = gci_bytes_own(heap);
}

void gci_pacing_skip_shortage(gc_heap *heap)
{
    heap->pacing.skips++;
}

void gci_pacing_freeze(gc_heap *heap)
{
    struct gci_pacing *pacing = &heap->pacing;
    pacing->at_collection = pacing->frozen = gci_bytes_in_use(heap);
    pacing->alive = pacing->high = pacing->begun = pacing->put_off = 0;
}

void gci_pacing_unfreeze(gc_heap *heap)
{
    struct gci_pacing *pacing = &heap->pacing;
    pacing->alive += pacing->frozen;
    pacing->high += pacing->frozen;
    pacing->frozen = 0;
}

void gci_pacing_pause(gc_heap *heap, uint64_t start_ns)
{
    struct gci_pacing *pacing = &heap->pacing;
    uint64_t ran = start_ns - pacing->pause_end_ns;
    pacing->pause_end_ns = gci_sys_clock_ns();
    pacing->pause_ns = pacing->pause_end_ns - start_ns;
    uint64_t rest = pacing->rest_ns > ran ? pacing->rest_ns - ran : 0;
    rest += REST_QUARTERS * pacing->pause_ns / 4;
    pacing->rest_ns = rest < REST_MAX_NS ? rest : REST_MAX_NS;
}
