/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_RETENTION_FIXTURE_H
#define TESTS_INTEGRATION_RETENTION_FIXTURE_H

#include "engine_fixture.h"

/* What tests of retention share: time that goes by, and plans as short texts. */

enum { HOUR = 3600, DAY = 86400, MOST = 64, PATH_SIZE = 500 };

/* So many seconds go by. */
void pass(int64_t seconds);

/* Instead of engine_teardown(): the true time again. */
int retention_teardown(void **state);

/* Change a setting, with the service opened anew. */
void set(engine_fixture *engine, const char *name, const char *value);

/* Nothing happens but what is asked for. */
engine_fixture *quiet_engine(void **state);

void back_up_by(engine_fixture *engine, bs_backup_options *options, char id_out[BS_ID_SIZE]);
/* A full backup of "home" whose rule is to keep the last so many. */
void back_up(engine_fixture *engine, int32_t keep_last, char id_out[BS_ID_SIZE]);

/* Freed by the caller. */
bs_retention_report *plan(engine_fixture *engine);
bs_retention_report *apply(engine_fixture *engine);
const bs_retention_item *item_of(const bs_retention_report *report, const char *id);

/* Newest first, one letter each: keep, mark, wait, remove. */
const char *actions_of(const bs_retention_report *report);
void assert_plan(engine_fixture *engine, const char *actions);
void assert_applied(engine_fixture *engine, const char *actions);

uint64_t count_listed(engine_fixture *engine);

/* Objects of the storage "local". */
void object_path(const engine_fixture *engine, const char *key, char out[PATH_SIZE]);
bool object_exists(const engine_fixture *engine, const char *key);
void write_object(const engine_fixture *engine, const char *key, const char *text);

#endif
