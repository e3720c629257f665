/* SPDX-License-Identifier: MIT */

/* The layout that programs compiled against an older ouro rely on. The inline functions are
 * compiled into them, and so are the structs they declare. A change here is a change of the
 * soversion. For C and C++, 32 and 64 bits.
 */

#include <assert.h>

#include "ouro.h"

#define PIN(type, field, offset) static_assert(offsetof(type, field) == (offset), #type "." #field)
#define PIN_SIZE(type, size)     static_assert(sizeof(type) == (size), #type)

enum { P = sizeof(void *) };

PIN(gc_object, refs, 0);
PIN(gc_object, gc, 4);
PIN_SIZE(gc_object, 8);
static_assert(OURO_REFS_WEAK == 2 && OURO_REFS_FINALIZED == 4 && OURO_REFS_SITE == 8,
              "flags of gc_object.refs");
static_assert(OURO_REFS_ONE == 16 && OURO_GC_TOUCHED == 16, "one reference; that one was dropped");
static_assert(OURO_REFS_IMMORTAL == 0xE8000000u, "the immortal count");

PIN(struct ouro_page, free, 0);
PIN(struct ouro_page, limit, 4);
PIN(struct ouro_page, countdown, 8);
PIN(struct ouro_page, near, 10);
PIN(struct ouro_page, birth, 14);
PIN(struct ouro_page, end, 16);
PIN(struct ouro_page, base, 16 + P);
PIN(struct ouro_page, type, 16 + 2 * P);
PIN(struct ouro_heap, young_objects, 0);
PIN(struct ouro_heap, bytes_live, P);
PIN(struct ouro_heap, young_alarm, 2 * P);
PIN(struct ouro_heap, bytes_alarm, 3 * P);
PIN(struct ouro_heap, pages, 4 * P);
static_assert(OURO_PLACES == 128 && OURO_SHORT_MAX == 128 && OURO_LINK_SHIFT == 5, "inline births");
static_assert(OURO_GC_LEAF == 1 && OURO_GC_YOUNG == 8, "states of the newborn");

PIN(gc_visitor, next, 0);
PIN(gc_visitor, end, P);
PIN_SIZE(gc_visitor, 2 * P);

PIN(gc_field, offset, 0);
PIN(gc_field, kind, 4);
PIN(gc_field, count_size, 6);
PIN(gc_field, count_offset, 8);
PIN_SIZE(gc_field, 12);
static_assert(GC_FIELD_REF == 0 && GC_FIELD_TAIL == 1 && GC_FIELD_BUFFER == 2, "gc_field.kind");

PIN(gc_field_map, count, 0);
PIN(gc_field_map, fields, P);
PIN_SIZE(gc_field_map, 2 * P);

PIN(gc_type, name, 0);
PIN(gc_type, size, P);
PIN(gc_type, item_size, 2 * P);
PIN(gc_type, align, 3 * P);
PIN(gc_type, refs, 4 * P);
PIN(gc_type, traverse, 5 * P);
PIN(gc_type, clear, 6 * P);
PIN(gc_type, finalize, 7 * P);
PIN(gc_type, destroy, 8 * P);
PIN(gc_type, flags, 9 * P);
PIN(gc_type, room, 10 * P);
PIN_SIZE(gc_type, 15 * P);

PIN(gc_page_source, map, 0);
PIN(gc_page_source, unmap, P);
PIN(gc_page_source, arg, 2 * P);
PIN_SIZE(gc_page_source, 3 * P);

PIN(gc_thresholds, young_objects, 0);
PIN(gc_thresholds, young_bytes, P);
PIN(gc_thresholds, old_growth_percent, 2 * P);
PIN(gc_thresholds, old_bytes, 3 * P);
PIN_SIZE(gc_thresholds, 4 * P);

PIN(gc_config, thresholds, 0);
PIN(gc_config, collect, 4 * P);
PIN(gc_config, disabled, 4 * P + 4);
PIN(gc_config, report_leaks, 4 * P + 5);
PIN(gc_config, limit_bytes, 4 * P + 8);
PIN(gc_config, user_data, 5 * P + 8);
PIN(gc_config, page_source, 6 * P + 8);
PIN(gc_config, out_of_memory, 9 * P + 8);
PIN(gc_config, message, 10 * P + 8);
PIN(gc_config, panic, 11 * P + 8);
PIN(gc_config, slice_ns, 12 * P + 8);
PIN(gc_config, hash_key, 13 * P + 8);
PIN(gc_config, stress, 13 * P + 24);
PIN(gc_config, trash_percent, 14 * P + 24);
PIN(gc_config, destroy_ns, 15 * P + 24);
PIN(gc_config, purge_ns, 16 * P + 24);
PIN(gc_config, room, 17 * P + 24);
PIN_SIZE(gc_config, 18 * P + 24);

/* These are filled up to the size that the caller compiled, so they may grow, but not move. */
PIN(gc_generation_stats, collections, 0);
PIN(gc_generation_stats, collected, 8);
PIN(gc_generation_stats, uncollectable, 16);
PIN(gc_generation_stats, resurrected, 24);
PIN(gc_generation_stats, objects, 32);
PIN(gc_generation_stats, pause_ns_total, 40);
PIN(gc_generation_stats, pause_ns_max, 48);
PIN_SIZE(gc_generation_stats, 56);
PIN(gc_stats, generations, 0);
PIN(gc_stats, objects_live, 112);
PIN(gc_stats, objects_born, 120);
PIN(gc_stats, objects_died, 128);
PIN(gc_stats, died_by_count, 136);
PIN(gc_stats, finalized, 144);
PIN(gc_stats, bytes_live, 152);
PIN(gc_stats, bytes_live_peak, 160);
PIN(gc_stats, bytes_external, 168);
PIN(gc_stats, bytes_reserved, 176);
PIN(gc_stats, bytes_limit, 184);
PIN(gc_stats, pause_ns_total, 192);
PIN(gc_stats, pause_ns_max, 200);
PIN(gc_stats, pages, 208);
PIN(gc_stats, segments, 216);
PIN(gc_stats, objects_frozen, 224);
PIN(gc_stats, bytes_grown_young, 232);
PIN(gc_stats, bytes_grown_old, 240);
PIN(gc_stats, pauses, 248);
PIN(gc_stats, phases, 296);
PIN(gc_stats, bytes_trash, 728);
PIN(gc_stats, slices_late, 736);
PIN(gc_stats, bytes_tables, 744);
PIN(gc_stats, objects_waiting, 752);
PIN(gc_stats, bytes_resident, 760);
PIN(gc_pauses, count, 0);
PIN(gc_pauses, ns_total, 8);
PIN(gc_pauses, ns_p50, 16);
PIN(gc_pauses, ns_p99, 24);
PIN(gc_pauses, ns_p9999, 32);
PIN(gc_pauses, ns_max, 40);
PIN_SIZE(gc_pauses, 48);

PIN(gc_type_stats, type, 0);
PIN(gc_type_stats, objects, P);
PIN(gc_type_stats, bytes, P + 8);
PIN(gc_type_stats, objects_grown, P + 16);
PIN(gc_type_stats, bytes_grown, P + 24);
PIN(gc_type_stats, pages, P + 32);
PIN(gc_type_stats, bytes_pages, P + 40);
PIN(gc_type_stats, slots_free, P + 48);
PIN(gc_holder, object, 0);
PIN(gc_holder, references, P);
PIN(gc_holder, explained, 2 * P);

PIN(gc_collection, size, 0);
PIN(gc_collection, generation, P);
PIN(gc_collection, reason, P + 4);
PIN(gc_collection, examined, P + 8);
PIN(gc_collection, collected, P + 16);
PIN(gc_collection, uncollectable, P + 24);
PIN(gc_collection, resurrected, P + 32);
PIN(gc_collection, saved, P + 40);
PIN(gc_collection, duration_ns, P + 48);
PIN(gc_collection, slices, P + 56);
PIN(gc_collection, rounds, P + 64);
PIN(gc_collection, suspects, P + 72);
PIN(gc_hook, start, 0);
PIN(gc_hook, stop, P);
PIN(gc_hook, arg, 2 * P);
PIN(gc_hook, next, 3 * P);
PIN_SIZE(gc_hook, 4 * P);

PIN(gc_profile_stats, objects, 0);
PIN(gc_profile_stats, bytes, 8);
PIN(gc_profile_stats, bytes_peak, 16);
PIN(gc_profile_stats, dropped, 24);
PIN(gc_profile_stats, bytes_own, 32);

PIN(gc_statistic, name, 0);
PIN(gc_statistic, file, P);
PIN(gc_statistic, line, 2 * P);
PIN(gc_statistic, frames, 3 * P);
PIN(gc_statistic, frame_count, 4 * P);
PIN(gc_statistic, bytes, 5 * P);
PIN(gc_statistic, count, 5 * P + 8);
PIN(gc_statistic, bytes_diff, 5 * P + 16);
PIN(gc_statistic, count_diff, 5 * P + 24);

PIN(gc_profile_filter, exclusive, 0);
PIN(gc_profile_filter, by_domain, 1);
PIN(gc_profile_filter, domain, 4);
PIN(gc_profile_filter, file, 8);
PIN(gc_profile_filter, line, 8 + P);
PIN(gc_profile_filter, type, 8 + 2 * P);
PIN_SIZE(gc_profile_filter, 8 + 3 * P);
static_assert(GC_BY_LINE == 0 && GC_BY_FILE == 1 && GC_BY_TRACEBACK == 2, "gc_group");
static_assert(GC_BY_TYPE == 3 && GC_BY_CUMULATIVE == 4, "gc_group");

PIN(gc_generator, object, 0);
PIN(gc_generator, source, 8);
PIN(gc_generator, outer, 8 + P);
PIN(gc_generator, consumer, 8 + 2 * P);
PIN(gc_generator, slot, 8 + 3 * P);
PIN(gc_generator, line, 8 + 4 * P);
PIN(gc_generator, flags, 12 + 4 * P);
PIN_SIZE(gc_generator, 16 + 4 * P);
PIN(gc_generator_type, type, 0);
PIN(gc_generator_type, next, 15 * P);
PIN(gc_generator_type, cleanup, 16 * P);
PIN_SIZE(gc_generator_type, 17 * P);
PIN(struct ouro_loop, generator, 0);
PIN(struct ouro_loop, item, P);
PIN(struct ouro_loop, runs, 2 * P);

/* Numbers are never reused. */
static_assert(GC_OK == 0 && GC_ERR_NOMEM == -1 && GC_ERR_LIMIT == -2 && GC_ERR_SIZE == -3,
              "gc_status");
static_assert(GC_ERR_BUSY == -4 && GC_ERR_CLOSING == -5, "gc_status");
static_assert(GC_ERR_TYPE == -6 && GC_ERR_RANGE == -7 && GC_ERR_RUNNING == -8, "gc_status");
static_assert(GC_ERR_SHARED == -9, "gc_status");
static_assert(GC_LEAF == -1 && GC_YOUNG == 0 && GC_OLD == 1 && GC_FROZEN == 2 && GC_SAVED == 3,
              "generations");
static_assert(GC_REASON_CALL == 0 && GC_REASON_OBJECTS == 1 && GC_REASON_BYTES == 2, "gc_reason");
static_assert(GC_REASON_GROWTH == 3 && GC_REASON_SHORTAGE == 4 && GC_REASON_HEAP_FREE == 5,
              "gc_reason");
static_assert(GC_REASON_STRESS == 6, "gc_reason");
static_assert(GC_PHASE_YOUNG == 0 && GC_PHASE_FULL == 1 && GC_PHASE_PROMOTE == 2, "gc_phase");
static_assert(GC_PHASE_COUNT == 3 && GC_PHASE_MARK == 4 && GC_PHASE_SWEEP == 5, "gc_phase");
static_assert(GC_PHASE_RECHECK == 6 && GC_PHASE_FREE == 7 && GC_PHASE_DESTROY == 8 &&
                  GC_PHASES == 9,
              "gc_phase");
static_assert(GC_DEBUG_STATS == 1 && GC_DEBUG_COLLECTABLE == 2 && GC_DEBUG_UNCOLLECTABLE == 4,
              "debug flags");
static_assert(GC_DEBUG_SAVE_ALL == 8, "debug flags");
static_assert(GC_AT_ALLOCATION == 0 && GC_AT_SAFEPOINT == 1, "gc_config.collect");
