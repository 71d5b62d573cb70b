/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_CONFIG_H
#define BSI_ENGINE_CONFIG_H

#include <backupsvc/config.h>

#include "crypto/secret.h"
#include "engine/complaints.h"

/*
 * Settings by the names of their variables. One table says of each its type,
 * default and range; parsing, complaints and documentation follow from it.
 *
 * X(name, type, default or NULL, lowest, highest, words or help on form, secret)
 */
enum { BSI_CONFIG_KEY_SIZE_MIN = 12 };

/* clang-format off */
#define BSI_CONFIG_MAP(X)                                                                          \
    X(BACKUP_STORAGE_PATH, TEXT, "./backups", 1, 4096, "a path", false)                            \
    X(MAX_CONCURRENT_BACKUPS, NUMBER, "5", 1, 64, "", false)                                       \
    X(DEFAULT_RETENTION_DAYS, NUMBER, "30", 0, 36500, "0 keeps for ever", false)                   \
    X(RETENTION_GRACE_HOURS, NUMBER, "24", 0, 8760, "0 removes at once", false)                    \
    X(COMPRESSION_LEVEL, NUMBER, "6", 0, 9, "0 is the container's own", false)                     \
    X(ENCRYPTION_ENABLED, FLAG, "true", 0, 1, "", false)                                           \
    X(DEFAULT_BACKUP_TYPE, WORD, "full", 0, 0, "full incremental differential mirror", false)      \
    X(MAX_STORAGE_SIZE, SIZE, NULL, 0, INT64_MAX, "0 is no limit", false)                          \
    X(STORAGE_CLEANUP_ENABLED, FLAG, "true", 0, 1, "", false)                                      \
    X(STORAGE_WARNING_THRESHOLD, RATIO, "0.9", 1, 999999, "", false)                               \
    X(BACKUP_VERIFICATION_ENABLED, FLAG, "true", 0, 1, "", false)                                  \
    X(BACKUP_CHUNK_SIZE, SIZE, NULL, 4096, 16777216, "4 KiB to 16 MiB", false)                     \
    X(MAX_FILE_SIZE, SIZE, NULL, 0, INT64_MAX, "0 is no limit", false)                             \
    X(PARALLEL_PROCESSING, FLAG, "true", 0, 1, "", false)                                          \
    X(MAX_WORKER_THREADS, NUMBER_OR_AUTO, NULL, 1, 256, "", false)                                 \
    X(MAX_INDEX_MEMORY, SIZE, NULL, 0, INT64_MAX, "0 is no limit", false)                          \
    X(PROGRESS_UPDATE_INTERVAL, SECONDS, "1", 50000, 60000000, "", false)                          \
    X(ENCRYPTION_KEY, KEY, NULL, BSI_CONFIG_KEY_SIZE_MIN, 4096,                                    \
      "at least 12 characters, or file:PATH", true)                                                \
    X(ENCRYPTION_KEY_FILE, TEXT, NULL, 1, 4096, "a path", false)                                   \
    X(DEFAULT_ENCRYPTION, WORD, "none", 0, 0, "none aes256 rsa", false)                            \
    X(ALLOWED_ORIGINS, TEXT, NULL, 1, 4096, "origins apart by commas", false)                      \
    X(API_KEY_REQUIRED, FLAG, "false", 0, 1, "", false)                                            \
    X(BACKUP_ACCESS_LOG_ENABLED, FLAG, "true", 0, 1, "", false)                                    \
    X(LOG_LEVEL, WORD, "INFO", 0, 0, "DEBUG INFO WARNING ERROR CRITICAL", false)                   \
    X(LOG_FILE, TEXT, "./logs/backup.log", 1, 4096, "a path", false)                               \
    X(AUDIT_LOG_ENABLED, FLAG, "true", 0, 1, "", false)                                            \
    X(MAX_LOG_SIZE, SIZE, "100MB", 65536, INT64_MAX, "at least 64 KiB", false)                     \
    X(LOG_RETENTION_DAYS, NUMBER, "30", 0, 36500, "", false)                                       \
    X(AWS_ACCESS_KEY_ID, TEXT, NULL, 1, 4096, "a key id", true)                                    \
    X(AWS_SECRET_ACCESS_KEY, TEXT, NULL, 1, 4096, "a key", true)                                   \
    X(AWS_SESSION_TOKEN, TEXT, NULL, 1, 16384, "a token", true)                                    \
    X(AWS_DEFAULT_REGION, TEXT, "us-west-2", 1, 64, "a region", false)                             \
    X(AWS_ENDPOINT_URL, TEXT, NULL, 1, 4096, "a URL", false)                                       \
    X(S3_BUCKET_NAME, TEXT, NULL, 3, 63, "3 to 63 characters", false)                              \
    X(S3_PREFIX, TEXT, NULL, 1, 1024, "a prefix", false)                                           \
    X(AZURE_STORAGE_CONNECTION_STRING, TEXT, NULL, 1, 4096, "a connection string", true)           \
    X(AZURE_CONTAINER_NAME, TEXT, "backups", 3, 63, "3 to 63 characters", false)                   \
    X(GOOGLE_APPLICATION_CREDENTIALS, TEXT, NULL, 1, 4096, "a path", false)                        \
    X(GCS_BUCKET_NAME, TEXT, NULL, 3, 222, "3 to 222 characters", false)                           \
    X(STORAGE_EMULATOR_HOST, TEXT, NULL, 1, 4096, "host:port", false)                              \
    X(FTP_HOST, TEXT, NULL, 1, 255, "a host", false)                                               \
    X(FTP_PORT, NUMBER, "21", 1, 65535, "", false)                                                 \
    X(FTP_USERNAME, TEXT, NULL, 1, 255, "a name", false)                                           \
    X(FTP_PASSWORD, TEXT, NULL, 1, 4096, "a password", true)                                       \
    X(FTP_USE_TLS, FLAG, "true", 0, 1, "", false)                                                  \
    X(SFTP_HOST, TEXT, NULL, 1, 255, "a host", false)                                              \
    X(SFTP_PORT, NUMBER, "22", 1, 65535, "", false)                                                \
    X(SFTP_USERNAME, TEXT, NULL, 1, 255, "a name", false)                                          \
    X(SFTP_PRIVATE_KEY_PATH, TEXT, NULL, 1, 4096, "a path", false)                                 \
    X(SFTP_KNOWN_HOSTS_PATH, TEXT, NULL, 1, 4096, "a path", false)                                 \
    X(HOST, TEXT, "127.0.0.1", 1, 255, "a host", false)                                            \
    X(PORT, NUMBER, "8000", 0, 65535, "", false)                                                   \
    X(TLS_CERT_FILE, TEXT, NULL, 1, 4096, "a path", false)                                         \
    X(TLS_KEY_FILE, TEXT, NULL, 1, 4096, "a path", false)                                          \
    X(SOURCE_ROOTS, PATHS, NULL, 1, 16384, "absolute paths without '..' apart by colons", false)   \
    X(RESTORE_ROOTS, PATHS, NULL, 1, 16384, "absolute paths without '..' apart by colons", false)  \
    X(SHUTDOWN_TIMEOUT, SECONDS, "10", 0, INT64_C(3600000000), "", false)                          \
    X(TIMEZONE, TEXT, "UTC", 1, 255, "a time zone", false)                                         \
    X(WEBHOOK_URL, TEXT, NULL, 1, 4096, "a URL", true)                                             \
    X(WEBHOOK_SECRET, TEXT, NULL, 5, 4096, "env:NAME or file:PATH", true)                          \
    X(WEBHOOK_EVENTS, WORD, "all", 0, 0, "all failures", false)                                    \
    X(WEBHOOK_TIMEOUT, SECONDS, "10", 50000, 600000000, "", false)                                 \
    X(WEBHOOK_RETRY_DELAY, SECONDS, "1", 10000, 60000000, "", false)                               \
    X(WEBHOOK_RETRY_LIMIT, SECONDS, "300", 0, INT64_C(86400000000), "", false)                     \
    X(HOOK_BEFORE, ARGV, NULL, 0, 0, "", false)                                                    \
    X(HOOK_AFTER, ARGV, NULL, 0, 0, "", false)                                                     \
    X(HOOK_FAILURE, ARGV, NULL, 0, 0, "", false)                                                   \
    X(HOOK_TIMEOUT, SECONDS, "60", 100000, INT64_C(86400000000), "", false)                        \
    X(DASHBOARD_ENABLED, FLAG, "true", 0, 1, "", false)                                            \
    X(METRICS_ENABLED, FLAG, "true", 0, 1, "", false)                                              \
    X(METRICS_MAX_NAMES, NUMBER, "500", 1, 100000, "", false)                                      \
    X(ENABLE_SWAGGER_UI, FLAG, "true", 0, 1, "", false)
/* clang-format on */

typedef enum bsi_config_id {
#define BSI_CONFIG_ENUM(name, type, fallback, low, high, help, secret) BSI_CONFIG_##name,
    BSI_CONFIG_MAP(BSI_CONFIG_ENUM)
#undef BSI_CONFIG_ENUM
        BSI_CONFIG_COUNT
} bsi_config_id;

/* How a value is written. Numbers of SECONDS and RATIO are kept in millionths. */
typedef enum bsi_config_type {
    BSI_CONFIG_TYPE_TEXT,   /* low and high: its bytes. */
    BSI_CONFIG_TYPE_PATHS,  /* Likewise; absolute ones apart by colons. */
    BSI_CONFIG_TYPE_KEY,    /* As TEXT, or "file:PATH" of any length. */
    BSI_CONFIG_TYPE_NUMBER, /* Decimal digits. */
    BSI_CONFIG_TYPE_NUMBER_OR_AUTO,
    BSI_CONFIG_TYPE_SIZE,
    BSI_CONFIG_TYPE_SECONDS, /* With up to 6 digits of fraction. */
    BSI_CONFIG_TYPE_RATIO,   /* "0.9" or "90%". */
    BSI_CONFIG_TYPE_FLAG,    /* true false 1 0 yes no on off. */
    BSI_CONFIG_TYPE_WORD,    /* One of the words, whatever the case. */
    BSI_CONFIG_TYPE_ARGV,    /* A JSON array of texts that begins with an absolute path. */
} bsi_config_type;

typedef struct bsi_config_variable {
    const char *name;
    const char *fallback; /* NULL: unset. */
    int64_t low;
    int64_t high;
    const char *help; /* Of WORD: the words, apart by spaces. */
    bsi_config_type type;
    bool secret;
} bsi_config_variable;

struct bs_config {
    char *values[BSI_CONFIG_COUNT];        /* NULL: the default stands. */
    bsi_secret *secrets[BSI_CONFIG_COUNT]; /* Where the values of secrets lie. */
    int64_t numbers[BSI_CONFIG_COUNT]; /* Of the value or default; WORD: its index; unset: -1. */
};

/* NULL behind the last. */
const bsi_config_variable *bsi_config_at(size_t index);
/* The variable's index, or -1. */
int bsi_config_find(const char *name, size_t size);
/* The name most like an unknown one, with at most `limit` bytes changed; NULL: none is. */
const char *bsi_config_nearest(const char *name, size_t size, size_t limit);

/*
 * Check a value's text. An empty one and the placeholders of example files
 * ("your_..." for secrets) mean the default. Complaints begin with `where` and never
 * hold the value of a secret.
 */
bool bsi_config_check(size_t index, const char *value, const char *where, int64_t *number_out,
                      bsi_complaints *complaints);

/* Set a value that may be wrong; a complaint and no change then. */
BS_NODISCARD bs_status bsi_config_put(bs_config *config, size_t index, const char *value,
                                      const char *where, bsi_complaints *complaints);

BS_NODISCARD bs_status bsi_config_new(bs_config **out);
BS_NODISCARD bs_status bsi_config_copy(const bs_config *config, bs_config **out);
/* NULL is ignored. Secrets are wiped. */
void bsi_config_free(bs_config *config);

/* NULL: unset. */
const char *bsi_config_text(const bs_config *config, bsi_config_id id);
/* -1: unset or "auto". */
int64_t bsi_config_number(const bs_config *config, bsi_config_id id);
bool bsi_config_flag(const bs_config *config, bsi_config_id id);

/* Take over all settings of the environment, or none when one is wrong. */
BS_NODISCARD bs_status bsi_config_load_env(bs_config *config);

/* Take over all settings of a .env file, or none when a line is wrong. */
BS_NODISCARD bs_status bsi_config_load_file(bs_config *config, const char *path);
/* The same of a file's content; `path` is what complaints call it. */
BS_NODISCARD bs_status bsi_config_load_text(bs_config *config, const char *path, const char *text,
                                            size_t size);

#endif
