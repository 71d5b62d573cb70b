/* SPDX-License-Identifier: MIT */
/*
 * Backups that somebody forged: whatever they say, nothing outside of the
 * target changes, nothing crashes, memory and time stay bounded, and the error
 * says which object it is about. Each is looked at and restored in a process of its
 * own, as the superuser and as somebody else.
 */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/archive.h"
#include "compress/block_writer.h"
#include "hostile_cases.h"
#include "os/random.h"
#include "support/forge.h"
#include "support/guard.h"
#include "support/tree.h"
#include "vault/repository/adopt.h"

enum { MEMORY_MAX_KIB = (TEST_SANITIZED ? 3072 : 512) * 1024 };

enum { PATH_ROOM = 1200, SECONDS_MAX = 120, NOBODY = 65534 };

/* Larger bombs, every run of every case. */
static bool full;

typedef struct scene {
    test_vault *vault;
    char guard[PATH_ROOM];
    char target[PATH_ROOM];
    char *snapshot;
    unsigned cases;
    unsigned runs;
    unsigned failures; /* Each was printed. */
    bool slow;         /* Only two runs of each case, but for the full form. */
    long most_memory;
} scene;

static int setup(void **state)
{
    scene *self = calloc(1, sizeof(*self));
    void *vault = NULL;

    assert_non_null(self);
    assert_int_equal(test_vault_setup(&vault), 0);
    self->vault = vault;
    self->vault->print_warnings = false;
    assert_int_equal(chmod(self->vault->dir->path, 0755), 0);
    assert_int_equal(chmod(self->vault->storage_path, 0755), 0);
    (void)snprintf(self->guard, sizeof(self->guard), "%s/guard", self->vault->dir->path);
    (void)snprintf(self->target, sizeof(self->target), "%.1100s/in/target", self->guard);
    guard_build(self->guard);
    self->snapshot = guard_snapshot(self->guard);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    scene *self = *state;
    void *vault = self->vault;

    print_message("# %u cases in %u runs, at most %ld MiB of memory\n", self->cases, self->runs,
                  self->most_memory / 1024);
    tree_remove(self->guard);
    free(self->snapshot);
    free(self);
    return test_vault_teardown(&vault);
}

/* Empty the target, which itself stays. */
static void clear_target(const scene *self)
{
    char path[PATH_ROOM + 300];
    DIR *dir = opendir(self->target);
    const struct dirent *entry = NULL;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)snprintf(path, sizeof(path), "%s/%s", self->target, entry->d_name);
            tree_remove(path);
        }
    }
    (void)closedir(dir);
}

/* --- In the process of its own --- */

typedef struct run {
    scene *at;
    const char *name;
    hostile_outcome outcome;
    bool overwrite;
    bool as_user;
} run;

static void expect(bool right, const run *self, const char *what)
{
    if (!right) {
        (void)fprintf(stderr, "case '%s', %s, overwrite %d: %s; the last error: %s (%s)\n",
                      self->name, self->as_user ? "as a user" : "as the superuser", self->overwrite,
                      what, bs_error_last()->message, bs_status_name(bs_error_last()->code));
        _exit(1);
    }
}

static bs_status take_bytes(void *user, const void *data, size_t size)
{
    uint64_t *count = user;

    (void)data;
    *count += size;
    return *count > UINT64_C(256) * 1024 * 1024 ? BS_E_CANCELLED : BS_OK;
}

static bs_status read_listed(void *user, const bsi_listed *listed)
{
    (void)user;
    (void)listed;
    return BS_OK;
}

static void expect_refusal(const run *self, bs_status status)
{
    expect(status == (self->outcome == NEWER ? BS_E_VERSION : BS_E_CORRUPT), self,
           "it should have been refused");
    expect(bs_error_last()->layer == BS_LAYER_STORAGE, self, "not an error of the storage");
    expect(strstr(bs_error_last()->message, FORGE_MANIFEST) != NULL, self,
           "the error does not name the manifest");
}

static bool is_refused(const run *self)
{
    return self->outcome == REFUSED || self->outcome == NEWER;
}

static bs_status count_damage(void *user, const char *key, const char *message)
{
    (void)key;
    *(unsigned *)user += message[0] != '\0';
    return BS_OK;
}

static bs_status pass_lost(void *user, bsi_slice path)
{
    (void)user;
    (void)path;
    return BS_OK;
}

static void look(const run *self, const bsi_vault_env *env)
{
    const bsi_vault *form = bsi_vault_find("archive");
    static const char *const paths[] = {"a", "../outside/secret", "/etc/passwd", ""};
    bsi_manifest_info info = {0};
    unsigned damaged = 0;
    const bsi_damage_sink sink = {count_damage, pass_lost, &damaged};
    bsi_verify_result verified;
    bs_status status = bsi_vault_info(env, FORGE_MANIFEST, &info);

    if (status < 0) {
        expect_refusal(self, status);
    }
    bsi_manifest_info_dispose(&info);
    status = bsi_vault_warnings(env, FORGE_MANIFEST, env->warn);
    status = bsi_vault_list(env, FORGE_MANIFEST, (bsi_slice){"", 0}, true, read_listed, NULL);
    if (is_refused(self)) {
        expect_refusal(self, status);
    } else {
        expect(status == BS_OK, self, "it should have been listed");
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(paths); i++) {
        uint64_t count = 0;
        status = form->read(env, FORGE_MANIFEST, bsi_slice_of(paths[i]), take_bytes, &count);
        expect(!is_refused(self) || status != BS_END, self, "an odd status");
    }
    expect(form->verify(env, FORGE_MANIFEST, &sink, &verified) == BS_OK, self,
           "verification broke off");
    expect((damaged > 0) == (self->outcome != HARMLESS), self, "verification is wrong");
}

static void check_restored(const run *self)
{
    char path[PATH_ROOM + 8];
    char content[64] = "";
    struct stat info;
    int fd = -1;

    (void)snprintf(path, sizeof(path), "%s/a", self->at->target);
    if (lstat(path, &info) != 0) {
        return;
    }
    expect(!is_refused(self), self, "something was restored");
    if (!S_ISREG(info.st_mode)) {
        return;
    }
    expect(self->outcome != DAMAGED, self, "a damaged file was put in place");
    expect(!(info.st_mode & (S_ISUID | S_ISGID)), self, "a setuid bit was restored");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && info.st_size == 5) {
        expect(read(fd, content, sizeof(content)) == 5 && memcmp(content, "hello", 5) == 0, self,
               "wrong content");
    }
    (void)close(fd);
}

static void restore(const run *self, const bsi_vault_env *env)
{
    bsi_restore_plan plan = {
        .manifest_key = FORGE_MANIFEST,
        .restore_path = self->at->target,
        .target = {.permissions = true, .ownership = true, .overwrite = self->overwrite},
        .verify = true,
    };
    bsi_restore_result result = {0};
    bs_status status = bsi_vault_find("archive")->restore(env, &plan, &result);

    if (is_refused(self)) {
        expect_refusal(self, status);
    }
    if (self->outcome == DAMAGED) {
        expect(status < 0, self, "the restore should have failed");
    }
    check_restored(self);
    plan.strip_source = true;
    plan.verify = false; /* Still nothing outside. */
    status = bsi_vault_find("archive")->restore(env, &plan, &result);
    if (is_refused(self)) {
        expect_refusal(self, status);
    }
}

static size_t count_snapshots(const run *self, const bsi_repo_session *session)
{
    bsi_repo_files files = {0};
    size_t count = 0;

    expect(bsi_repo_list(session->repo, NULL, BSI_REPO_SNAPSHOTS, &files) == BS_OK, self,
           "no list");
    count = files.count;
    bsi_repo_files_dispose(&files);
    return count;
}

/* Into a repository; there is a snapshot just when nothing was found wrong. */
static void adopt(const run *self, const bsi_vault_env *env)
{
    const bsi_repo_options make = {.version = 2, .cost = {.log_n = 1, .r = 8, .p = 1}};
    const bsi_session_options options = {.lock = BSI_SESSION_SHARED, .make = &make};
    bsi_vault_env to = *env;
    bsi_repo_session session = {0};
    bsi_adopter *adopter = NULL;
    bsi_adopted done;
    bs_status status = BS_OK;

    expect(bsi_storage_open("mem", NULL, 0, NULL, &to.storage) == BS_OK &&
               bsi_repo_session_open(&to, &options, &session) == BS_OK &&
               bsi_adopter_new(&session, &adopter) == BS_OK,
           self, "no repository");
    status = bsi_adopter_add(adopter, bsi_vault_find("archive"), env, FORGE_MANIFEST, &done);
    if (is_refused(self)) {
        expect_refusal(self, status);
    }
    if (self->outcome == DAMAGED) {
        expect(status < 0, self, "the copy should have failed");
    }
    expect(count_snapshots(self, &session) == (status == BS_OK ? 1 : 0), self, "half a snapshot");
    bsi_adopter_free(adopter);
    bsi_repo_session_close(&session);
    bsi_storage_unref(to.storage);
}

static void run_in_child(const run *self)
{
    bsi_vault_env env = self->at->vault->env;

    if (self->as_user && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        _exit(2);
    }
    (void)alarm(SECONDS_MAX);
    expect(bsi_pool_new(2, &env.pool) == BS_OK, self, "no threads");
    if (!self->overwrite) {
        look(self, &env);
    }
    if (!self->overwrite && !self->as_user) {
        adopt(self, &env);
    }
    restore(self, &env);
    bsi_pool_free(env.pool);
    _exit(0);
}

/* --- Cases --- */

/* A thread that is just about to allocate would leave the child a lock that nobody opens. */
static pid_t fork_alone(bsi_vault_env *env)
{
    pid_t child = 0;

    bsi_pool_free(env->pool);
    env->pool = NULL;
    child = fork();
    if (child > 0) {
        assert_ok(bsi_pool_new(2, &env->pool));
    }
    return child;
}

static void run_once(run *self)
{
    scene *at = self->at;
    struct rusage used;
    int status = -1;
    pid_t child = 0;

    clear_target(at);
    assert_int_equal(chown(at->target, self->as_user ? NOBODY : 0, 0), 0);
    child = fork_alone(&at->vault->env);
    assert_true(child >= 0);
    if (child == 0) {
        run_in_child(self);
    }
    assert_int_equal(wait4(child, &status, 0, &used), child);
    if (status != 0 || used.ru_maxrss > MEMORY_MAX_KIB) {
        print_error("case '%s' ended with %x, took %ld MiB\n", self->name, (unsigned)status,
                    used.ru_maxrss / 1024);
        at->failures++;
    }
    at->most_memory = used.ru_maxrss > at->most_memory ? used.ru_maxrss : at->most_memory;
    guard_check(at->guard, at->snapshot);
    at->runs++;
}

static void run_case(scene *self, const char *name, hostile_outcome outcome)
{
    const bool can_change = geteuid() == 0;
    const bool few = (self->slow || TEST_SANITIZED) && !full;

    for (unsigned i = 0; i < (can_change ? 4 : 2); i += few ? 3 : 1) {
        run once = {self, name, outcome, i % 2 == 1, i / 2 == 1};
        run_once(&once);
    }
    self->cases++;
}

static void hostile_manifests_change_nothing_outside_the_target(void **state)
{
    scene *self = *state;

    for (unsigned i = 0; i < hostile_case_count; i++) {
        const hostile_case *said = &hostile_cases[i];
        const forge forged = {
            .vault = self->vault,
            .guard = self->guard + 1,
            .find = said->find,
            .replace = said->replace,
            .lines = said->lines,
            .last = said->last,
        };
        forge_backup(&forged);
        run_case(self, said->name, said->outcome);
    }
    assert_int_equal(self->failures, 0);
}

/* --- Manifests that are no good as objects --- */

static void case_of_bytes(scene *self, const char *name, const void *data, size_t size)
{
    forge_manifest(self->vault, data, size, true);
    run_case(self, name, REFUSED);
}

static void case_of_text(scene *self, const char *name, const char *front, char byte, size_t size)
{
    const size_t before = strlen(front);
    char *text = malloc(before + size);
    uint8_t *exact = NULL;
    size_t exact_size = 0;
    bsi_buf stored;

    assert_non_null(text);
    memcpy(text, front, before);
    memset(text + before, byte, size);
    forge_compress(text, before + size, &stored);
    free(text);
    /* The children's memory is measured: they must not inherit the buffer's. */
    exact_size = stored.size;
    exact = malloc(exact_size);
    assert_non_null(exact);
    memcpy(exact, stored.data, exact_size);
    bsi_buf_dispose(&stored);
    case_of_bytes(self, name, exact, exact_size);
    free(exact);
}

static void objects_that_are_no_manifests_are_refused(void **state)
{
    /* A frame that wants a window of 2^41 bytes; one that wants a dictionary. */
    static const uint8_t window[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00};
    static const uint8_t dictionary[] = {0x28, 0xb5, 0x2f, 0xfd, 0x21,
                                         0x07, 0x01, 0x01, 0x00, 0x00};
    static const uint8_t skipped[] = {0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff, 0, 0};
    static const uint8_t empty_frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00};
    scene *self = *state;
    const forge good = {
        .vault = self->vault, .guard = self->guard, .lines = "{\"path\":\"a\",@F}\n"};
    uint8_t bytes[4096];
    bsi_buf text;

    forge_backup(&good); /* For its container. */
    forge_manifest(self->vault, "", 0, false);
    run_case(self, "nothing", REFUSED);
    case_of_bytes(self, "only a seal", "", 0);
    case_of_bytes(self, "no zstd", "this is no zstd at all, but long enough", 39);
    case_of_bytes(self, "a huge window", window, sizeof(window));
    case_of_bytes(self, "a dictionary", dictionary, sizeof(dictionary));
    case_of_bytes(self, "a skippable frame of 4 GiB", skipped, sizeof(skipped));
    case_of_bytes(self, "an empty frame", empty_frame, sizeof(empty_frame));
    assert_ok(bsi_random(bytes, sizeof(bytes)));
    case_of_bytes(self, "noise", bytes, sizeof(bytes));
    forge_compress("{\"manifest\":1}", 14, &text);
    case_of_bytes(self, "a line without its end", text.data, text.size);
    case_of_bytes(self, "half a frame", text.data, text.size / 2);
    forge_manifest(self->vault, text.data, text.size, false);
    run_case(self, "no seal", REFUSED);
    bsi_buf_dispose(&text);
    case_of_text(self, "a line of 80 MiB", "{\"manifest\":1,\"note\":\"", 'x', 80U << 20);
    self->slow = true;
    case_of_text(self, "a gigabyte of line feeds", "{\"manifest\":1}\n", '\n', 1U << 30);
    case_of_text(self, "a gigabyte of nothing", "", '\0', 1U << 30);
    case_of_text(self, "60 MiB of opened lists", "{\"manifest\":1,\"metadata\":{\"a\":", '[',
                 60U << 20);
    assert_int_equal(self->failures, 0);
}

/* --- Long lines that are JSON --- */

static void repeat(bsi_buf *out, const char *text, size_t count)
{
    const size_t size = strlen(text);

    assert_ok(bsi_buf_reserve(out, size * count + 1));
    for (size_t i = 0; i < count; i++) {
        assert_ok(bsi_buf_append(out, text, size));
    }
}

/* Frees `lines`: what this process holds counts in the other's memory too. */
static void case_of_lines(scene *self, const char *name, hostile_outcome outcome, bsi_buf *lines)
{
    forge forged = {.vault = self->vault, .guard = self->guard};

    assert_ok(bsi_buf_append_byte(lines, 0));
    forged.lines = (const char *)lines->data;
    forge_backup(&forged);
    bsi_buf_dispose(lines);
    run_case(self, name, outcome);
}

static void case_of_much(scene *self, const char *name, hostile_outcome outcome, const char *front,
                         const char *item, size_t count, const char *tail)
{
    bsi_buf lines;

    bsi_buf_init(&lines, SIZE_MAX / 2);
    repeat(&lines, front, 1);
    repeat(&lines, item, count);
    repeat(&lines, tail, 1);
    case_of_lines(self, name, outcome, &lines);
}

static void absurd_amounts_stay_bounded(void **state)
{
    scene *self = *state;
    bsi_buf deep;

    self->slow = true;
    case_of_much(self, "five million extents", REFUSED, "{\"path\":\"a\",@F,\"extents\":[0,1",
                 ",0,1", 5000000, "]}\n");
    case_of_much(self, "a million attributes", REFUSED,
                 "{\"path\":\"a\",@F,\"xattrs\":[{\"name\":\"user.a\",\"value\":\"\"}",
                 ",{\"name\":\"user.a\",\"value\":\"\"}", 1000000, "]}\n");
    case_of_much(self, "a value of 40 MiB", HARMLESS,
                 "{\"path\":\"a\",@F,\"xattrs\":[{\"name\":\"user.a\",\"value\":\"", "xxxxxxxx",
                 5U << 20, "\"}]}\n");
    case_of_much(self, "a path of 2 MiB", REFUSED, "{\"path\":\"a", "/a", 1U << 20, "\",@F}\n");
    case_of_much(self, "a path of a thousand levels", HARMLESS, "{\"path\":\"b", "/b", 1000,
                 "\",@F}\n");
    case_of_much(self, "a link of 1 MiB", HARMLESS, "{\"path\":\"l\",@S,\"link\":\"x", "/x",
                 1U << 19, "\"}\n");
    bsi_buf_init(&deep, SIZE_MAX / 2);
    for (size_t level = 0; level < 60; level++) {
        repeat(&deep, "{\"path\":\"d", 1);
        repeat(&deep, "/d", level);
        repeat(&deep, "\",@D,\"xattrs\":[{\"name\":\"user.a\",\"value\":\"", 1);
        repeat(&deep, "xxxxxxxx", 1U << 20);
        repeat(&deep, "\"}]}\n", 1);
    }
    case_of_lines(self, "60 levels of 8 MiB each", HARMLESS, &deep);
    assert_int_equal(self->failures, 0);
}

/* --- Containers --- */

static void case_of_container(scene *self, const char *compression, const char *what,
                              const void *data, size_t size, const char *lines)
{
    const forge forged = {
        .vault = self->vault,
        .guard = self->guard,
        .compression = compression,
        .lines = lines,
        .container = data,
        .container_size = size,
    };
    char name[128];

    (void)snprintf(name, sizeof(name), "%s: %s", compression, what);
    forge_backup(&forged);
    run_case(self, name, DAMAGED);
}

static bs_status keep(void *user, const void *data, size_t size)
{
    return bsi_buf_append(user, data, size);
}

static void encode(const scene *self, const bsi_codec *codec, size_t size, bsi_buf *out)
{
    const bsi_block_options options = {
        .codec = codec, .level = codec->level_min, .pool = self->vault->env.pool};
    const bsi_block_sink sink = {.data = keep, .user = out};
    bsi_block_writer *writer = NULL;
    static const uint8_t zeros[65536];

    bsi_buf_init(out, SIZE_MAX / 2);
    assert_ok(bsi_block_writer_new(&options, &sink, &writer));
    for (size_t at = 0; at < size; at += sizeof(zeros)) {
        assert_ok(bsi_block_writer_write(writer, zeros, sizeof(zeros)));
    }
    assert_ok(bsi_block_writer_finish(writer));
    bsi_block_writer_free(writer);
}

#define PLACED(size, at)                                              \
    "{\"path\":\"a\",\"type\":\"file\",@M,\"nlink\":1,\"size\":" size \
    ",\"sha256\":\"@H\",\"stored_in\":\"@I\",\"at\":" at "}\n"

static void bad_containers_cost_their_files_and_nothing_else(void **state)
{
    static const struct {
        const char *name;
        const bsi_codec *codec;
        size_t bomb;
    } kinds[] = {
        {"tar", &bsi_codec_store, 1U << 20},      {"tar.gz", &bsi_codec_gzip, 256U << 20},
        {"tar.bz2", &bsi_codec_bzip2, 64U << 20}, {"tar.zst", &bsi_codec_zstd, 1U << 30},
        {"7z", &bsi_codec_lzma2, 128U << 20},     {"zip", &bsi_codec_deflate, 256U << 20},
    };
    scene *self = *state;
    uint8_t noise[4096];

    self->slow = true;
    assert_ok(bsi_random(noise, sizeof(noise)));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds); i++) {
        const char *name = kinds[i].name;
        const bool zip = strcmp(name, "zip") == 0;
        bsi_buf bomb;
        encode(self, kinds[i].codec, full ? kinds[i].bomb : kinds[i].bomb / 8, &bomb);
        case_of_container(self, name, "noise", noise, sizeof(noise),
                          zip ? PLACED("5", "[0,0,4096,8]") : PLACED("5", "[0,0]"));
        case_of_container(self, name, "nothing", "", 0,
                          zip ? PLACED("5", "[0,0,0,8]") : PLACED("5", "[0,0]"));
        case_of_container(self, name, "noise from the middle on", noise, sizeof(noise),
                          zip ? PLACED("4000", "[96,0,4000,8]") : PLACED("4000", "[96,0]"));
        case_of_container(self, name, "a bomb in a short file", bomb.data, bomb.size,
                          zip ? PLACED("5", "[0,0,100,8]") : PLACED("5", "[0,0]"));
        case_of_container(self, name, "a bomb that must be passed over", bomb.data, bomb.size,
                          zip ? PLACED("5", "[0,9000000000000000000,100,8]")
                              : PLACED("5", "[0,9000000000000000000]"));
        case_of_container(self, name, "a bomb that is cut short", bomb.data, bomb.size - 7,
                          zip ? PLACED("9000000", "[0,0,100,8]") : PLACED("2000000000", "[0,0]"));
        bsi_buf_dispose(&bomb);
    }
    case_of_container(self, "zip", "a member that begins behind its end", noise, sizeof(noise),
                      PLACED("5", "[0,5000,4096,0]"));
    case_of_container(self, "zip", "a member that is too short", noise, sizeof(noise),
                      PLACED("4096", "[4000,0,96,0]"));
    assert_int_equal(self->failures, 0);
}

/* --- What lies in the target before --- */

static void plant(const scene *self, const char *name, const char *to, bool hard)
{
    char path[PATH_ROOM + 64];
    char original[PATH_ROOM + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", self->target, name);
    (void)snprintf(original, sizeof(original), "%s/%s", self->guard, to);
    assert_int_equal(hard ? link(original, path) : symlink(original, path), 0);
}

static void restore_here(const scene *self, bool overwrite)
{
    const bsi_restore_plan plan = {
        .manifest_key = FORGE_MANIFEST,
        .restore_path = self->target,
        .target = {.permissions = true,
                   .ownership = true,
                   .privileged = true,
                   .overwrite = overwrite},
        .verify = true,
    };
    bsi_restore_result result = {0};

    assert_true(bsi_vault_find("archive")->restore(&self->vault->env, &plan, &result) >= 0);
}

/* A hard link counts in its inode; that comes and goes with the target's name. */
static void links_in_the_target_are_never_followed(void **state)
{
    scene *self = *state;
    const forge forged = {
        .vault = self->vault,
        .guard = self->guard,
        .lines = "{\"path\":\"a\",@F}\n{\"path\":\"b\",@F}\n{\"path\":\"d\",@D}\n"
                 "{\"path\":\"d/x\",@F}\n{\"path\":\"e\",@D}\n{\"path\":\"l\",@S,\"link\":\"x\"}\n",
    };

    forge_backup(&forged);
    for (unsigned overwrite = 0; overwrite < 2; overwrite++) {
        char *during = NULL;
        clear_target(self);
        plant(self, "a", "secret", false);
        plant(self, "d", "outside", false);
        plant(self, "e", "in/beside", false);
        plant(self, "l", "outside", false);
        restore_here(self, overwrite == 1);
        guard_check(self->guard, self->snapshot);
        clear_target(self);
        plant(self, "b", "in/a", true);
        during = guard_snapshot(self->guard);
        restore_here(self, false);
        guard_check(self->guard, during);
        free(during);
        clear_target(self);
        free(self->snapshot);
        self->snapshot = guard_snapshot(self->guard);
        self->cases++;
    }
}

typedef struct swapper {
    int target;
    atomic_bool stop;
    unsigned long swaps;
} swapper;

/* Let "d" be by turns the restore's directory and a link that leads out. */
static void *swap_for_ever(void *user)
{
    swapper *self = user;

    while (!atomic_load(&self->stop)) {
        (void)!symlinkat("../../outside", self->target, "s");
        if (renameat2(self->target, "s", self->target, "d", RENAME_EXCHANGE) == 0) {
            self->swaps++;
        }
        (void)renameat2(self->target, "s", self->target, "d", RENAME_EXCHANGE);
        (void)unlinkat(self->target, "s", 0);
    }
    return NULL;
}

static void somebody_who_swaps_directories_gains_nothing(void **state)
{
    scene *self = *state;
    const unsigned rounds = full ? 300 : 20;
    swapper other = {.target = open(self->target, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    forge forged = {.vault = self->vault, .guard = self->guard};
    pthread_t thread;
    bsi_buf lines;

    bsi_buf_init(&lines, SIZE_MAX / 2);
    repeat(&lines, "{\"path\":\"d\",@D}\n", 1);
    for (unsigned i = 0; i < 300; i++) {
        assert_ok(bsi_buf_append_format(&lines, "{\"path\":\"d/%03u\",@F}\n", i));
    }
    assert_ok(bsi_buf_append_format(&lines, "{\"path\":\"d/x\",@F}\n"));
    assert_ok(bsi_buf_append_byte(&lines, 0));
    forged.lines = (const char *)lines.data;
    forge_backup(&forged);
    clear_target(self);
    assert_int_equal(pthread_create(&thread, NULL, swap_for_ever, &other), 0);
    for (unsigned i = 0; i < rounds; i++) {
        const bsi_restore_plan plan = {
            .manifest_key = FORGE_MANIFEST,
            .restore_path = self->target,
            .target = {.permissions = true, .ownership = true, .overwrite = i % 2 == 0},
            .verify = true,
        };
        bsi_restore_result result = {0};
        const bs_status status =
            bsi_vault_find("archive")->restore(&self->vault->env, &plan, &result);
        assert_int_not_equal(status, BS_E_INTERNAL);
        self->runs++;
    }
    atomic_store(&other.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(other.target);
    print_message("# %lu swaps against %u files\n", other.swaps, rounds * 301);
    guard_check(self->guard, self->snapshot);
    bsi_buf_dispose(&lines);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(hostile_manifests_change_nothing_outside_the_target),
        TEST(objects_that_are_no_manifests_are_refused),
        TEST(absurd_amounts_stay_bounded),
        TEST(bad_containers_cost_their_files_and_nothing_else),
        TEST(links_in_the_target_are_never_followed),
        TEST(somebody_who_swaps_directories_gains_nothing),
    };

    test_dir_in_memory();
    full = getenv("BSI_TESTS_FULL") != NULL;
    return cmocka_run_group_tests_name("integration/hostile", tests, NULL, NULL);
}
