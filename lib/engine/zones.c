/* SPDX-License-Identifier: MIT */
/*
 * Finds time zones by name in the system's database.
 */
#include "engine/zones.h"

#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/slice.h"
#include "engine/words.h"
#include "os/file.h"

enum {
    ZONE_NAME_MAX = 64,
    ZONE_TABLE_MAX = 256 * 1024, /* It has about 20 KiB. */
    ZONE_HINT_CHANGES = 3,       /* A name that differs by more is no hint. */
    ZONE_SHOWN_SIZE = 100,
};

/* The list of the places of the world, and a zone that every database has. */
#define ZONE_TABLE "zone.tab"
#define ZONE_SURE "Etc/UTC"

/* Letters, digits, '_', '+' and '-' in components that are not empty: nothing like "..". */
static bool is_zone_name(const char *name)
{
    const size_t size = strlen(name);
    const size_t plain = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789_+-/");

    return size > 0 && size <= ZONE_NAME_MAX && plain == size && name[0] != '/' &&
           name[size - 1] != '/' && !strstr(name, "//");
}

/* All of a small file, freed by the caller. BS_E_NOT_FOUND also for what is no file. */
static bs_status read_small(int dir, const char *name, size_t max, char **data_out,
                            size_t *size_out)
{
    char *data = NULL;
    size_t size = 0;
    bsi_stat stat;
    int fd = -1;
    bs_status status = bsi_open(dir, name, BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd);

    if (status < 0) {
        return status;
    }
    status = bsi_fstat(fd, &stat);
    if (status >= 0 && stat.type != BSI_TYPE_FILE) {
        status = bsi_fail(BS_LAYER_SYSTEM, BS_E_NOT_FOUND, "'%s' is no file", name);
    }
    if (status >= 0 && stat.size > max) {
        status = bsi_fail(BS_LAYER_SYSTEM, BS_E_LIMIT, "'%s' has more than %zu bytes", name, max);
    }
    if (status < 0) {
        goto out;
    }
    data = bsi_alloc(max);
    if (!data) {
        status = BS_E_NOMEM;
        goto out;
    }
    status = bsi_read(fd, data, max, &size);
    if (status < 0) {
        goto out;
    }
    *data_out = data;
    *size_out = size;
    data = NULL;

out:
    bsi_close_quietly(fd);
    bsi_free(data);
    return status;
}

/* --- The nearest name --- */

/* The third column of a line of zone.tab; empty when there is none. */
static bsi_slice name_of_line(const char *line, const char *end)
{
    bsi_slice name = {end, 0};

    for (int column = 0; column < 2; column++) {
        const char *tab = memchr(line, '\t', (size_t)(end - line));
        if (line == end || *line == '#' || !tab) {
            return name;
        }
        line = tab + 1;
    }
    name.data = line;
    while (line < end && *line != '\t') {
        line++;
    }
    name.size = (size_t)(line - name.data);
    return name;
}

static bsi_slice lowered(bsi_slice name, char out[ZONE_NAME_MAX])
{
    for (size_t i = 0; i < name.size; i++) {
        out[i] = bsi_lower(name.data[i]);
    }
    return (bsi_slice){out, name.size};
}

/* How many changes make one of the other; none when only the place is named, as in "berlin". */
static size_t distance_to(bsi_slice name, bsi_slice zone)
{
    char name_bytes[ZONE_NAME_MAX];
    char zone_bytes[ZONE_NAME_MAX];
    const char *place = NULL;

    name = lowered(name, name_bytes);
    zone = lowered(zone, zone_bytes);
    place = memrchr(zone.data, '/', zone.size);
    if (place && bsi_slice_equal(
                     name, (bsi_slice){place + 1, zone.size - (size_t)(place + 1 - zone.data)})) {
        return 0;
    }
    return bsi_word_distance(name.data, name.size, zone.data, zone.size);
}

/* Copies the nearest name to `out`; "" when none is near or there is no list. */
static void find_hint(int dir, const char *name, char out[ZONE_NAME_MAX + 1])
{
    char *table = NULL;
    size_t size = 0;
    size_t best = ZONE_HINT_CHANGES + 1;
    const char *end = NULL;

    out[0] = '\0';
    if (read_small(dir, ZONE_TABLE, ZONE_TABLE_MAX, &table, &size) < 0) {
        return;
    }
    end = table + size;
    for (const char *line = table; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline ? newline : end;
        const bsi_slice zone = name_of_line(line, line_end);
        const size_t distance = zone.size > 0 && zone.size <= ZONE_NAME_MAX
                                    ? distance_to(bsi_slice_of(name), zone)
                                    : SIZE_MAX;
        if (distance < best) {
            best = distance;
            memcpy(out, zone.data, zone.size);
            out[zone.size] = '\0';
        }
        line = newline ? newline + 1 : end;
    }
    bsi_free(table);
}

/* --- Loading --- */

static bs_status unknown_zone(int dir, const char *name)
{
    char hint[ZONE_NAME_MAX + 1];

    find_hint(dir, name, hint);
    if (hint[0] != '\0') {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "there is no time zone '%s'; is '%s' meant?",
                        name, hint);
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "there is no time zone '%s'; a time zone is called as Europe/Berlin or UTC",
                    name);
}

static bs_status load_utc(bsi_timezone **out)
{
    return bsi_timezone_from_rule("UTC0", 4, out);
}

static bs_status load_from(int dir, const char *name, bsi_timezone **out)
{
    char *data = NULL;
    size_t size = 0;
    bsi_stat stat;
    bs_status status = read_small(dir, name, BSI_TIMEZONE_FILE_MAX, &data, &size);

    if (status == BS_E_NOT_FOUND) {
        if (bsi_stat_at(dir, ZONE_SURE, &stat) == BS_E_NOT_FOUND) {
            status = load_utc(out); /* The folder is no database. */
            return status < 0 ? status : BS_PARTIAL;
        }
        return unknown_zone(dir, name);
    }
    if (status >= 0) {
        status = bsi_timezone_parse(data, size, out);
    }
    bsi_free(data);
    return status < 0 ? bsi_fail_context(BS_LAYER_SYSTEM, status, "time zone '%s'", name) : BS_OK;
}

bs_status bsi_zone_load(const char *folder, const char *name, bsi_timezone **out)
{
    char shown[ZONE_SHOWN_SIZE];
    int dir = -1;
    bs_status status = BS_OK;

    if (!is_zone_name(name)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "'%s' is not the name of a time zone, such as Europe/Berlin or UTC",
                        bsi_printable(name, strlen(name), shown, sizeof(shown)));
    }
    if (strcmp(name, "UTC") == 0) {
        return load_utc(out);
    }
    status = bsi_open(BSI_CWD, folder, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &dir);
    if (status == BS_E_NOT_FOUND) {
        status = load_utc(out);
        return status < 0 ? status : BS_PARTIAL;
    }
    if (status < 0) {
        return status;
    }
    status = load_from(dir, name, out);
    bsi_close_quietly(dir);
    return status;
}
