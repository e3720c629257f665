/* SPDX-License-Identifier: MIT */

/* Collections: what pacing.c says is due, and what the program asks for.
 *
 * A collection takes the young, or everything, at once; or everything in slices. User code runs
 * in each of them, so whether it may go on is asked again after each step. */

#include "collect.h"

#include <errno.h>

static bool may_start(const gc_heap *heap)
{
    return heap->enabled && heap->busy == 0;
}

/* Whether everything is collected at every n-th birth. */
static bool is_stressed(const gc_heap *heap)
{
    return heap->config.stress != 0 && heap->config.stress != SIZE_MAX;
}

void gci_collect_arm(gc_heap *heap)
{
    size_t room = heap->config.limit_bytes == 0 ? SIZE_MAX : heap->config.limit_bytes;
    gci_pacing_note(heap);
    heap->young_alarm = SIZE_MAX;
    if (heap->config.collect == GC_AT_ALLOCATION) {
        struct gci_decision decision = gci_pacing_decide(heap, 0);
        heap->young_alarm = decision.next_young;
        room = decision.next_bytes < room ? decision.next_bytes : room;
    }
    bool counts = is_stressed(heap) && may_start(heap) && heap->config.collect == GC_AT_ALLOCATION;
    if (heap->closing || counts || gci_death_must_pay(heap)) {
        heap->young_alarm = 0; /* births have to take the slow path, which refuses or counts them */
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

static void record_pause(gc_heap *heap, gc_phase phase, uint64_t start_ns)
{
    gci_pacing_pause(heap, start_ns);
    gci_pause_record(heap, phase, heap->pacing.pause_ns);
}

/* Whether so few of the young live on, in so few pages, that to look at them again costs next to
 * nothing. */
static bool are_few(const gc_heap *heap, const struct gci_set *young)
{
    enum { SHARE = 32, SHARE_OF_SLOTS = 2 };
    size_t examined = young->alive_count + young->garbage_count, slots = 0;
    for (const struct gci_page *page = heap->young_pages; page != NULL; page = page->next_young) {
        slots += page->record != NULL && page->marked > 0 ? gci_page_slots(page) : 0;
    }
    return young->alive_count < examined / SHARE && slots <= examined / SHARE_OF_SLOTS;
}

/* Find the garbage of a generation. Survivors are old. But if few of the young live on, time and
 * again, they may be what is being built, and stay young: the set keeps them, as SEEN_YOUNG
 * until its garbage has ended. */
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
        gci_cycle_forget_young(heap);
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
    if (heap->cycle.phase == GCI_PHASE_NONE && !gci_is_ending(heap)) {
        OURO_CHECK_HEAP(heap);
    }
}

/* End what was found, if anything was, at once. No user code has run since. */
static void end_garbage(gc_heap *heap, const struct gci_set *set, gc_collection *report)
{
    bool keeps = set->keeps, is_plain = set->plain;
    if (keeps && !is_plain) {
        age(heap);
    }
    if (set->garbage_count > 0) {
        gci_ending_begin(heap, set, report);
        gci_ending_finish(heap); /* user code may run here */
    }
    if (keeps && is_plain) { /* the survivors were told from it by their state */
        age(heap);
    }
    gci_death_drain(heap); /* user code may run here */
    check_heap(heap);
}

/* Account for a collection that is over: statistics, and the baselines that growth is measured from. */
static void record(gc_heap *heap, gc_collection *report, bool by_itself, size_t young)
{
    heap->generations[report->generation].collections++;
    gci_pacing_record(heap, report, by_itself, young);
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
    if (heap->cycle.owes_stop && !gci_pacing_is_in_cycle(heap)) {
        heap->cycle.owes_stop = false;
        call_stop_hooks(heap, &heap->cycle.report); /* user code may run here */
    }
}

/* What the statistics call a slice. */
static gc_phase phase_of_slice(const gc_heap *heap)
{
    static const gc_phase phases[] = {
        [GCI_PHASE_PROMOTE] = GC_PHASE_PROMOTE,
        [GCI_PHASE_COUNT] = GC_PHASE_COUNT,
        [GCI_PHASE_MARK] = GC_PHASE_MARK,
        [GCI_PHASE_SWEEP] = GC_PHASE_SWEEP,
        [GCI_PHASE_PARTS] = GC_PHASE_RECHECK,
        [GCI_PHASE_DONE] = GC_PHASE_FREE, /* the backlog, as here: */
        [GCI_PHASE_NONE] = GC_PHASE_FREE,
    };
    return gci_is_ending(heap) ? GC_PHASE_FREE : phases[heap->cycle.phase];
}

/* The end of a cycle that came to it in a slice: it was a collection. */
static void end_cycle(gc_heap *heap)
{
    gc_collection *report = &heap->cycle.report;
    report->examined = heap->cycle.examined;
    record(heap, report, true, 0);
    heap->cycle.owes_stop = false;
    call_stop_hooks(heap, report); /* user code may run here */
}

/* End the backlog, call what is due, and continue the ending or the cycle, until time is up, or the cycle
 * is in another phase. */
static void run_slice(gc_heap *heap, uint64_t deadline)
{
    const enum gci_phase phase = heap->cycle.phase;
    bool is_over = false;
    do {
        if (!gci_death_end_backlog(heap, deadline) || /* user code may run here */
            !gci_weak_call_due(heap, deadline)) {     /* user code may run here */
            return;
        }
        if (gci_death_is_behind(heap)) { /* of what callbacks have dropped */
            continue;
        }
        if (gci_is_ending(heap)) {
            gci_ending_run(heap, deadline); /* user code may run here */
        } else {
            gci_cycle_slice(heap, deadline);
        }
        is_over = heap->cycle.phase != phase ||
                  (!gci_pacing_has_leftovers(heap) && gci_cycle_is_over(heap));
    } while (!is_over && gci_sys_clock_ns() < deadline);
}

void gci_collect_slice(gc_heap *heap, uint64_t budget_ns)
{
    struct gci_cycle *cycle = &heap->cycle;
    enum gci_phase phase = cycle->phase;
    gc_phase kind = phase_of_slice(heap);
    size_t before = gci_bytes_own(heap);
    int error = errno;
    uint64_t start = gci_sys_clock_ns();
    gci_collect_hold_unsettled(heap);
    gci_death_drain(heap); /* user code may run here, and end the cycle by a look at the heap */
    heap->slicing = true;
    heap->slice_end_ns = gci_deadline(start, budget_ns);
    run_slice(heap, heap->slice_end_ns); /* user code may run here */
    gci_ending_pause(heap);
    heap->slicing = false;
    gci_death_drain(heap); /* user code may run here */
    bool is_over = cycle->phase == GCI_PHASE_DONE && !gci_pacing_has_leftovers(heap);
    if (is_over) {
        gci_cycle_set_phase(heap, GCI_PHASE_NONE);
    }
    check_heap(heap);
    if (!gci_pacing_is_in_cycle(heap)) {
        tidy(heap, false);
    }
    record_pause(heap, kind, start);
    gci_pacing_slice(heap, before, phase);
    if (!cycle->only_promotes) {
        cycle->report.slices++;
        cycle->report.duration_ns += heap->pacing.pause_ns;
    }
    if (is_over && cycle->only_promotes) {
        gci_pacing_promoted(heap);
    } else if (is_over) {
        end_cycle(heap); /* user code may run here */
    }
    gci_collect_release(heap);
    errno = error;
}

void gci_collect_settle(gc_heap *heap)
{
    bool is_cut = heap->cycle.phase != GCI_PHASE_NONE && !heap->cycle.only_promotes;
    do {
        gci_cycle_abandon(heap);
        while (heap->busy == 0 && gci_pacing_is_in_cycle(heap)) {
            gci_collect_slice(heap, UINT64_MAX); /* user code may run here */
        }
    } while (gci_death_catch_up(heap, UINT64_MAX)); /* user code may run here */
    if (is_cut && heap->pacing.begun > 0) {         /* it was not in the last stage */
        gci_pacing_put_off(heap);
    }
}

/* Whether no hook is against a collection. If so the start hooks were called. The heap is held. */
static bool is_allowed(gc_heap *heap, const gc_collection *report)
{
    make_up_for_stop(heap);               /* user code may run here */
    return ask_start_hooks(heap, report); /* user code may run here */
}

/* What a collection does that may start. The heap is held, and nothing is cleared in slices. */
static void collect_now(gc_heap *heap, gc_collection *report, bool by_itself, uint64_t start_ns)
{
    bool is_full = report->generation != 0;
    size_t young = heap->young_objects;
    heap->visited = 0;
    if (is_full) {
        gci_pacing_begin(heap);
    }
    check_heap(heap);
    struct gci_set set = find_garbage(heap, report->generation, report->reason != GC_REASON_CALL);
    report->examined = set.alive_count + set.garbage_count;
    end_garbage(heap, &set, report); /* user code may run here */
    tidy(heap, is_full);
    record_pause(heap, is_full ? GC_PHASE_FULL : GC_PHASE_YOUNG, start_ns);
    report->duration_ns = heap->pacing.pause_ns;
    record(heap, report, by_itself, young);
    call_stop_hooks(heap, report); /* user code may run here */
}

/* Containers that were found to be garbage of a generation, ever, but for what collections at once have
 * saved, and cycles before the latest. */
static uint64_t found_of(const gc_heap *heap, int generation)
{
    const gc_generation_stats *stats = &heap->generations[generation];
    uint64_t saved = generation == 0 ? 0 : heap->cycle.report.saved;
    return stats->collected + stats->uncollectable + saved;
}

/* One collection, from the first start hook to the last stop hook. false: none may start. `found` are the
 * containers found to be garbage, with those that slices had found and that were ending. */
static bool collect(gc_heap *heap, int generation, gc_reason reason, bool by_itself, size_t *found)
{
    gc_collection report = { .size = sizeof(report), .generation = generation, .reason = reason };
    uint64_t before = found_of(heap, generation);
    *found = 0;
    if (heap->busy > 0) {
        return false;
    }
    if (generation != 0) {
        gci_collect_settle(heap); /* user code may run here */
    }
    while (gci_is_ending(heap)) {
        gci_collect_slice(heap, UINT64_MAX); /* user code may run here */
    }
    int error = errno;
    uint64_t start = gci_sys_clock_ns();
    gci_collect_hold_unsettled(heap);
    gci_death_drain(heap);                   /* user code may run here */
    bool starts = is_allowed(heap, &report); /* user code may run here */
    if (starts) {
        collect_now(heap, &report, by_itself, start); /* user code may run here */
    }
    *found = (size_t)(found_of(heap, generation) - before + report.saved);
    gci_collect_release(heap);
    errno = error;
    return starts;
}

size_t gci_collect(gc_heap *heap, int generation, gc_reason reason)
{
    size_t found;
    (void)collect(heap, generation, reason, false, &found); /* user code may run here */
    return found;
}

static bool collect_by_itself(gc_heap *heap, int generation, gc_reason reason)
{
    size_t found;
    return collect(heap, generation, reason, true, &found); /* user code may run here */
}

/* Begin a cycle, unless a hook is against it. The young are collected before, so that few are made
 * old by it. Returns whether one is under way then. */
static bool begin_cycle(gc_heap *heap, gc_reason reason)
{
    if (heap->young_objects > 0 && !gci_pacing_are_too_many(heap)) {
        (void)collect_by_itself(heap, 0, reason); /* user code may run here */
    }
    gc_collection report = { .size = sizeof(report), .generation = 1, .reason = reason };
    if (!gci_pacing_is_in_cycle(heap) && may_start(heap)) {
        int error = errno;
        gci_collect_hold_unsettled(heap);
        bool starts = is_allowed(heap, &report); /* user code may run here */
        gci_collect_release(heap);
        errno = error;
        if (!starts) {
            gci_pacing_put_off(heap);
            return false;
        }
        gci_cycle_begin(heap);
        heap->cycle.report.reason = reason;
        heap->cycle.owes_stop = true;
        gci_pacing_begin(heap);
    }
    return gci_pacing_is_in_cycle(heap) && may_start(heap);
}

static void begin_promotion(gc_heap *heap)
{
    gci_cycle_promote(heap);
    gci_pacing_begin(heap);
}

/* A slice; one that is late takes all its time, though phases begin in slices of their own. */
static void take_time(gc_heap *heap, const struct gci_decision *decision)
{
    uint64_t now = gci_sys_clock_ns(), deadline = gci_deadline(now, decision->budget_ns);
    do {
        gci_collect_slice(heap, deadline - now); /* user code may run here */
        now = gci_sys_clock_ns();
    } while (decision->is_late && now < deadline && gci_pacing_is_in_cycle(heap) &&
             may_start(heap));
}

/* Do what is due. Returns whether more may be due now. */
static bool act(gc_heap *heap, const struct gci_decision *decision)
{
    switch (decision->what) {
    case GCI_DUE_NOTHING:
        return false;
    case GCI_DUE_YOUNG:
        return collect_by_itself(heap, 0, decision->reason); /* user code may run here */
    case GCI_DUE_PROMOTE:
        begin_promotion(heap);
        return true;
    case GCI_DUE_CYCLE:
        return begin_cycle(heap, decision->reason); /* user code may run here */
    case GCI_DUE_FULL:
        if (!collect_by_itself(heap, 1, decision->reason)) { /* user code may run here */
            gci_pacing_put_off(heap);
        }
        return false;
    case GCI_DUE_SLICE:
        gci_pacing_slice_is_late(heap, decision->is_late);
        take_time(heap, decision); /* user code may run here */
        return false;
    }
    return false;
}

/* Do all that is due; if `in_steps`, nothing that has no budget, and no slices. */
static void collect_what_is_due(gc_heap *heap, bool in_steps)
{
    enum { ACTS = 3 }; /* of the young, then a cycle begins, then its first slice */
    bool goes_on = true;
    gci_pacing_note(heap);
    for (unsigned i = 0; i < ACTS && goes_on; i++) {
        struct gci_decision decision = gci_pacing_decide(heap, gci_sys_clock_ns());
        if (decision.what == GCI_DUE_FULL && in_steps && heap->config.slice_ns != SIZE_MAX) {
            decision.what = GCI_DUE_CYCLE;
        }
        bool is_here = decision.what != GCI_DUE_SLICE || !in_steps;
        goes_on = is_here && act(heap, &decision); /* user code may run here */
    }
    gci_pacing_looked(heap);
    gci_collect_arm(heap);
}

/* A birth or a safepoint: collect everything if it is the n-th, else what is due. */
static void collect_or_stress(gc_heap *heap)
{
    if (is_stressed(heap) && may_start(heap) && ++heap->unstressed >= heap->config.stress) {
        heap->unstressed = 0;
        (void)gci_collect(heap, 1, GC_REASON_STRESS); /* user code may run here */
    } else {
        collect_what_is_due(heap, false); /* user code may run here */
    }
}

static void alarm(gc_heap *heap)
{
    if (heap->config.collect == GC_AT_ALLOCATION) {
        collect_or_stress(heap); /* user code may run here */
    }
}

/* A slow birth of a heap whose destruction is bounded; while there is a backlog, any birth. */
static void owe(gc_heap *heap, size_t size)
{
    enum { OWED = 4096 };
    heap->owed = gci_death_must_pay(heap) ? gci_add_saturating(heap->owed, size) : 0;
    if (heap->owed >= OWED && heap->config.collect == GC_AT_ALLOCATION) {
        (void)gci_death_catch_up(heap, 0); /* user code may run here */
    }
    if (heap->young_alarm == 0) {
        gci_collect_arm(heap); /* the backlog may be gone */
    }
}

/* Memory or the limit is short. Where full collections were in vain, there are slices instead. */
static bool shortage(gc_heap *heap)
{
    bool waited = gci_death_catch_up(heap, UINT64_MAX); /* user code may run here */
    size_t found;
    if (heap->config.collect != GC_AT_ALLOCATION || heap->busy > 0) {
        return waited;
    }
    if (!gci_pacing_helps_shortage(heap)) {
        gci_pacing_skip_shortage(heap);
        if (heap->config.slice_ns == SIZE_MAX) {
            return waited;
        }
        if (!gci_pacing_is_in_cycle(heap)) {
            (void)begin_cycle(heap, GC_REASON_SHORTAGE); /* user code may run here */
        }
        collect_what_is_due(heap, false); /* user code may run here */
        return true;
    }
    if (!collect(heap, 1, GC_REASON_SHORTAGE, false, &found)) { /* user code may run here */
        return waited;
    }
    gci_pages_drop_idle(heap);
    (void)gci_pages_trim(heap, 0);
    return true;
}

void gci_collect_install(gc_heap *heap)
{
    heap->hooks = (struct gci_hooks){ .alarm = alarm, .shortage = shortage, .owe = owe };
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
    (void)gci_death_catch_up(heap, heap->config.destroy_ns); /* user code may run here */
    collect_or_stress(heap);
}

bool gc_step(gc_heap *heap, uint64_t budget_ns)
{
    (void)gci_has_been_left(heap, OURO_FRAME);
    if (budget_ns > 0 && !gci_death_catch_up(heap, budget_ns)) {
        collect_what_is_due(heap, true); /* user code may run here */
        if (gci_pacing_is_in_cycle(heap) && may_start(heap)) {
            gci_collect_slice(heap, budget_ns); /* user code may run here */
        } else {
            (void)gci_pages_purge(heap, false, budget_ns);
        }
    }
    return gci_death_may_catch_up(heap) || (gci_pacing_is_in_cycle(heap) && may_start(heap));
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
    gci_pacing_set(heap, thresholds);
    gci_collect_arm(heap);
}

void gc_external_add(gc_heap *heap, size_t bytes)
{
    heap->bytes_external = gci_add_saturating(heap->bytes_external, bytes);
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
