/* SPDX-License-Identifier: MIT */

/* The lines that call frames are of, read from the debug information by elfutils' libdw.
 *
 * libdw is no dependency: only its headers are needed to build this, and it is loaded when a report
 * asks for lines, and unloaded after that. Where it is not to be had, and for code without debug
 * information, frames keep the names that the dynamic linker knows. */

#define _DEFAULT_SOURCE /* NOLINT(bugprone-reserved-identifier): the system's own switch */

#include "lines.h"

#include <inttypes.h>

/* Build option: there are headers of libdw. */
#ifndef OURO_LINES
#define OURO_LINES 0
#endif

/* What is known of a frame. */
struct answer {
    const void *frame;
    const char *file; /* NULL: not known */
    unsigned line;
    const char *name; /* of the function, or of a symbol that is `offset` before; NULL: not known */
    uint64_t offset;
    bool is_ours; /* a function of ouro.h that is not inlined: nothing of the program */
};
static const struct answer nothing;

#if OURO_LINES
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>

/* What is used of libdw. */
/* clang-format off */
#define FUNCTIONS(use) \
    use(dwarf_attr) use(dwarf_attr_integrate) use(dwarf_child) use(dwarf_decl_file) \
    use(dwarf_diename) use(dwarf_filesrc) use(dwarf_formstring) use(dwarf_formudata) \
    use(dwarf_getfuncs) use(dwarf_getsrc_die) use(dwarf_getsrcfiles) use(dwarf_haspc) \
    use(dwarf_lineno) use(dwarf_linesrc) use(dwarf_siblingof) use(dwarf_tag) \
    use(dwfl_addrmodule) use(dwfl_begin) use(dwfl_build_id_find_debuginfo) use(dwfl_end) \
    use(dwfl_linux_proc_find_elf) use(dwfl_linux_proc_maps_report) use(dwfl_module_addrdie) \
    use(dwfl_module_addrinfo) use(dwfl_module_nextcu) use(dwfl_report_end)
#define DECLARE(name) __typeof__(name) *name;
#define LOAD(name)    && load(lines, #name, &lines->name)
/* clang-format on */

enum { RECENT_ANSWERS = 4096 };

struct gci_lines {
    void *library;
    Dwfl *dwfl;
    Dwfl_Callbacks callbacks; /* which dwfl keeps a pointer to */
    FUNCTIONS(DECLARE)
    struct answer recent[RECENT_ANSWERS]; /* tracebacks have most of their frames in common */
};

/* An address in its module, and in the debug information of the unit of compilation. */
struct place {
    Dwfl_Module *module;
    Dwarf_Die *unit; /* NULL: not known */
    Dwarf_Addr address, unit_address;
};

static bool load(const struct gci_lines *lines, const char *name, void *function)
{
    void *symbol = dlsym(lines->library, name);
    memcpy(function, &symbol, sizeof(symbol)); /* C has no conversion to a pointer to code */
    return symbol != NULL;
}

/* Let libdw know what this process has mapped. */
static bool read_maps(struct gci_lines *lines)
{
    lines->callbacks = (Dwfl_Callbacks){
        .find_elf = lines->dwfl_linux_proc_find_elf,
        /* dwfl_standard_find_debuginfo ends at the debuginfod servers, and loads and unloads half a
         * web browser to ask them. */
        .find_debuginfo = lines->dwfl_build_id_find_debuginfo,
    };
    lines->dwfl = lines->dwfl_begin(&lines->callbacks);
    FILE *maps = lines->dwfl == NULL ? NULL : gci_sys_open_file("/proc/self/maps");
    if (maps == NULL) {
        return false;
    }
    bool done = lines->dwfl_linux_proc_maps_report(lines->dwfl, maps) == 0 &&
                lines->dwfl_report_end(lines->dwfl, NULL, NULL) == 0;
    (void)fclose(maps);
    return done;
}

bool gci_lines_open(struct gci_lines **result)
{
    struct gci_lines *lines = *result = malloc(sizeof(*lines));
    if (lines == NULL) {
        return false;
    }
    memset(lines, 0, sizeof(*lines));
    lines->library = dlopen("libdw.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (lines->library == NULL || !(true FUNCTIONS(LOAD)) || !read_maps(lines)) {
        gci_lines_close(lines);
        *result = NULL;
    }
    return true;
}

void gci_lines_close(struct gci_lines *lines)
{
    if (lines != NULL && lines->dwfl != NULL) {
        lines->dwfl_end(lines->dwfl);
    }
    if (lines != NULL && lines->library != NULL) {
        (void)dlclose(lines->library);
    }
    free(lines);
}

static bool is_in_unit(const struct gci_lines *lines, const struct place *place)
{
    return place->unit != NULL && lines->dwarf_haspc(place->unit, place->unit_address) == 1;
}

static struct place place_of(const struct gci_lines *lines, const void *frame)
{
    /* What is returned to may be of the next line already. */
    struct place place = { .address = (uintptr_t)frame - 1 };
    Dwarf_Addr bias = 0;
    place.module = lines->dwfl_addrmodule(lines->dwfl, place.address);
    if (place.module == NULL) {
        return place;
    }
    place.unit = lines->dwfl_module_addrdie(place.module, place.address, &bias);
    place.unit_address = place.address - bias;
    if (!is_in_unit(lines, &place)) {
        /* The index of addresses names a neighbour when the right unit is not in it: clang makes
         * no index, and a module may have units of several compilers. */
        place.unit = NULL;
        do {
            place.unit = lines->dwfl_module_nextcu(place.module, place.unit, &bias);
            place.unit_address = place.address - bias;
        } while (place.unit != NULL && !is_in_unit(lines, &place));
    }
    return place;
}

/* The name of a file as the compiler was given it, which is what __FILE__ says: debug information
 * often has the folder in front that the compiler was run in. */
static const char *name_as_given(const struct gci_lines *lines, Dwarf_Die *unit, const char *file)
{
    Dwarf_Attribute attribute;
    const char *unit_name = lines->dwarf_diename(unit);
    const char *folder =
        lines->dwarf_formstring(lines->dwarf_attr(unit, DW_AT_comp_dir, &attribute));
    size_t length = folder == NULL ? 0 : strlen(folder);
    bool is_added = length > 0 && unit_name != NULL && *unit_name != '/' &&
                    strncmp(file, folder, length) == 0 && file[length] == '/';
    return is_added ? file + length + 1 : file;
}

static void find_line(const struct gci_lines *lines, const struct place *place,
                      struct answer *answer)
{
    Dwarf_Line *line = lines->dwarf_getsrc_die(place->unit, place->unit_address);
    const char *file = line == NULL ? NULL : lines->dwarf_linesrc(line, NULL, NULL);
    int number = 0;
    if (file != NULL && lines->dwarf_lineno(line, &number) == 0 && number > 0) {
        answer->file = name_as_given(lines, place->unit, file);
        answer->line = (unsigned)number; /* 0: code that the compiler has made up */
    }
}

static bool is_header(const char *file)
{
    const char *slash = file == NULL ? NULL : strrchr(file, '/');
    return file != NULL && strcmp(slash == NULL ? file : slash + 1, "ouro.h") == 0;
}

/* A number that is an attribute of a scope; 0: it has none. */
static Dwarf_Word number_of(const struct gci_lines *lines, Dwarf_Die *scope, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number = 0;
    (void)lines->dwarf_formudata(lines->dwarf_attr(scope, name, &attribute), &number);
    return number;
}

/* The line of the call that a scope is inlined for. */
static void find_call(const struct gci_lines *lines, const struct place *place, Dwarf_Die *scope,
                      struct answer *answer)
{
    Dwarf_Files *files;
    size_t count;
    const char *file = NULL;
    if (lines->dwarf_getsrcfiles(place->unit, &files, &count) == 0) {
        file = lines->dwarf_filesrc(files, (size_t)number_of(lines, scope, DW_AT_call_file), NULL,
                                    NULL);
    }
    answer->line = (unsigned)number_of(lines, scope, DW_AT_call_line);
    answer->file =
        file == NULL || answer->line == 0 ? NULL : name_as_given(lines, place->unit, file);
}

/* The function that has an address, inlined ones in it. */
struct search {
    const struct gci_lines *lines;
    Dwarf_Addr address;
    Dwarf_Die function;
    bool is_found;
};

static int try_function(Dwarf_Die *function, void *arg)
{
    struct search *search = arg;
    search->is_found = search->lines->dwarf_haspc(function, search->address) == 1;
    search->function = *function;
    return search->is_found ? DWARF_CB_ABORT : DWARF_CB_OK;
}

/* Go on to the scope inside of one that has an address. Returns whether there is one. */
static bool enter_scope(const struct gci_lines *lines, Dwarf_Addr address, Dwarf_Die *scope)
{
    int end = lines->dwarf_child(scope, scope);
    while (end == 0 && lines->dwarf_haspc(scope, address) != 1) {
        end = lines->dwarf_siblingof(scope, scope);
    }
    return end == 0;
}

/* The function is an inlined one, if the code is. What is inlined of ouro.h is passed over, with all
 * that is inside of it: the line is that of its call. Little debug information (-g1) does not say
 * where functions come from; then this is the outermost inlined function. */
static void find_function(const struct gci_lines *lines, const struct place *place,
                          struct answer *answer)
{
    struct search search = { .lines = lines, .address = place->unit_address };
    bool is_line_ours = is_header(answer->file);
    (void)lines->dwarf_getfuncs(place->unit, try_function, &search, 0);
    Dwarf_Die scope = search.function;
    for (bool more = search.is_found; more; more = enter_scope(lines, search.address, &scope)) {
        int tag = lines->dwarf_tag(&scope);
        Dwarf_Attribute attribute;
        bool is_known = lines->dwarf_attr_integrate(&scope, DW_AT_decl_file, &attribute) != NULL;
        bool is_ours = is_known ? is_header(lines->dwarf_decl_file(&scope)) : is_line_ours;
        if (tag == DW_TAG_inlined_subroutine && is_ours) {
            find_call(lines, place, &scope, answer);
            return;
        }
        if (tag == DW_TAG_inlined_subroutine || tag == DW_TAG_subprogram) {
            answer->name = lines->dwarf_diename(&scope);
            answer->is_ours = is_known && is_ours;
        }
    }
    if (is_line_ours && !answer->is_ours) {
        answer->file = NULL; /* inlined, but it is not said where */
    }
}

static struct answer look_up(const struct gci_lines *lines, const void *frame)
{
    struct answer answer = { .frame = frame };
    struct place place = place_of(lines, frame);
    GElf_Sym symbol;
    if (place.unit != NULL) {
        find_line(lines, &place, &answer);
    }
    if (answer.file != NULL) {
        find_function(lines, &place, &answer);
    }
    if ((answer.file == NULL || answer.name == NULL) && place.module != NULL) {
        /* Static functions are symbols, too. */
        answer.name = lines->dwfl_module_addrinfo(place.module, place.address, &answer.offset,
                                                  &symbol, NULL, NULL, NULL);
    }
    return answer;
}

static const struct answer *ask(struct gci_lines *lines, const void *frame)
{
    if (lines == NULL) {
        return &nothing;
    }
    uint64_t hash = (uint64_t)(uintptr_t)frame * 0x9E3779B97F4A7C15u >> 32;
    struct answer *answer = &lines->recent[hash % RECENT_ANSWERS];
    if (answer->frame != frame) {
        *answer = look_up(lines, frame);
    }
    return answer;
}

#else
bool gci_lines_open(struct gci_lines **result)
{
    *result = NULL;
    return true;
}

void gci_lines_close(struct gci_lines *lines)
{
    (void)lines;
}

static const struct answer *ask(struct gci_lines *lines, const void *frame)
{
    (void)lines;
    (void)frame;
    return &nothing;
}
#endif

bool gci_lines_is_ours(struct gci_lines *lines, const void *frame)
{
    return ask(lines, frame)->is_ours;
}

bool gci_lines_find(struct gci_lines *lines, const void *frame, const char **file, unsigned *line)
{
    const struct answer *answer = ask(lines, frame);
    if (answer->file == NULL) {
        return false;
    }
    *file = answer->file;
    *line = answer->line;
    return true;
}

void gci_lines_name(struct gci_lines *lines, void *frame, char *buffer, size_t size)
{
    const struct answer *answer = ask(lines, frame);
    const char *name = answer->name == NULL ? "" : answer->name;
    int length = (int)strcspn(name, "@"); /* the version of a symbol is behind that */
    if (answer->file != NULL) {
        (void)snprintf(buffer, size, "%s:%u (%.*s)", answer->file, answer->line, length, name);
    } else if (length > 0) {
        (void)snprintf(buffer, size, "%.*s+0x%" PRIx64, length, name, answer->offset + 1);
    } else {
        gci_sys_frame_name(frame, buffer, size);
    }
}
