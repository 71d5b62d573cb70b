/* SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/file.h"
#include "support/test.h"
#include "support/tree.h"

static void count_line(bs_log_level level, const char *module, const char *message, void *user)
{
    engine_fixture *self = user;

    (void)level;
    (void)module;
    (void)message;
    __atomic_add_fetch(&self->log_lines, 1, __ATOMIC_RELAXED);
}

void engine_open(engine_fixture *engine)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;

    options.state_path = engine->state;
    options.config = engine->config;
    options.log = count_line;
    options.log_user = engine;
    assert_ok(bs_service_open(&options, &engine->service));
}

void engine_close(engine_fixture *engine)
{
    bs_service_close(engine->service);
    engine->service = NULL;
}

int engine_setup(void **state)
{
    engine_fixture *self = calloc(1, sizeof(*self));
    void *dir = NULL;

    test_dir_in_memory();
    if (!self || test_dir_setup(&dir) != 0) {
        return -1;
    }
    self->dir = dir;
    (void)snprintf(self->state, sizeof(self->state), "%s/state", self->dir->path);
    (void)snprintf(self->source, sizeof(self->source), "%s/source", self->dir->path);
    (void)snprintf(self->target, sizeof(self->target), "%s/target", self->dir->path);
    self->paths[0] = self->source;
    *state = self;
    engine_open(self);
    return 0;
}

int engine_teardown(void **state)
{
    engine_fixture *self = *state;
    void *dir = self->dir;
    int result = 0;

    bs_service_close(self->service);
    bs_config_free(self->config);
    tree_remove(self->source);
    tree_remove(self->target);
    result = test_dir_teardown(&dir);
    free(self);
    return result;
}

bs_backup_options engine_options(const engine_fixture *engine, const char *name)
{
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;

    options.name = name;
    options.source_paths = engine->paths;
    return options;
}

void engine_backup(engine_fixture *engine, const bs_backup_options *options, bs_status expected,
                   char id_out[BS_ID_SIZE])
{
    assert_ok(bs_backup_start(engine->service, options, id_out));
    assert_status(bs_backup_wait(engine->service, id_out, BS_FOREVER), expected);
}

bs_backup_info *engine_get(engine_fixture *engine, const char *id)
{
    bs_backup_info *info = NULL;

    assert_ok(bs_backup_get(engine->service, id, &info));
    return info;
}

void engine_restore(engine_fixture *engine, const char *id)
{
    bs_restore_options options = BS_RESTORE_OPTIONS_INIT;
    char restore_id[BS_ID_SIZE];

    tree_remove(engine->target);
    options.backup_id = id;
    options.restore_path = engine->target;
    options.privileged = true;
    options.strip_source = true;
    assert_ok(bs_restore_start(engine->service, &options, restore_id));
    assert_true(bs_restore_wait(engine->service, restore_id, BS_FOREVER) >= 0);
}

int engine_slow_source(void *user, void *buf, size_t size, size_t *got_out)
{
    engine_gate *gate = user;

    __atomic_store_n(&gate->entered, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&gate->open, __ATOMIC_SEQ_CST)) {
        *got_out = 0;
        return 0;
    }
    memset(buf, 'x', size);
    *got_out = size < 1024 ? size : 1024;
    return 0;
}
