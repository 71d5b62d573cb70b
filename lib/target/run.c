/* SPDX-License-Identifier: MIT */
/*
 * Which temporary files are whose. Every run keeps a mark in the root, an empty
 * file under the first of its temporary names, and a lock on it. A mark that
 * can be locked belongs to a run that died; only such a run's files are swept.
 */
#include <inttypes.h>
#include <stdio.h>

#include "os/random.h"
#include "target/state.h"

enum {
    PREFIX_SIZE = 5,
    DIGITS = 8,
    MARK_TRIES = 8,
};

static void format_name(uint32_t run, uint32_t number, char out[BSI_TEMP_NAME_SIZE])
{
    (void)snprintf(out, BSI_TEMP_NAME_SIZE, ".bsr-%08" PRIx32 "%08" PRIx32, run, number);
}

void bsi_target_temp_name(bsi_target *target, char out[BSI_TEMP_NAME_SIZE])
{
    target->next_temp++;
    if (target->next_temp == 0) {
        target->next_temp = 1;
    }
    format_name(target->run, target->next_temp, out);
}

void bsi_target_discard(bsi_target *target, int dir, const char *temp)
{
    bs_error error;

    bsi_error_save(&error);
    if (bsi_unlink(dir, temp) < 0) {
        atomic_store(&target->leftovers, true);
        bsi_error_restore(&error);
    }
}

/* Lower-case hexadecimal digits, as we write them, at most 8. Returns how many there are. */
static size_t parse_digits(const char *text, uint32_t *out)
{
    uint32_t value = 0;
    size_t count = 0;

    for (; count < DIGITS; count++) {
        const char digit = text[count];
        if (digit >= '0' && digit <= '9') {
            value = value << 4 | (uint32_t)(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            value = value << 4 | (uint32_t)(digit - 'a' + 10);
        } else {
            break;
        }
    }
    *out = value;
    return count;
}

static bool parse_name(const char *name, uint32_t *run_out, uint32_t *number_out)
{
    return strncmp(name, ".bsr-", PREFIX_SIZE) == 0 && strlen(name) == BSI_TEMP_NAME_SIZE - 1 &&
           parse_digits(name + PREFIX_SIZE, run_out) == DIGITS &&
           parse_digits(name + PREFIX_SIZE + DIGITS, number_out) == DIGITS;
}

static bool is_dead(const bsi_target *target, uint32_t run)
{
    for (size_t i = 0; i < target->dead_count; i++) {
        if (target->dead_runs[i] == run) {
            return true;
        }
    }
    return false;
}

static bs_status make_mark(bsi_target *target)
{
    char name[BSI_TEMP_NAME_SIZE];
    bs_status status = BS_OK;

    for (int i = 0; i < MARK_TRIES; i++) {
        format_name(target->run, 0, name);
        status = bsi_open(target->root, name,
                          BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_EXCLUSIVE | BSI_OPEN_NOFOLLOW,
                          0600, &target->mark);
        if (status != BS_E_EXISTS || bsi_random(&target->run, sizeof(target->run)) < 0) {
            break;
        }
    }
    return status;
}

/* Take over the mark of a run, if that is dead and was ours. */
static void try_dead_mark(bsi_target *target, const char *name, uint32_t run)
{
    bsi_stat info;
    int fd = -1;

    if (target->dead_count == BSI_TARGET_DEAD_RUNS) {
        return;
    }
    if (bsi_open(target->root, name, BSI_OPEN_WRITE | BSI_OPEN_NOFOLLOW | BSI_OPEN_NONBLOCK, 0,
                 &fd) < 0) {
        return;
    }
    if (bsi_fstat(fd, &info) < 0 || info.type != BSI_TYPE_FILE || info.uid != target->uid ||
        bsi_lock_exclusive(fd) < 0) {
        bsi_close_quietly(fd);
        return;
    }
    target->dead_runs[target->dead_count] = run;
    target->dead_marks[target->dead_count] = fd;
    target->dead_count++;
}

/* Call `visit` for every temporary name in a directory; what it cannot list it leaves alone. */
static bs_status for_each_temp(bsi_target *target, int dir,
                               void (*visit)(bsi_target *target, int dir, const char *name,
                                             uint32_t run, uint32_t number))
{
    bsi_dir *list = NULL;
    bsi_dir_entry item;
    bs_status status = bsi_dir_open(dir, &list);

    if (status == BS_E_ACCESS) {
        return BS_OK;
    }
    if (status < 0) {
        return status;
    }
    for (;;) {
        uint32_t run = 0;
        uint32_t number = 0;

        status = bsi_dir_next(list, &item);
        if (status != BS_OK) {
            break;
        }
        if (parse_name(item.name, &run, &number)) {
            visit(target, dir, item.name, run, number);
        }
    }
    bsi_dir_close(list);
    return status < 0 ? status : BS_OK;
}

static void visit_mark(bsi_target *target, int dir, const char *name, uint32_t run, uint32_t number)
{
    (void)dir;
    if (number == 0 && run != target->run) {
        try_dead_mark(target, name, run);
    }
}

static void visit_temp(bsi_target *target, int dir, const char *name, uint32_t run, uint32_t number)
{
    bsi_stat info;

    if (number != 0 && is_dead(target, run) && bsi_stat_at(dir, name, &info) == BS_OK &&
        info.type != BSI_TYPE_DIR && info.uid == target->uid) {
        bsi_target_discard(target, dir, name);
    }
}

bs_status bsi_target_sweep_fd(bsi_target *target, int dir)
{
    if (target->dead_count == 0) {
        return BS_OK;
    }
    return for_each_temp(target, dir, visit_temp);
}

bs_status bsi_target_mark(bsi_target *target)
{
    uint32_t given = 0;
    bsi_stat info;

    BSI_TRY(bsi_random(&target->next_temp, sizeof(target->next_temp)));
    BSI_TRY(bsi_random(&target->run, sizeof(target->run)));
    if (target->options.short_id && parse_digits(target->options.short_id, &given) > 0) {
        target->run = given;
    }
    BSI_TRY(make_mark(target));
    /* Somebody may take it for dead before it is locked. Without locks nobody can sweep. */
    if (bsi_lock_exclusive(target->mark) == BS_E_BUSY) {
        return BS_E_BUSY;
    }
    BSI_TRY(bsi_fstat(target->mark, &info));
    target->uid = info.uid;
    BSI_TRY(for_each_temp(target, target->root, visit_mark));
    return bsi_target_sweep_fd(target, target->root);
}

static void drop_mark(bsi_target *target, int mark, uint32_t run)
{
    char name[BSI_TEMP_NAME_SIZE];

    if (mark >= 0 && !atomic_load(&target->leftovers)) {
        format_name(run, 0, name);
        bsi_target_discard(target, target->root, name);
    }
    bsi_close_quietly(mark);
}

void bsi_target_unmark(bsi_target *target)
{
    for (size_t i = 0; i < target->dead_count; i++) {
        drop_mark(target, target->dead_marks[i], target->dead_runs[i]);
    }
    target->dead_count = 0;
    drop_mark(target, target->mark, target->run);
    target->mark = -1;
}
