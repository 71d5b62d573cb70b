/* SPDX-License-Identifier: MIT */
/*
 * Writes log lines to a file, renames it when it is full, removes old ones.
 */
#include "engine/log_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "engine/paths.h"
#include "os/file.h"
#include "os/thread.h"
#include "os/time.h"
#include "text/rfc3339.h"

enum {
    LINE_SIZE = 1400,
    NAME_SIZE = 300,
    STAMP_SIZE = 16, /* "20261123T061000Z" */
    SAME_SECOND_MAX = 99,
    DAY_SEC = 24 * 60 * 60,
};

struct bs_log_file {
    bs_log_level level; /* This and what follows does not change. */
    uint64_t max_size;
    int64_t keep_sec; /* 0: renamed files stay. */
    bs_log_cb trouble;
    void *trouble_user;
    char *name; /* Of the file in its directory. */
    int dir_fd;

    bsi_mutex lock; /* Guards what follows, and is held while a line is written. */
    int fd;
    bool in_trouble;
};

bs_log_level bsi_config_log_level(const bs_config *config)
{
    static const bs_log_level levels[] = {BS_LOG_DEBUG, BS_LOG_INFO, BS_LOG_WARNING, BS_LOG_ERROR,
                                          BS_LOG_ERROR};

    return levels[bsi_config_number(config, BSI_CONFIG_LOG_LEVEL)];
}

/* --- Old files --- */

/* "20261123T061000Z" as the text that others parse. */
static bool parse_stamp(const char *stamp, int64_t *sec_out)
{
    char text[BSI_RFC3339_SIZE];

    if (strlen(stamp) < STAMP_SIZE) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", stamp, stamp + 4,
                   stamp + 6, stamp + 9, stamp + 11, stamp + 13);
    return stamp[8] == 'T' && stamp[15] == 'Z' && (stamp[16] == '\0' || stamp[16] == '-') &&
           bsi_rfc3339_parse(text, strlen(text), sec_out, NULL) == BS_OK;
}

static bool is_old(const bs_log_file *file, const char *name, int64_t now)
{
    const size_t size = strlen(file->name);
    int64_t sec = 0;

    return strncmp(name, file->name, size) == 0 && name[size] == '.' &&
           parse_stamp(name + size + 1, &sec) && now - sec > file->keep_sec;
}

/* What cannot be removed is tried again when the next file is full. */
static void remove_old(const bs_log_file *file)
{
    const int64_t now = bsi_now().sec;
    bsi_dir_entry entry;
    bsi_dir *dir = NULL;

    if (file->keep_sec == 0 || bsi_dir_open(file->dir_fd, &dir) < 0) {
        return;
    }
    while (bsi_dir_next(dir, &entry) == BS_OK) {
        if (is_old(file, entry.name, now) && bsi_unlink(file->dir_fd, entry.name) < 0) {
            break;
        }
    }
    bsi_dir_close(dir);
}

/* --- The present file --- */

static bs_status open_file(bs_log_file *file)
{
    bsi_stat stat;
    int fd = -1;
    bs_status status =
        bsi_open(file->dir_fd, file->name,
                 BSI_OPEN_WRITE | BSI_OPEN_APPEND | BSI_OPEN_CREATE | BSI_OPEN_NONBLOCK, 0600, &fd);

    if (status >= 0) {
        status = bsi_fstat(fd, &stat);
    }
    if (status >= 0 && stat.type != BSI_TYPE_FILE) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' is no regular file", file->name);
    }
    if (status < 0) {
        bsi_close_quietly(fd);
        return status;
    }
    file->fd = fd;
    return BS_OK;
}

/* Under a name with the time; another process may have been faster. */
static bs_status rename_full(const bs_log_file *file)
{
    char stamp[BSI_RFC3339_SIZE];
    char to[NAME_SIZE];
    bs_status status = BS_E_EXISTS;

    BSI_TRY(bsi_rfc3339_format(bsi_now().sec, 0, false, stamp));
    for (unsigned i = 1; i <= SAME_SECOND_MAX && status == BS_E_EXISTS; i++) {
        char more[8] = "";
        if (i > 1) {
            (void)snprintf(more, sizeof(more), "-%u", i);
        }
        (void)snprintf(to, sizeof(to), "%s.%.4s%.2s%.2sT%.2s%.2s%.2sZ%s", file->name, stamp,
                       stamp + 5, stamp + 8, stamp + 11, stamp + 14, stamp + 17, more);
        status = bsi_rename(file->dir_fd, file->name, file->dir_fd, to, true);
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

/* Open the file that has the name, unless it is open already; its size. */
static bs_status open_named(bs_log_file *file, uint64_t *size_out)
{
    bsi_stat named;
    bsi_stat opened = {.size = 0};
    bs_status status = bsi_stat_at(file->dir_fd, file->name, &named);

    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    if (file->fd >= 0) {
        BSI_TRY(bsi_fstat(file->fd, &opened));
    }
    if (file->fd < 0 || status < 0 || named.ino != opened.ino || named.dev != opened.dev) {
        bsi_close_quietly(file->fd);
        file->fd = -1;
        BSI_TRY(open_file(file));
        BSI_TRY(bsi_fstat(file->fd, &opened));
    }
    *size_out = opened.size;
    return BS_OK;
}

/*
 * Have room for `size` more bytes: a file that is full is renamed. Others may
 * rename it as fast as we open it; then the line stands in one that has another name.
 */
static bs_status have_room(bs_log_file *file, size_t size)
{
    uint64_t used = 0;

    BSI_TRY(open_named(file, &used));
    if (used == 0 || used + size <= file->max_size) {
        return BS_OK;
    }
    BSI_TRY(rename_full(file));
    remove_old(file);
    return open_named(file, &used);
}

/* Half a line of `size` bytes that came behind `before` goes again; nobody is told when it stays.
 */
static void take_back(const bs_log_file *file, uint64_t before, size_t size)
{
    bsi_stat after;
    bs_status status = bsi_fstat(file->fd, &after);

    if (status >= 0 && after.size > before && after.size < before + size) {
        status = bsi_truncate(file->fd, before);
    }
    (void)status;
}

static bs_status write_line(const bs_log_file *file, const char *line, size_t size)
{
    bsi_stat before;
    bs_error error;
    bs_status status = BS_OK;

    BSI_TRY(bsi_fstat(file->fd, &before));
    status = bsi_write(file->fd, line, size);
    if (status < 0) {
        bsi_error_save(&error);
        take_back(file, before.size, size);
        bsi_error_restore(&error);
    }
    return status;
}

static size_t format_line(bs_log_level level, const char *module, const char *message,
                          char out[LINE_SIZE])
{
    static const char *const levels[] = {"ERROR", "WARNING", "INFO", "DEBUG"};
    const bsi_time now = bsi_now();
    char time[BSI_RFC3339_SIZE] = "";
    char clean[LINE_SIZE - 256];
    int size = 0;

    if (bsi_rfc3339_format(now.sec, 0, false, time) < 0) {
        time[0] = '\0';
    }
    bsi_printable(message, strlen(message), clean, sizeof(clean));
    size = snprintf(out, LINE_SIZE, "%.19s.%03dZ %s [%" PRId64 "] %.64s: %s\n", time,
                    (int)(now.nsec / 1000000), levels[level], (int64_t)getpid(), module, clean);
    return size > 0 && size < LINE_SIZE ? (size_t)size : 0;
}

static bs_status write_locked(bs_log_file *file, const char *line, size_t size)
{
    BSI_TRY(have_room(file, size));
    return write_line(file, line, size);
}

void bsi_log_file_write(bs_log_file *file, bs_log_level level, const char *module,
                        const char *message)
{
    char line[LINE_SIZE];
    char trouble[BS_ERROR_MESSAGE_SIZE];
    bs_error error;
    bool tell = false;
    bs_status status = BS_OK;
    size_t size = 0;

    if (level > file->level) {
        return;
    }
    bsi_error_save(&error);
    size = format_line(level, module, message, line);
    bsi_mutex_lock(&file->lock);
    status = write_locked(file, line, size);
    tell = status < 0 && !file->in_trouble;
    file->in_trouble = status < 0;
    bsi_mutex_unlock(&file->lock);
    if (tell && file->trouble) {
        (void)snprintf(trouble, sizeof(trouble), "the log file '%.200s' cannot be written: %.700s",
                       file->name, bs_error_last()->message);
        file->trouble(BS_LOG_ERROR, "log", trouble, file->trouble_user);
    }
    bsi_error_restore(&error);
}

/* --- Life --- */

/* Cuts `path` in two: its directory, which is made, and the name in it. */
static bs_status open_dir(bs_log_file *file, char *path)
{
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dir = slash == path ? "/" : path;

    if (!bsi_path_is_name(name)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "LOG_FILE: takes the path of a file, or - for standard error, not '%s'",
                        path);
    }
    file->name = bsi_strdup(name);
    if (!file->name) {
        return BS_E_NOMEM;
    }
    if (slash) {
        *slash = '\0';
        BSI_TRY(bsi_mkdir_all(BSI_CWD, dir, 0700));
    }
    return bsi_open(BSI_CWD, slash ? dir : ".", BSI_OPEN_READ | BSI_OPEN_DIR, 0, &file->dir_fd);
}

static bs_status open_parts(const bs_config *config, bs_log_file *file)
{
    const char *setting = bsi_config_text(config, BSI_CONFIG_LOG_FILE);
    char *path = NULL;
    bs_status status = BS_OK;

    if (strcmp(setting, "-") == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "LOG_FILE: '-' is no file");
    }
    path = bsi_strdup(setting);
    status = path ? open_dir(file, path) : BS_E_NOMEM;
    if (status >= 0) {
        status = open_file(file);
    }
    bsi_free(path);
    if (status >= 0) {
        remove_old(file);
    }
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "the log file '%s'", setting)
                      : BS_OK;
}

bs_status bsi_log_file_open(const bs_config *config, bs_log_cb trouble, void *user,
                            bs_log_file **out)
{
    bs_log_file *file = bsi_calloc(1, sizeof(*file));
    bs_status status = BS_OK;

    if (!file) {
        return BS_E_NOMEM;
    }
    file->level = bsi_config_log_level(config);
    file->max_size = (uint64_t)bsi_config_number(config, BSI_CONFIG_MAX_LOG_SIZE);
    file->keep_sec = bsi_config_number(config, BSI_CONFIG_LOG_RETENTION_DAYS) * DAY_SEC;
    file->trouble = trouble;
    file->trouble_user = user;
    file->dir_fd = -1;
    file->fd = -1;
    bsi_mutex_init(&file->lock);
    status = open_parts(config, file);
    if (status < 0) {
        bsi_log_file_close(file);
        return status;
    }
    *out = file;
    return BS_OK;
}

void bsi_log_file_close(bs_log_file *file)
{
    if (file) {
        bsi_close_quietly(file->fd);
        bsi_close_quietly(file->dir_fd);
        bsi_mutex_dispose(&file->lock);
        bsi_free(file->name);
        bsi_free(file);
    }
}
