/* SPDX-License-Identifier: MIT */

/* A model of the cycle of src/cycle.c, for Spin, which tries everything that can happen in it.
 *
 * The world is three slots, and a program that holds up to HELD references outside of objects.
 * Either the cycle does a step, or the program does: it takes a reference to an object, through a
 * weak one if need be; drops one; moves one between its hand and a field, no count changing; gives
 * birth in a free slot; goes on with a death; collects the young. All that a program does is made
 * of these: overwriting a field, say, is to move out what is there, drop that, and move in
 * something else. After each step settle() looks at the whole world:
 *
 *   Safe       Each count is the number of references that there are, so nothing refers to a free
 *              slot. The program cannot reach what is being cleared or freed.
 *   Complete   What was garbage when the cycle began is freed when it ends, but for what the
 *              program has reached meanwhile, which takes a weak reference.
 *   Tidy       In the end no slot is in a chain, no scratch count is left, and nothing is in S.
 *
 * A run goes from the start of a round to its end, and starts with every heap there can be. What a
 * round leaves to the next, and a cycle to the next, is verified to be one of those, and left
 * there: so all this is about any number of rounds and cycles.
 *
 * What is not as in cycle.c, and why that is fair:
 *
 *   Slices     They may end after each object; there, after so many slots. Tracing an object and
 *              counting or marking what it refers to is one step, for a slice empties the queue.
 *   Pages      The chains are those of one page: other pages are other chains. But each slot is a
 *              page of its own for the list of those with suspects, so that what is not listed is
 *              not looked at. That Sweep passes over pages without, and that a page may get another
 *              type while the cycle stands in its middle, is not in the model.
 *   Death      All that die wait in a queue, and what the program does before they go on may be
 *              their finalizers, any number of times. To end at once is one of those orders. What
 *              a clear may do to other garbage than its own is up to doom.c, and not here.
 *   States     Leaves, frozen and saved objects are in no set, as what is OLD. An immortal one has
 *              a reference that the program never drops.
 *   Callbacks  Any object may be a weak reference whose target has just died: its callback may take a
 *              reference to its owner, also where nobody else can. That the owner can be taken before
 *              it is lost, the program does anyway.
 *   Touched    The bit is set only where somebody will look at it, for fewer states. Those cycles
 *              that do not trust it are the model without, NO_TOUCHED; there a weak reference that
 *              is taken and dropped between two slices leaves no trace, so it keeps no garbage.
 *   Sizes      One reference an object is enough for rings with and without a tail and for objects
 *              that are referred to by several. With FIELDS=4 the first has two, which takes
 *              minutes and 2 GB.
 *
 * check.sh has it verified as it is, and broken in each of the ways below, which has to be
 * noticed. */

#ifndef FIELDS
#define FIELDS 3 /* of all objects together */
#endif
#ifndef HELD
#define HELD 2
#endif
#ifndef BROKEN
#define BROKEN AS_IS
#endif

#define AS_IS               0
/* This is safe and complete all the same; there are only more suspects. */
#define NO_TOUCHED          1 /* marking goes by the counts alone */
/* These are not. */
#define NO_RECHECK          2 /* what is suspect is garbage */
#define SLICED_RECHECK      3 /* the program runs between its counting and its marking */
#define STALE_RECHECK       4 /* it begins with the scratch counts of the round */
#define NO_PREPARE          5 /* so does a further round */
#define LEAVES_TOUCHED      6 /* Count does not reset the bit */
#define NO_SECOND_SEARCH    7 /* what finalizers have brought back is freed all the same */
#define UPGRADES_LOST       8 /* weak references lead to what is being cleared or freed */
#define DROP_RELEASES       9 /* plain garbage leaves its slot when it has dropped its references */
#define FREES_GREY         10 /* what dies in a chain leaves its slot at once */
#define DYING_LEAVES_CHAIN 11 /* it loses its link when its count reaches zero */
#define RISEN_LEAVES_CHAIN 12 /* or when its finalizer has brought it back */
#define TRACES_DYING       13 /* the cycle takes what dies in a chain for alive */
#define ABANDONS_DEAD      14 /* a cycle that is given up forgets the slots that stayed in chains */
#define DYING_KEEPS_COUNT  15 /* what dies in S keeps its scratch count */
#define BORN_WITH_COUNT    16 /* there is one in the slot where something is born */
#define BORN_IN_S          17 /* what is born in the cycle is in S */
#define PROMOTED_INTO_S    18 /* so is what survives a collection of the young */
#define PART_IS_GARBAGE    19 /* what is in a part is garbage */
#define PART_OF_ALL        20 /* a part takes references from other suspects for its own */
#define PASSED_ARE_OLD     21 /* what a part has not found to be garbage is not looked at again */
#define CALLS_PAST_RESCUE  22 /* a weak reference calls back though lost garbage may own it */

#define OBJECTS  3
#define ALL      7
#define BIT(o)   (1 << (o))
#define NIL      OBJECTS
#define DANGLING (OBJECTS + 1) /* dropped, but not reset: to be looked at by nobody */
#define OWNER(f) ((f) % OBJECTS) /* the object that has the field */

/* States of a slot, those of layout.h. */
#define FREE   0
#define YOUNG  1
#define OLD    2 /* heap->old: old, but not or no more in S */
#define IN_S   3
#define GREY   4 /* with a count of 0: dead, and in a chain */
#define DYING  5
#define DOOMED 6
#define GONE   7 /* garbage that ends in this step */
#define PART   8 /* in the part that is examined in this step */

/* Phases. */
#define PROMOTE  0
#define COUNT    1
#define MARK     2
#define SWEEP    3
#define PARTS    4 /* any parts of the suspects, in any order; but none is in two */
#define RECHECK  5
#define FINALIZE 6 /* what the recheck has found is doomed; finalizers may bring it back */
#define CLEAR    7 /* object by object: it drops its references, and dies by that */
#define DROP     8 /* or, of plain garbage: object by object, its references to the living */
#define RELEASE  9 /* then its slots */
#define DONE     10

/* Found, and beyond rescue. */
#define IS_LOST(o) (state[o] == DOOMED && phase == CLEAR || state[o] == IN_S && phase >= DROP)

/* Whether an object, as a weak reference, may call back now: it is not dying, nor known to be garbage,
 * nor does lost garbage own what it owned. */
#define CAN_CALL(o)                                                                                \
    (count[o] > 0 && state[o] != DYING && state[o] != DOOMED && !IS_LOST(o) &&                     \
     (phase != CLEAR && phase != DROP || BROKEN == CALLS_PAST_RESCUE))

/* The gc word above the state: a scratch count, or a link. */
#define LINK(o)  ((o) + 1)
#define LINK_END 15

byte state[OBJECTS];
byte count[OBJECTS];
byte word[OBJECTS];
byte field[FIELDS];
byte held[OBJECTS]; /* references that the program holds outside of objects */
byte holds;         /* their sum */
byte phase, at;     /* where the cycle is: at this slot */
byte chain, lane;   /* links to what is grey: the chain, and the one that is being traced */

/* Sets of objects, a bit each. */
byte touched;
byte suspects; /* the list that Sweep makes */
byte unseen;   /* those of them that were in no part yet */
bool in_parts; /* what is doomed is garbage of a part */
byte within;   /* the program, or a finalizer, can reach it */
byte garbage;  /* since the cycle began */

/* For use inside a step; 0 between steps. */
byte i, j, child, set;

/* Add to a set what it refers to. */
inline close(objects)
{
    for (j : 2 .. OBJECTS) {
        for (i : 0 .. FIELDS - 1) {
            if
            :: field[i] != NIL && (objects & BIT(OWNER(i))) -> objects = objects | BIT(field[i])
            :: else
            fi
        }
    }
}

inline find_within()
{
    within = 0;
    for (i : 0 .. OBJECTS - 1) {
        within = within | (held[i] > 0 || state[i] == DYING -> BIT(i) : 0)
    }
    close(within)
}

/* Show the world, where Spin shows the way to an error. */
inline print_world()
{
    printf("phase %d at %d  chain %d lane %d  touched %d suspects %d garbage %d\n", phase, at,
           chain, lane, touched, suspects, garbage);
    for (i : 0 .. OBJECTS - 1) {
        printf("    %d: state %d count %d word %d held %d refers to %d\n", i, state[i], count[i],
               word[i], held[i], field[i])
    }
}

/* Verify what holds after each step. */
inline settle()
{
    print_world();
    find_within();
    garbage = garbage & ~within;
    for (i : 0 .. OBJECTS - 1) {
        child = held[i];
        for (j : 0 .. FIELDS - 1) {
            child = child + (field[j] == i && !(phase == RELEASE && state[OWNER(j)] == IN_S))
        }
        assert(child == count[i] || phase == RELEASE && state[i] == IN_S);
        assert(count[i] > 0 || state[i] == FREE || state[i] == GREY || state[i] == DYING);
        assert(count[i] == 0 || state[i] != FREE);
        assert(state[i] != GONE && (state[i] != DOOMED || phase == FINALIZE || phase == CLEAR));
        assert(!IS_LOST(i) || !(within & BIT(i)));
        garbage = garbage & ~(state[i] == FREE -> BIT(i) : 0)
    }
    /* Only what Count has come by, and Mark has not. */
    touched = touched & (phase == COUNT -> BIT(at) - 1 : ALL & ~(BIT(at) - 1));
    touched = (phase == COUNT || phase == MARK -> touched : 0);
    i = 0;
    j = 0;
    child = 0;
    set = 0
}

/* Counting and death. */

inline let_go(o) /* gc_decref */
{
    if
    :: state[o] == DYING -> count[o]--
    :: state[o] != DYING && count[o] > 1 ->
       count[o]--;
       touched = touched | (state[o] == IN_S && BROKEN != NO_TOUCHED -> BIT(o) : 0)
    :: else -> /* turn_dying */
       count[o] = 0;
       touched = touched & ~BIT(o);
       word[o] = (state[o] == GREY && BROKEN != DYING_LEAVES_CHAIN ||
                  BROKEN == DYING_KEEPS_COUNT -> word[o] : 0);
       state[o] = (state[o] == DOOMED && phase == CLEAR -> GONE : DYING)
    fi
}

inline drop_fields(o)
{
    for (j : 0 .. FIELDS - 1) {
        if
        :: OWNER(j) == o && field[j] != NIL ->
           child = field[j];
           field[j] = NIL;
           let_go(child)
        :: else
        fi
    }
}

inline leave_slot(o)
{
    state[o] = FREE;
    word[o] = (BROKEN == BORN_WITH_COUNT -> 1 : 0)
}

/* A death goes on: the finalizer has run, or there is none. */
inline end(o)
{
    if
    :: count[o] > 0 -> /* resurrect */
       state[o] = (word[o] == 0 || BROKEN == RISEN_LEAVES_CHAIN -> OLD : GREY);
       word[o] = (state[o] == OLD -> 0 : word[o])
    :: else ->
       drop_fields(o);
       if
       :: word[o] != 0 && BROKEN != FREES_GREY -> state[o] = GREY /* stay_in_chain */
       :: else -> leave_slot(o)
       fi
    fi
}

/* The set algorithm, as in trace.c: S is what has the state `from` and is on the list. */

inline count_inside(from, list)
{
    for (i : 0 .. FIELDS - 1) {
        if
        :: field[i] != NIL && state[OWNER(i)] == from && (list & BIT(OWNER(i))) &&
           state[field[i]] == from -> word[field[i]]++
        :: else
        fi
    }
}

/* The rest of it, unless everything is taken for garbage. What is garbage gets a state, and is the
 * set afterwards. */
inline condemn_rest(from, list, becomes, exact)
{
    set = 0;
    for (i : 0 .. OBJECTS - 1) {
        if
        :: state[i] == from && (list & BIT(i)) && word[i] != count[i] && exact -> set = set | BIT(i)
        :: else
        fi
    }
    for (j : 2 .. OBJECTS) {
        for (i : 0 .. FIELDS - 1) {
            if
            :: field[i] != NIL && (set & BIT(OWNER(i))) && state[field[i]] == from ->
               set = set | BIT(field[i])
            :: else
            fi
        }
    }
    for (i : 0 .. OBJECTS - 1) {
        if
        :: set & BIT(i) ->
           set = set & ~BIT(i);
           state[i] = (BROKEN == PROMOTED_INTO_S && from == YOUNG -> IN_S : OLD);
           word[i] = 0
        :: !(set & BIT(i)) && state[i] == from && (list & BIT(i)) ->
           set = set | BIT(i);
           state[i] = becomes;
           word[i] = 0
        :: else
        fi
    }
}

/* The end of garbage without its counts: it drops its references to what is no garbage. One that
 * leads to a free slot is to garbage that has ended just before. */
inline free_plain(from)
{
    for (i : 0 .. OBJECTS - 1) {
        if
        :: state[i] == from ->
           for (j : 0 .. FIELDS - 1) {
               if
               :: OWNER(j) == i && field[j] != NIL ->
                  child = field[j];
                  field[j] = NIL;
                  if
                  :: state[child] == from || state[child] == FREE -> count[child]--
                  :: else -> let_go(child)
                  fi
               :: else
               fi
           }
           leave_slot(i)
        :: else
        fi
    }
}

inline collect_young()
{
    garbage = (phase == PROMOTE -> 0 : garbage); /* its survivors may refer to what is in S */
    count_inside(YOUNG, ALL);
    condemn_rest(YOUNG, ALL, GONE, true);
    free_plain(GONE)
}

/* The cycle, step by step. */

inline go_to(next)
{
    phase = next;
    at = 0
}

inline promote(o)
{
    state[o] = (state[o] == YOUNG -> IN_S : state[o]);
    at++
}

inline count_one(o)
{
    if
    :: state[o] == IN_S ->
       touched = (BROKEN == LEAVES_TOUCHED -> touched | BIT(o) : touched & ~BIT(o));
       for (j : 0 .. FIELDS - 1) {
           if
           :: OWNER(j) == o && field[j] != NIL && state[field[j]] == IN_S -> word[field[j]]++
           :: else
           fi
       }
    :: else
    fi
    at++
}

inline mark(o)
{
    state[o] = GREY;
    touched = touched & ~BIT(o);
    word[o] = (chain == 0 -> LINK_END : chain);
    chain = LINK(o)
}

inline mark_root(o)
{
    if
    :: state[o] == IN_S && (word[o] != count[o] || (touched & BIT(o))) -> mark(o)
    :: else
    fi
    at++
}

/* Take one from the chain. */
inline trace_grey()
{
    if
    :: lane == 0 ->
       lane = chain;
       chain = 0
    :: else
    fi
    i = lane - 1;
    lane = (word[i] == LINK_END -> 0 : word[i]);
    word[i] = 0;
    if
    :: state[i] == DYING && BROKEN != TRACES_DYING -> skip
    :: state[i] != DYING && count[i] == 0 -> leave_slot(i)
    :: else ->
       state[i] = OLD;
       for (j : 0 .. FIELDS - 1) {
           if
           :: OWNER(j) == i && field[j] != NIL && state[field[j]] == IN_S -> mark(field[j])
           :: else
           fi
       }
    fi
}

inline sweep(o)
{
    suspects = suspects | (state[o] == IN_S -> BIT(o) : 0);
    at++
}

inline begin_recheck()
{
    for (i : 0 .. OBJECTS - 1) {
        if
        :: state[i] == IN_S && (suspects & BIT(i)) && BROKEN != STALE_RECHECK -> word[i] = 0
        :: else
        fi
    }
    count_inside(IN_S, suspects);
    at++
}

inline end_recheck(becomes, next)
{
    condemn_rest(IN_S, suspects, becomes, BROKEN != NO_RECHECK);
    find_within();
    assert(!(within & set));
    suspects = 0;
    go_to((set == 0 -> DONE : next))
}

inline begin_parts()
{
    for (i : 0 .. OBJECTS - 1) {
        word[i] = (state[i] == IN_S -> 0 : word[i])
    }
    unseen = suspects;
    go_to(PARTS)
}

/* The set algorithm on a part, whose garbage ends at once if it is plain. */
inline examine(part, becomes)
{
    child = 0;
    for (i : 0 .. OBJECTS - 1) {
        if
        :: state[i] == IN_S && (part & BIT(i)) ->
           child = child | BIT(i);
           state[i] = PART
        :: else
        fi
    }
    count_inside(PART, ALL);
    for (i : 0 .. FIELDS - 1) {
        if
        :: field[i] != NIL && state[field[i]] == PART && state[OWNER(i)] == IN_S &&
           BROKEN == PART_OF_ALL -> word[field[i]]++
        :: else
        fi
    }
    condemn_rest(PART, ALL, becomes, BROKEN != PART_IS_GARBAGE);
    for (i : 0 .. OBJECTS - 1) {
        state[i] = ((child & BIT(i)) && state[i] == OLD && BROKEN != PASSED_ARE_OLD -> IN_S :
                                                                                       state[i])
    }
    unseen = unseen & ~(part);
    find_within();
    assert(!(within & set));
    in_parts = (set != 0 && becomes == DOOMED);
    if
    :: in_parts -> go_to(FINALIZE)
    :: else -> free_plain(GONE)
    fi
}

/* What comes after the end of garbage. */
inline end_doom()
{
    if
    :: in_parts ->
       in_parts = false;
       go_to(PARTS)
    :: else -> phase = DONE
    fi
}

/* A finalizer looks at the heap. */
inline end_parts()
{
    for (i : 0 .. OBJECTS - 1) {
        word[i] = (state[i] == IN_S -> 0 : word[i]);
        state[i] = (state[i] == IN_S -> OLD : state[i])
    }
    garbage = 0;
    in_parts = false
}

inline search_again()
{
    count_inside(DOOMED, ALL);
    condemn_rest(DOOMED, ALL, DOOMED, BROKEN != NO_SECOND_SEARCH)
}

/* Clear an object, which dies by that, as may others of the garbage; no user code runs. */
inline clear(o)
{
    if
    :: state[o] == DOOMED ->
       count[o]++;
       drop_fields(o);
       let_go(o);
       for (set : 1 .. OBJECTS) {
           for (i : 0 .. OBJECTS - 1) {
               if
               :: state[i] == GONE -> drop_fields(i); leave_slot(i)
               :: else
               fi
           }
       }
    :: else
    fi
    at++
}

/* Drop the references to what is no garbage; the others stay as they are. */
inline drop_outside(o)
{
    if
    :: state[o] == IN_S ->
       for (j : 0 .. FIELDS - 1) {
           if
           :: OWNER(j) == o && field[j] != NIL && state[field[j]] != IN_S ->
              child = field[j];
              field[j] = DANGLING;
              let_go(child)
           :: else
           fi
       }
    :: else
    fi
    at++
}

inline release(o)
{
    if
    :: state[o] == IN_S ->
       for (j : 0 .. FIELDS - 1) {
           field[j] = (OWNER(j) == o -> NIL : field[j])
       }
       count[o] = 0;
       leave_slot(o)
    :: else
    fi
    at++
}

inline abandon()
{
    for (i : 0 .. OBJECTS - 1) {
        if
        :: state[i] == IN_S || state[i] == GREY && count[i] > 0 ->
           state[i] = OLD;
           word[i] = 0
        :: state[i] == GREY && count[i] == 0 && BROKEN != ABANDONS_DEAD -> leave_slot(i)
        :: state[i] == DYING -> word[i] = 0
        :: else
        fi
    }
    chain = 0;
    lane = 0;
    garbage = 0;
    phase = DONE
}

/* A round is over, and the next begins: in a heap as start() makes them. */
inline end_round()
{
    set = within;
    for (i : 0 .. OBJECTS - 1) {
        set = set | (state[i] == OLD || state[i] == YOUNG -> BIT(i) : 0);
        assert(state[i] != IN_S || phase == PROMOTE || (suspects & BIT(i)));
        assert(state[i] == IN_S || !(garbage & BIT(i)));
        word[i] = (state[i] == IN_S -> 0 : word[i]);
        state[i] = (state[i] == IN_S -> OLD : state[i])
    }
    close(set);
    assert(!(garbage & set));
    garbage = 0;
    phase = DONE
}

inline verify_end()
{
    assert(garbage == 0);
    assert(chain == 0 && lane == 0);
    for (i : 0 .. OBJECTS - 1) {
        assert(state[i] == FREE || state[i] == YOUNG || state[i] == OLD || state[i] == DYING);
        assert(word[i] == 0)
    }
}

/* All ends are one, for fewer states. */
inline forget()
{
    for (i : 0 .. OBJECTS - 1) {
        state[i] = FREE;
        count[i] = 0;
        word[i] = 0;
        held[i] = 0
    }
    for (i : 0 .. FIELDS - 1) {
        field[i] = NIL
    }
    holds = 0;
    at = 0;
    garbage = 0;
    suspects = 0;
    unseen = 0;
    in_parts = false;
    within = 0;
    i = 0;
    j = 0;
    child = 0;
    set = 0
}

/* What is at the start of a cycle, or of a round: any heap. S is complete; of what is outside, and
 * may refer to it, everything that is not dying counts as alive. Garbage is what that does not
 * reach. */
inline start()
{
    holds = held[0] + held[1] + held[2];
    for (i : 0 .. OBJECTS - 1) {
        count[i] = held[i];
        for (j : 0 .. FIELDS - 1) {
            count[i] = count[i] + (field[j] == i)
        }
        word[i] = (state[i] == IN_S && BROKEN == NO_PREPARE -> 1 : 0);
        child = child + (count[i] == 0 && state[i] != FREE && state[i] != DYING);
        garbage = garbage | (state[i] == IN_S || state[i] == YOUNG -> BIT(i) : 0);
        set = set | (state[i] == OLD || state[i] == YOUNG && phase == COUNT -> BIT(i) : 0)
    }
    close(set);
    garbage = garbage & ~set;
    if
    :: child > 0 || holds > HELD -> phase = DONE /* no such heap */
    :: else
    fi
}

#define CYCLE(guard, act)                                                                          \
    :: d_step {                                                                                    \
        (guard) -> act;                                                                            \
        settle();                                                                                  \
        if                                                                                         \
        :: phase == DONE -> verify_end(); forget()                                                 \
        :: else                                                                                    \
        fi                                                                                         \
    }
#define PROGRAM(guard, act) :: d_step { phase < DONE && (guard) -> act; settle() }

#define ON_PART(part)                                                                              \
    CYCLE(phase == PARTS && (unseen & part) == part, examine(part, GONE))                          \
    CYCLE(phase == PARTS && (unseen & part) == part, examine(part, DOOMED))

/* What the program can do with an object, and with a field. */
#define ON_OBJECT(o)                                                                               \
    PROGRAM(state[o] == FREE && holds < HELD,                                                      \
            state[o] = (BROKEN == BORN_IN_S -> IN_S : YOUNG); count[o] = 1; held[o] = 1; holds++)  \
    PROGRAM((count[o] > 0 || state[o] == DYING) && holds < HELD &&                                 \
                (!IS_LOST(o) || BROKEN == UPGRADES_LOST),                                          \
            count[o]++; held[o]++; holds++)                                                        \
    PROGRAM(held[o] > 0, held[o]--; holds--; let_go(o))                                            \
    PROGRAM(state[o] == DYING, end(o))

#define MOVE_OUT(f)                                                                                \
    PROGRAM(field[f] != NIL && holds < HELD && (within & BIT(OWNER(f))),                           \
            held[field[f]]++; holds++; field[f] = NIL)
#define MOVE_IN(o, f)                                                                              \
    PROGRAM(field[f] == NIL && held[o] > 0 && (within & BIT(OWNER(f))),                            \
            field[f] = o; held[o]--; holds--)
/* A callback takes a reference to the owner of the weak reference, which is its argument. When all was
 * dropped, lost garbage refers to garbage only, or to a slot that was. */
#define CALL_BACK(f)                                                                               \
    PROGRAM(field[f] < NIL && IS_LOST(OWNER(f)) && phase < RELEASE && CAN_CALL(field[f]) &&        \
                holds < HELD,                                                                      \
            count[OWNER(f)]++; held[OWNER(f)]++; holds++)
#define ON_FIELD(f) MOVE_OUT(f) MOVE_IN(0, f) MOVE_IN(1, f) MOVE_IN(2, f) CALL_BACK(f)

active proctype world()
{
    atomic {
        if
        :: phase = PROMOTE
        :: phase = COUNT
        fi
        for (i : 0 .. OBJECTS - 1) {
            if
            :: state[i] = FREE
            :: state[i] = YOUNG
            :: state[i] = IN_S
            :: state[i] = DYING
            :: phase == COUNT -> state[i] = OLD
            fi
            if
            :: true
            :: state[i] != FREE -> held[i] = 1
            :: state[i] != FREE -> held[i] = 2
            fi
        }
        for (i : 0 .. FIELDS - 1) {
            if
            :: field[i] = NIL
            :: state[OWNER(i)] != FREE && state[0] != FREE -> field[i] = 0
            :: state[OWNER(i)] != FREE && state[1] != FREE -> field[i] = 1
            :: state[OWNER(i)] != FREE && state[2] != FREE -> field[i] = 2
            fi
        }
        d_step {
            start();
            if
            :: phase == DONE -> forget()
            :: else -> settle()
            fi
        }
    }
    do
    CYCLE(phase == PROMOTE && at < OBJECTS, promote(at))
    CYCLE(phase == PROMOTE && at == OBJECTS, end_round())
    CYCLE(phase == COUNT && at < OBJECTS, count_one(at))
    CYCLE(phase == COUNT && at == OBJECTS, go_to(MARK))
    CYCLE(phase == MARK && at < OBJECTS, mark_root(at))
    CYCLE(phase == MARK && (lane != 0 || chain != 0), trace_grey())
    CYCLE(phase == MARK && at == OBJECTS && lane == 0 && chain == 0, go_to(SWEEP))
    CYCLE(phase == SWEEP && at < OBJECTS, sweep(at))
    CYCLE(phase == SWEEP && at == OBJECTS && suspects == 0, phase = DONE)
    CYCLE(phase == SWEEP && at == OBJECTS && suspects != 0, end_round())
    CYCLE(phase == SWEEP && at == OBJECTS && suspects != 0, go_to(RECHECK))
    CYCLE(phase == SWEEP && at == OBJECTS && suspects != 0, begin_parts())
    ON_PART(1) ON_PART(2) ON_PART(3) ON_PART(4) ON_PART(5) ON_PART(6) ON_PART(7)
    CYCLE(phase == PARTS, end_round())
    CYCLE(phase == PARTS, go_to(RECHECK))
    CYCLE(phase == FINALIZE && in_parts, end_parts())
#if BROKEN == SLICED_RECHECK
    CYCLE(phase == RECHECK && at == 0, begin_recheck())
    CYCLE(phase == RECHECK && at != 0, end_recheck(DOOMED, FINALIZE))
#else
    CYCLE(phase == RECHECK, begin_recheck(); end_recheck(DOOMED, FINALIZE))
    CYCLE(phase == RECHECK, begin_recheck(); end_recheck(IN_S, DROP))
#endif
    CYCLE(phase == FINALIZE, search_again(); go_to(CLEAR))
    CYCLE(phase == FINALIZE, search_again(); free_plain(DOOMED); end_doom())
    CYCLE(phase == CLEAR && at < OBJECTS, clear(at))
    CYCLE(phase == CLEAR && at == OBJECTS, end_doom())
#if BROKEN == DROP_RELEASES
    CYCLE(phase == DROP && at < OBJECTS, drop_outside(at); at--; release(at))
#else
    CYCLE(phase == DROP && at < OBJECTS, drop_outside(at))
#endif
    CYCLE(phase == DROP && at == OBJECTS, go_to(RELEASE))
    CYCLE(phase == RELEASE && at < OBJECTS, release(at))
    CYCLE(phase == RELEASE && at == OBJECTS, phase = DONE)
    CYCLE(phase < FINALIZE, abandon())

    ON_OBJECT(0)
    ON_OBJECT(1)
    ON_OBJECT(2)
    ON_FIELD(0)
    ON_FIELD(1)
    ON_FIELD(2)
#if FIELDS > 3
    ON_FIELD(3)
#endif
    PROGRAM(state[0] == YOUNG || state[1] == YOUNG || state[2] == YOUNG, collect_young())
    :: phase == DONE -> break
    od
}
