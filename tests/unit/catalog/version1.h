/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CATALOG_VERSION1_H
#define TESTS_UNIT_CATALOG_VERSION1_H

/* A catalogue of version 1 with one backup, as the sqlite3 shell dumped it. */
/* clang-format off */
static const char version1_sql[] =
    "PRAGMA application_id = 1651729201; PRAGMA user_version = 1;"
    "BEGIN TRANSACTION;"
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, sum INTEGER NOT "
    "NULL) STRICT;"
    "INSERT INTO meta VALUES('schema','bf7fd42a62f106da',5458759730463774573);"
    "INSERT INTO meta VALUES('seq','1',5414923772102677462);"
    "CREATE TABLE backup (id TEXT PRIMARY KEY NOT NULL, seq INTEGER UNIQUE NOT NULL, name "
    "TEXT NOT NULL, backup_type TEXT NOT NULL, requested_type TEXT NOT NULL, form TEXT NOT "
    "NULL, storage TEXT NOT NULL, compression TEXT NOT NULL, compression_level INTEGER NOT "
    "NULL, encryption TEXT NOT NULL, status TEXT NOT NULL, created_at INTEGER, started_at "
    "INTEGER, completed_at INTEGER, expires_at INTEGER, source_paths TEXT NOT NULL, options "
    "TEXT NOT NULL, metadata TEXT NOT NULL, container_key TEXT NOT NULL, manifest_key TEXT "
    "NOT NULL, container_size INTEGER NOT NULL, manifest_size INTEGER NOT NULL, "
    "manifest_sha256 TEXT NOT NULL, bytes_processed INTEGER NOT NULL, files_processed "
    "INTEGER NOT NULL, total_bytes INTEGER NOT NULL, total_files INTEGER NOT NULL, "
    "bytes_stored INTEGER NOT NULL, bytes_deduplicated INTEGER NOT NULL, base_id TEXT NOT "
    "NULL, base_note TEXT NOT NULL, error_code INTEGER NOT NULL, error_layer INTEGER NOT "
    "NULL, error_message TEXT NOT NULL, retention_days INTEGER NOT NULL, deleting INTEGER "
    "NOT NULL, sum INTEGER NOT NULL) STRICT;"
    "INSERT INTO backup VALUES('01a207c3-0bca-72c9-8d78-e69faa2d0048',1,'docs','full','full',"
    "'archive','local','zip',5,'none','completed',1795426552778832108,1795426552795968971,179"
    "5426552878224036,1798018552778832108,'[\"/srv/docs\"]','{\"name\":\"docs\",\"source_path"
    "s\":[\"/srv/docs\"],\"backup_type\":\"full\",\"form\":\"archive\",\"storage\":\"local\","
    "\"compression\":\"zip\",\"compression_level\":5,\"retention_days\":30}','{}','docs/20261"
    "123T093552Z-full-aa2d0048.zip','docs/20261123T093552Z-full-aa2d0048.manifest.json.zst',3"
    "16,785,'99b3d8e25d96dbcf13bb57fdde5f89978f51ecf7b4063393f1d08bdf24e3c2c9',3,1,3,1,1101,0"
    ",'','only the manifest keeps, and not the bare zip: 2 with exact "
    "times',0,0,'',30,0,4724582290275940076);"
    "CREATE TABLE backup_need (backup_id TEXT NOT NULL REFERENCES backup (id) ON DELETE "
    "CASCADE, needs_id TEXT NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (backup_id, "
    "needs_id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE job (id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, backup_id TEXT NOT "
    "NULL, status TEXT NOT NULL, target TEXT NOT NULL, options TEXT NOT NULL, result TEXT "
    "NOT NULL, created_at INTEGER, started_at INTEGER, completed_at INTEGER, bytes_processed "
    "INTEGER NOT NULL, files_processed INTEGER NOT NULL, total_bytes INTEGER NOT NULL, "
    "total_files INTEGER NOT NULL, error_code INTEGER NOT NULL, error_layer INTEGER NOT "
    "NULL, error_message TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE warning (job_id TEXT NOT NULL, number INTEGER NOT NULL, code INTEGER NOT "
    "NULL, layer INTEGER NOT NULL, path BLOB NOT NULL, message TEXT NOT NULL, sum INTEGER "
    "NOT NULL, PRIMARY KEY (job_id, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE warning_count (job_id TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL, "
    "sum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE storage_profile (name TEXT PRIMARY KEY NOT NULL, driver TEXT NOT NULL, "
    "settings TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;"
    "CREATE INDEX backup_by_name ON backup (name, seq);"
    "CREATE INDEX backup_need_by_needed ON backup_need (needs_id);"
    "COMMIT;";
/* clang-format on */

#endif
